/* gbt params: the parameter table as help, as a template, as the manual. */
#include <stdio.h>
#include <string.h>

#include "gbt/cli/cli.h"

static void write_one(gbt_writer *text, const gbt_param_info *info)
{
    gbt_print(text, "[%s] %s  (%s%s%s)", info->section, info->name, info->kind, info->range[0] ? ", " : "",
              info->range);
    gbt_print(text, "  default: %s\n    %s\n", info->fallback[0] ? info->fallback : "none", info->doc);
    if (info->aliases[0]) {
        gbt_print(text, "    also: %s\n", info->aliases);
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
        gbt_print(text, "# %s%s%s\n# %s = %s\n", info.doc, info.range[0] ? "; " : "", info.range, info.name,
                  info.fallback);
    }
}

/* A table cell: the bar separates columns in Markdown. */
static void write_cell(gbt_writer *text, const char *cell)
{
    for (const char *at = cell; *at; at++) {
        gbt_print(text, *at == '|' ? "\\|" : "%c", *at);
    }
}

static void write_markdown(gbt_writer *text)
{
    const char *section = "";
    gbt_param_info info;
    gbt_print(text, "# Parameters\n\nMade by `gbt params --markdown` from `gbt/params/params.def`; edit that file.\n");
    for (int i = 0; i < gbt_param_count() && gbt_param_describe(i, &info) == GBT_OK; i++) {
        if (strcmp(section, info.section) != 0) {
            gbt_print(text, "\n## [%s]\n\n| key | kind | default | range | also | meaning |\n"
                            "| --- | --- | --- | --- | --- | --- |\n", info.section);
        }
        section = info.section;
        gbt_print(text, "| `%s` | %s | %s | ", info.name, info.kind, info.fallback);
        write_cell(text, info.range);
        gbt_print(text, " | %s | ", info.aliases);
        write_cell(text, info.doc);
        gbt_print(text, " |\n");
    }
}

int gbt_cmd_params(int argc, char **argv)
{
    gbt_writer text = {0};
    gbt_param_info info;
    int index, code = GBT_EXIT_OK;
    if (argc > 1) {
        return gbt_usage_error("gbt params takes one argument: --ini, --markdown, or the name of a key");
    }
    if (argc == 0) {
        for (int i = 0; i < gbt_param_count() && gbt_param_describe(i, &info) == GBT_OK; i++) {
            write_one(&text, &info);
        }
    } else if (strcmp(argv[0], "--ini") == 0) {
        write_ini(&text);
    } else if (strcmp(argv[0], "--markdown") == 0) {
        write_markdown(&text);
    } else if (strncmp(argv[0], "--", 2) == 0) {
        code = gbt_usage_error("unknown option %s; gbt params takes --ini, --markdown, or the name of a key", argv[0]);
    } else {
        gbt_status status = gbt_param_find(argv[0], &index);
        status = status == GBT_OK ? gbt_param_describe(index, &info) : status;
        code = gbt_exit_of(status);
        if (code == GBT_EXIT_OK) {
            write_one(&text, &info);
        }
    }
    if (code == GBT_EXIT_OK) {
        code = gbt_put("", &text);
    }
    gbt_writer_close(&text);
    return code;
}
