/* gbt params: the parameter table as help, as a template, as the manual. */
#include <stdio.h>
#include <string.h>

#include "gbt/cli/cli.h"

static void write_one(gbt_writer *text, const gbt_param_info *info)
{
    gbt_print(text, "[%s] %s  (%s%s%s)", info->section, info->name, info->kind,
              info->range[0] ? ", " : "", info->range);
    gbt_print(text, "  default: %s\n    %s\n", info->fallback[0] ? info->fallback : "none",
              info->doc);
    if (info->aliases[0]) {
        gbt_print(text, "    also: %s\n", info->aliases);
    }
}

static void write_list(gbt_writer *text)
{
    gbt_param_info info;
    for (int i = 0; i < gbt_param_count() && gbt_param_describe(i, &info) == GBT_OK; i++) {
        write_one(text, &info);
    }
}

static void write_ini(gbt_writer *text)
{
    const char *section = "";
    gbt_param_info info;
    for (int i = 0; i < gbt_param_count() && gbt_param_describe(i, &info) == GBT_OK; i++) {
        if (strcmp(section, info.section) != 0) {
            gbt_print(text, "%s[%s]\n", section[0] ? "\n" : "", info.section);
        }
        section = info.section;
        gbt_print(text, "# %s%s%s\n# %s =%s%s\n", info.doc, info.range[0] ? "; " : "", info.range,
                  info.name, info.fallback[0] ? " " : "", info.fallback);
    }
}

/* Ends a table cell; the bar separates columns in Markdown, so one in the text is escaped, and a
 * list gets a blank behind each comma, where a line may be broken. */
static void write_cell(gbt_writer *text, const char *cell)
{
    for (const char *at = cell; *at; at++) {
        gbt_print(text, "%s%c%s", *at == '|' ? "\\" : "", *at,
                  *at == ',' && at[1] != ' ' ? " " : "");
    }
    gbt_print(text, "%s|", cell[0] ? " " : "");
}

static void write_markdown(gbt_writer *text)
{
    const char *section = "";
    gbt_param_info info;
    gbt_print(text, "# Parameters\n\n"
                    "Made by `gbt params --markdown` from `gbt/params/params.def`; edit that "
                    "file.\n");
    for (int i = 0; i < gbt_param_count() && gbt_param_describe(i, &info) == GBT_OK; i++) {
        const char *const cells[] = {info.kind, info.fallback, info.range, info.aliases, info.doc};
        if (strcmp(section, info.section) != 0) {
            gbt_print(text,
                      "\n## [%s]\n\n| key | kind | default | range | also | meaning |\n"
                      "| --- | --- | --- | --- | --- | --- |\n",
                      info.section);
        }
        section = info.section;
        gbt_print(text, "| `%s` |", info.name);
        for (int c = 0; c < 5; c++) {
            gbt_print(text, " ");
            write_cell(text, cells[c]);
        }
        gbt_print(text, "\n");
    }
}

static int write_key(gbt_writer *text, const char *key)
{
    gbt_param_info info;
    int index;
    gbt_status status = gbt_param_find(key, &index);
    status = status == GBT_OK ? gbt_param_describe(index, &info) : status;
    if (status == GBT_OK) {
        write_one(text, &info);
    }
    return gbt_exit_of(status);
}

int gbt_cmd_params(int argc, char **argv)
{
    static const char usage[] =
        "gbt params takes one argument: --ini, --markdown, or the name of a key";
    gbt_writer text = {0};
    int code = GBT_EXIT_OK;
    if (argc > 1) {
        return gbt_usage_error("%s", usage);
    }
    if (argc == 0) {
        write_list(&text);
    } else if (strcmp(argv[0], "--ini") == 0) {
        write_ini(&text);
    } else if (strcmp(argv[0], "--markdown") == 0) {
        write_markdown(&text);
    } else if (argv[0][0] == '-') {
        code = gbt_usage_error("unknown option %s; %s", argv[0], usage);
    } else {
        code = write_key(&text, argv[0]);
    }
    code = code == GBT_EXIT_OK ? gbt_put("", &text) : code;
    gbt_writer_close(&text);
    return code;
}
