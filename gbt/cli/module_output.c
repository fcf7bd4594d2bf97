/* NumPy files [numpy.lib.format, version 1.0], ZIP archives without compression [APPNOTE 6.3], and
 * progress of jobs without rounds. Cost: one pass over the values. */
#define _POSIX_C_SOURCE 200809L
#include "gbt/cli/module_output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gbt/base/clock.h"

enum { NPY_ALIGNMENT = 64, NPY_FIXED = 10, MOST_HEADER = 192, CHUNK = 1 << 14 };

/* ---- The header of an array ------------------------------------------------------------------ */

/* Magic, version and the description, padded so that the values begin aligned. */
static void print_npy_header(gbt_writer *out, int64_t n_rows, int64_t n_cols)
{
    char shape[64], text[MOST_HEADER];
    if (n_cols > 0) {
        snprintf(shape, sizeof shape, "(%" PRId64 ", %" PRId64 ")", n_rows, n_cols);
    } else {
        snprintf(shape, sizeof shape, "(%" PRId64 ",)", n_rows);
    }
    int size = snprintf(text, sizeof text,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape);
    while ((NPY_FIXED + size + 1) % NPY_ALIGNMENT != 0) {
        text[size++] = ' ';
    }
    text[size++] = '\n';
    gbt_write_bytes(out, "\x93NUMPY\x01", 7);
    gbt_write_u8(out, 0);
    gbt_write_u8(out, (uint8_t)size);
    gbt_write_u8(out, (uint8_t)(size >> 8));
    gbt_write_bytes(out, text, (size_t)size);
}

/* ---- One array, written row by row ----------------------------------------------------------- */

static gbt_status refuse_write(const char *path, int error)
{
    return gbt_fail(GBT_ERR_IO, "%s: cannot be written: %s", path, strerror(error));
}

/* A new file beside the path, with the permissions of the one that it will replace. */
static int open_beside(gbt_npy_file *npy, const struct stat *old)
{
    int file = -1;
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(npy->temporary, sizeof npy->temporary, "%s.tmp-%ld-%d", npy->path, (long)getpid(),
                 attempt);
        file = open(npy->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST) {
            break;
        }
    }
    if (file >= 0 && old) {
        (void)fchmod(file, old->st_mode & 07777);
    }
    return file;
}

static gbt_status write_out(gbt_npy_file *npy, const gbt_writer *bytes)
{
    if (bytes->status == GBT_OK && fwrite(bytes->data, 1, bytes->size, npy->file) != bytes->size) {
        return refuse_write(npy->path, errno);
    }
    return bytes->status;
}

gbt_status gbt_npy_open(gbt_npy_file *npy, const char *path, int64_t n_rows, int64_t n_cols)
{
    struct stat old;
    const bool exists = stat(path, &old) == 0;
    memset(npy, 0, sizeof *npy);
    npy->path = path;
    npy->n_left = n_rows * n_cols;
    const int file = exists && !S_ISREG(old.st_mode) ? open(path, O_WRONLY | O_CLOEXEC)
                                                     : open_beside(npy, exists ? &old : NULL);
    npy->file = file >= 0 ? fdopen(file, "wb") : NULL;
    if (!npy->file) {
        const int error = errno;
        if (file >= 0) {
            (void)close(file);
        } else {
            npy->temporary[0] = '\0'; /* the name is not ours */
        }
        return refuse_write(path, error);
    }
    gbt_writer header = {0};
    print_npy_header(&header, n_rows, n_cols);
    const gbt_status status = write_out(npy, &header);
    gbt_writer_close(&header);
    return status;
}

gbt_status gbt_npy_append(gbt_npy_file *npy, const float *value, int64_t n)
{
    gbt_status status = GBT_OK;
    gbt_writer bytes = {0};
    for (int64_t first = 0; first < n && status == GBT_OK; first += CHUNK) {
        bytes.size = 0;
        gbt_write_f32s(&bytes, value + first, n - first < CHUNK ? n - first : CHUNK);
        status = write_out(npy, &bytes);
    }
    gbt_writer_close(&bytes);
    npy->n_left -= n;
    return status;
}

gbt_status gbt_npy_finish(gbt_npy_file *npy)
{
    if (npy->n_left != 0) {
        return gbt_fail(GBT_ERR_BUG, "%s: %" PRId64 " values are missing", npy->path, npy->n_left);
    }
    int error = fflush(npy->file) != 0 ? errno : 0;
    if (error == 0 && npy->temporary[0] && fsync(fileno(npy->file)) != 0 && errno != EINVAL) {
        error = errno;
    }
    if (fclose(npy->file) != 0 && error == 0) {
        error = errno;
    }
    npy->file = NULL;
    return error == 0 ? GBT_OK : refuse_write(npy->path, error);
}

gbt_status gbt_npy_keep(gbt_npy_file *npy)
{
    if (npy->temporary[0] && rename(npy->temporary, npy->path) != 0) {
        return refuse_write(npy->path, errno);
    }
    npy->temporary[0] = '\0';
    return GBT_OK;
}

void gbt_npy_close(gbt_npy_file *npy)
{
    if (npy->file) {
        (void)fclose(npy->file);
    }
    if (npy->temporary[0]) {
        (void)unlink(npy->temporary);
    }
    memset(npy, 0, sizeof *npy);
}

/* ---- Several arrays in one file -------------------------------------------------------------- */

static void write_u16(gbt_writer *out, unsigned value)
{
    gbt_write_u8(out, (uint8_t)value);
    gbt_write_u8(out, (uint8_t)(value >> 8));
}

/* What the header of an entry and its line in the directory have in common. */
typedef struct zip_entry {
    uint32_t crc, size, offset;
    char name[64];
} zip_entry;

static void write_entry(gbt_writer *out, const zip_entry *entry)
{
    write_u16(out, 20);   /* version needed: 2.0 */
    write_u16(out, 0);    /* flags */
    write_u16(out, 0);    /* method: stored */
    write_u16(out, 0);    /* time: midnight */
    write_u16(out, 0x21); /* date: 1980-01-01, the first there is; equal data, equal bytes */
    gbt_write_u32(out, entry->crc);
    gbt_write_u32(out, entry->size); /* compressed */
    gbt_write_u32(out, entry->size);
    write_u16(out, (unsigned)strlen(entry->name));
    write_u16(out, 0); /* no extra field */
}

static void write_array(gbt_writer *out, const gbt_array *array, zip_entry *entry)
{
    gbt_writer body = {0};
    print_npy_header(&body, array->n_rows, array->n_cols);
    gbt_write_f32s(&body, array->value, array->n_rows * (array->n_cols > 0 ? array->n_cols : 1));
    if (body.status != GBT_OK) {
        out->status = body.status;
    } else {
        snprintf(entry->name, sizeof entry->name, "%s.npy", array->name);
        entry->crc = gbt_crc32(body.data, body.size);
        entry->size = (uint32_t)body.size;
        entry->offset = (uint32_t)out->size;
        gbt_write_u32(out, 0x04034B50u);
        write_entry(out, entry);
        gbt_write_bytes(out, entry->name, strlen(entry->name));
        gbt_write_bytes(out, body.data, body.size);
    }
    gbt_writer_close(&body);
}

static void write_directory(gbt_writer *out, const zip_entry *entry, int n)
{
    const size_t start = out->size;
    for (int i = 0; i < n; i++) {
        gbt_write_u32(out, 0x02014B50u);
        write_u16(out, 20); /* made by version 2.0 */
        write_entry(out, &entry[i]);
        write_u16(out, 0); /* no comment */
        write_u16(out, 0); /* disk */
        write_u16(out, 0); /* attributes */
        gbt_write_u32(out, 0);
        gbt_write_u32(out, entry[i].offset);
        gbt_write_bytes(out, entry[i].name, strlen(entry[i].name));
    }
    const size_t size = out->size - start;
    gbt_write_u32(out, 0x06054B50u);
    write_u16(out, 0); /* disk, and the disk of the directory */
    write_u16(out, 0);
    write_u16(out, (unsigned)n);
    write_u16(out, (unsigned)n);
    gbt_write_u32(out, (uint32_t)size);
    gbt_write_u32(out, (uint32_t)start);
    write_u16(out, 0); /* no comment */
}

gbt_status gbt_print_npz(gbt_writer *out, const gbt_array *array, int n)
{
    enum { MOST_ARRAYS = 16 };
    zip_entry entry[MOST_ARRAYS];
    double bytes = 0.0;
    for (int i = 0; i < n; i++) {
        const double n_cols = (double)(array[i].n_cols > 0 ? array[i].n_cols : 1);
        bytes += 4.0 * (double)array[i].n_rows * n_cols + 4096.0;
    }
    if (bytes > 0xFFFFFFFFu || n > MOST_ARRAYS) {
        return gbt_fail(GBT_ERR_MEMORY, "%.0f bytes in %d arrays do not fit into an .npz file",
                        bytes, n);
    }
    for (int i = 0; i < n && out->status == GBT_OK; i++) {
        write_array(out, &array[i], &entry[i]);
    }
    if (out->status == GBT_OK) {
        write_directory(out, entry, n);
    }
    return out->status;
}

/* ---- Progress -------------------------------------------------------------------------------- */

void gbt_progress_open(gbt_progress *progress, const gbt_command *command, const char *what)
{
    memset(progress, 0, sizeof *progress);
    progress->is_quiet = command->verbosity == GBT_QUIET;
    progress->is_terminal = isatty(STDERR_FILENO) != 0;
    gbt_progress_begin(progress, what, 1);
}

void gbt_progress_begin(gbt_progress *progress, const char *what, int64_t n_parts)
{
    progress->what = what;
    progress->start = gbt_clock();
    progress->last_seconds = 0.0;
    progress->last_quarter = 0;
    progress->part = 0;
    progress->n_parts = n_parts;
}

int gbt_progress_report(double done, double seconds, void *user)
{
    gbt_progress *progress = user;
    const double all = ((double)progress->part + done) / (double)progress->n_parts;
    const int quarter = (int)(4.0 * all);
    seconds = gbt_clock() - progress->start; /* of the job; the part's own are those of a block */
    const bool is_due = progress->is_terminal ? seconds - progress->last_seconds >= 1.0
                                              : quarter > progress->last_quarter;
    if (!progress->is_quiet && is_due && seconds >= 1.0) {
        progress->last_seconds = seconds;
        progress->last_quarter = quarter;
        fprintf(stderr, "%s: %.0f %%  %.1f s", progress->what, 100.0 * all, seconds);
        if (all > 0.0 && all < 1.0) {
            fprintf(stderr, ", %.0f s left", seconds / all * (1.0 - all));
        }
        fputc('\n', stderr);
    }
    return gbt_is_interrupted();
}
