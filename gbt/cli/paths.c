/* Files that a command names: they must exist, or it must be possible to write them, and nothing
 * that is read may be overwritten. All of it is looked at before the first long step. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gbt/base/alloc.h"
#include "gbt/cli/cli.h"

/* ---- One file -------------------------------------------------------------------------------- */

static int check_readable(const char *key, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0 || access(path, R_OK) != 0) {
        return gbt_usage_error("%s = %s: %s", key, path, strerror(errno));
    }
    if (S_ISDIR(info.st_mode)) {
        return gbt_usage_error("%s = %s is a folder, not a file", key, path);
    }
    return GBT_EXIT_OK;
}

/* The value of the key; `*is_absent` when there is none and none is needed. */
static int take_path(const gbt_command *command, const char *key, bool is_optional, char *out,
                     bool *is_absent)
{
    const int code = gbt_command_text(command, key, out, GBT_PATH_CHARS);
    *is_absent = code == GBT_EXIT_OK && !out[0];
    if (*is_absent && !is_optional) {
        return gbt_usage_error("gbt %s needs %s=FILE", command->verb, key);
    }
    return code;
}

int gbt_command_input(const gbt_command *command, const char *key, bool is_optional, char *out)
{
    bool is_absent;
    const int code = take_path(command, key, is_optional, out, &is_absent);
    return code != GBT_EXIT_OK || is_absent ? code : check_readable(key, out);
}

int gbt_command_output(const gbt_command *command, const char *key, bool is_optional, char *out)
{
    char folder[GBT_PATH_CHARS];
    struct stat info;
    bool is_absent;
    const int code = take_path(command, key, is_optional, out, &is_absent);
    if (code != GBT_EXIT_OK || is_absent) {
        return code;
    }
    if (stat(out, &info) == 0 && S_ISDIR(info.st_mode)) {
        return gbt_usage_error("%s = %s is a folder, not a file", key, out);
    }
    memcpy(folder, out, strlen(out) + 1);
    char *slash = strrchr(folder, '/');
    if (!slash) {
        memcpy(folder, ".", 2);
    } else {
        slash[slash == folder] = '\0';
    }
    if (stat(folder, &info) != 0) {
        return gbt_usage_error("%s = %s: the folder %s does not exist", key, out, folder);
    }
    if (!S_ISDIR(info.st_mode) || access(folder, W_OK | X_OK) != 0) {
        return gbt_usage_error("%s = %s: nothing can be written into %s", key, out, folder);
    }
    return GBT_EXIT_OK;
}

/* ---- Several files --------------------------------------------------------------------------- */

/* Pipes and devices may be named twice. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    if (stat(a, &x) != 0 || stat(b, &y) != 0) {
        return strcmp(a, b) == 0;
    }
    return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int gbt_check_files(const gbt_used_file *file, int n)
{
    for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < n; j++) {
            const bool is_used = file[i].path && file[i].path[0] && file[j].path && file[j].path[0];
            if (is_used && (file[i].is_written || file[j].is_written) &&
                is_same_file(file[i].path, file[j].path)) {
                return gbt_usage_error("%s and %s name the same file, %s", file[i].key, file[j].key,
                                       file[i].path);
            }
        }
    }
    return GBT_EXIT_OK;
}

/* ---- Validation files ------------------------------------------------------------------------ */

/* One item, cut in place: `path` is that text, `name` a second copy of it. `name:path` gives a
 * name, else the file does, without folder and endings. */
static void split_item(char *path, char *name, const char **out_path, const char **out_name)
{
    const size_t size = strlen(path), prefix = strcspn(path, ":/");
    if (prefix > 0 && path[prefix] == ':') {
        name[prefix] = '\0';
        *out_path = path + prefix + 1;
        *out_name = name;
        return;
    }
    char *slash = strrchr(name, '/');
    char *file = slash ? slash + 1 : name;
    char *dot = file < name + size ? strchr(file + 1, '.') : NULL;
    if (dot) {
        *dot = '\0';
    }
    *out_path = path;
    *out_name = file;
}

static int check_item(const gbt_valid_list *list)
{
    const int last = list->n - 1;
    for (int i = 0; i < last; i++) {
        if (strcmp(list->name[i], list->name[last]) == 0) {
            return gbt_usage_error("valid: %s and %s are both called \"%s\"; write name:path",
                                   list->path[i], list->path[last], list->name[last]);
        }
    }
    return check_readable("valid", list->path[last]);
}

int gbt_valid_open(const gbt_command *command, gbt_valid_list *list)
{
    int code = GBT_EXIT_OK;
    memset(list, 0, sizeof *list);
    list->paths = gbt_command_copy(command->params, "valid");
    list->names = list->paths ? gbt_copy_text(list->paths) : NULL;
    if (!list->names) {
        code = gbt_exit_of(GBT_ERR_MEMORY);
    }
    for (char *at = list->paths; code == GBT_EXIT_OK && *at;) {
        char *item = at, *name = list->names + (at - list->paths);
        const size_t size = strcspn(at, ",");
        at += size + (at[size] == ',');
        item[size] = name[size] = '\0';
        if (list->n == GBT_MOST_VALID) {
            code = gbt_usage_error("valid lists more than %d files", GBT_MOST_VALID);
        } else {
            split_item(item, name, &list->path[list->n], &list->name[list->n]);
            list->n++;
            code = check_item(list);
        }
    }
    if (code != GBT_EXIT_OK) {
        gbt_valid_close(list);
    }
    return code;
}

void gbt_valid_close(gbt_valid_list *list)
{
    gbt_release(list->paths);
    gbt_release(list->names);
    memset(list, 0, sizeof *list);
}
