/* Blocks of whole lines from a plain or gzip file. All bytes that can be handed out lie in one
 * window: for a plain file the whole mapping, for gzip a buffer that inflates ahead of the reader.
 * Does not look at the content beyond line ends and the byte order mark. Cost: plain files are not
 * copied; inflating runs on the calling thread. Format: RFC 1952 through zlib. */
#define _GNU_SOURCE
#include "datasets/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "gbt/base/alloc.h"

struct gbt_source {
    char *name;
    const unsigned char *file; /* [file_size + padding] mapped or owned */
    size_t file_size;
    size_t mapped_size; /* 0: `file` is owned memory */
    bool is_gzip;

    z_stream inflater;
    bool has_inflater;
    bool member_ended; /* the inflater stands between two gzip members */

    const char *window; /* what has been read: the file or `buffer` */
    char *buffer;       /* [capacity + padding] inflated bytes */
    size_t capacity;
    size_t start, filled; /* unread bytes of the window are [start, filled) */
    size_t block_start;   /* of the latest block; extend needs it */
    bool at_end;          /* nothing can be added to the window */
    bool past_mark;       /* the byte order mark has been looked for */
};

/* ---- Opening --------------------------------------------------------------------------------- */

/* Maps the file over the start of a longer anonymous mapping, so that bytes after its end are
 * readable zeros even when it fills its last page. */
static gbt_status map_file(gbt_source *source, int descriptor)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t length = (source->file_size + page - 1) / page * page + page;
    void *base = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        return gbt_fail(GBT_ERR_MEMORY, "%s: cannot map %zu bytes: %s", source->name, length,
                        strerror(errno));
    }
    source->file = base;
    source->mapped_size = length;
    if (mmap(base, source->file_size, PROT_READ, MAP_PRIVATE | MAP_FIXED, descriptor, 0) ==
        MAP_FAILED) {
        return gbt_fail(GBT_ERR_IO, "%s: cannot map the file: %s", source->name, strerror(errno));
    }
    (void)madvise(base, source->file_size, MADV_SEQUENTIAL);
    return GBT_OK;
}

static gbt_status load_file(gbt_source *source)
{
    int descriptor = open(source->name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return gbt_fail(GBT_ERR_IO, "%s: cannot open the file: %s", source->name, strerror(errno));
    }
    gbt_status status = GBT_OK;
    struct stat facts;
    if (fstat(descriptor, &facts) != 0) {
        status =
            gbt_fail(GBT_ERR_IO, "%s: cannot read the file: %s", source->name, strerror(errno));
    } else if (S_ISDIR(facts.st_mode)) {
        status = gbt_fail(GBT_ERR_IO, "%s: is a directory, expected a file", source->name);
    } else if (!S_ISREG(facts.st_mode)) {
        status = gbt_fail(GBT_ERR_IO, "%s: is not a regular file; pipes and devices cannot be read",
                          source->name);
    } else if (facts.st_size == 0) {
        status = gbt_fail(GBT_ERR_FORMAT, "%s: the file is empty", source->name);
    } else {
        source->file_size = (size_t)facts.st_size;
        status = map_file(source, descriptor);
    }
    (void)close(descriptor);
    return status;
}

static void *zlib_alloc(void *unused, unsigned count, unsigned size)
{
    (void)unused;
    return gbt_alloc((int64_t)count, size);
}

static void zlib_release(void *unused, void *memory)
{
    (void)unused;
    gbt_release(memory);
}

/* Decides between plain and gzip and opens the window. */
static gbt_status start_reading(gbt_source *source)
{
    source->is_gzip = source->file_size >= 2 && source->file[0] == 0x1f && source->file[1] == 0x8b;
    if (source->is_gzip) {
        source->inflater.zalloc = zlib_alloc;
        source->inflater.zfree = zlib_release;
        if (inflateInit2(&source->inflater, 15 + 16) != Z_OK) {
            return gbt_fail(GBT_ERR_MEMORY, "%s: out of memory for the gzip reader", source->name);
        }
        source->has_inflater = true;
    }
    return gbt_source_rewind(source);
}

gbt_status gbt_source_open(const char *path, gbt_source **out)
{
    gbt_status status = GBT_OK;
    gbt_source *source = NULL;
    *out = NULL;
    GBT_TRY(GBT_NEW_ZERO(source, 1));
    source->name = gbt_copy_text(path);
    if (source->name == NULL) {
        status = GBT_ERR_MEMORY;
        goto done;
    }
    GBT_TRY_OR_DONE(load_file(source));
    GBT_TRY_OR_DONE(start_reading(source));
    *out = source;
    source = NULL;
done:
    gbt_source_close(source);
    return status;
}

gbt_status gbt_source_from_memory(const char *name, const void *data, size_t size, gbt_source **out)
{
    gbt_status status = GBT_OK;
    gbt_source *source = NULL;
    unsigned char *copy = NULL;
    *out = NULL;
    if (size == 0) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: the file is empty", name);
    }
    GBT_TRY(GBT_NEW_ZERO(source, 1));
    source->name = gbt_copy_text(name);
    if (source->name == NULL) {
        status = GBT_ERR_MEMORY;
        goto done;
    }
    GBT_TRY_OR_DONE(GBT_NEW(copy, (int64_t)size + GBT_SOURCE_PADDING));
    memcpy(copy, data, size);
    memset(copy + size, 0, GBT_SOURCE_PADDING);
    source->file = copy;
    source->file_size = size;
    GBT_TRY_OR_DONE(start_reading(source));
    *out = source;
    source = NULL;
done:
    gbt_source_close(source);
    return status;
}

void gbt_source_close(gbt_source *source)
{
    if (source == NULL) {
        return;
    }
    if (source->has_inflater) {
        (void)inflateEnd(&source->inflater);
    }
    if (source->mapped_size > 0) {
        (void)munmap((void *)(uintptr_t)source->file, source->mapped_size);
    } else {
        gbt_release((void *)(uintptr_t)source->file);
    }
    gbt_release(source->buffer);
    gbt_release(source->name);
    gbt_release(source);
}

/* ---- Gzip ------------------------------------------------------------------------------------ */

static size_t input_used(const gbt_source *source)
{
    return (size_t)(source->inflater.next_in - source->file);
}

/* Between two members: true when another one follows. Zeros may pad the end (tapes do that). */
static gbt_status next_member(gbt_source *source, bool *follows)
{
    const unsigned char *rest = source->inflater.next_in;
    size_t n = source->file_size - input_used(source);
    *follows = n >= 2 && rest[0] == 0x1f && rest[1] == 0x8b;
    for (size_t i = 0; !*follows && i < n; i++) {
        if (rest[i] != 0) {
            return gbt_fail(GBT_ERR_FORMAT,
                            "%s: no gzip data at byte %zu, after the end of a member", source->name,
                            input_used(source));
        }
    }
    return GBT_OK;
}

/* Inflates up to `n` bytes to the end of the buffer; the end of the data sets `at_end`. */
static gbt_status inflate_some(gbt_source *source, size_t n)
{
    z_stream *inflater = &source->inflater;
    if (source->member_ended) {
        bool follows = false;
        GBT_TRY(next_member(source, &follows));
        if (!follows) {
            source->at_end = true;
            return GBT_OK;
        }
        (void)inflateReset(inflater);
        source->member_ended = false;
    }
    size_t rest = source->file_size - input_used(source);
    inflater->avail_in = (uInt)(rest < INT_MAX ? rest : INT_MAX);
    inflater->next_out = (unsigned char *)source->buffer + source->filled;
    inflater->avail_out = (uInt)(n < INT_MAX ? n : INT_MAX);
    int result = inflate(inflater, Z_NO_FLUSH);
    source->filled = (size_t)((char *)inflater->next_out - source->buffer);
    if (result == Z_STREAM_END) {
        source->member_ended = true;
        return GBT_OK;
    }
    if (result == Z_MEM_ERROR) {
        return gbt_fail(GBT_ERR_MEMORY, "%s: out of memory for the gzip reader", source->name);
    }
    if (result != Z_OK && result != Z_BUF_ERROR) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: gzip data is damaged near byte %zu: %s", source->name,
                        input_used(source), inflater->msg != NULL ? inflater->msg : "invalid data");
    }
    if (input_used(source) == source->file_size && inflater->avail_out > 0) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: gzip data is cut short after %zu bytes", source->name,
                        source->file_size);
    }
    return GBT_OK;
}

/* Moves the bytes from `keep` on to the front and makes room for `bytes` in all. */
static gbt_status make_room(gbt_source *source, size_t keep, size_t bytes)
{
    if (keep > 0) {
        memmove(source->buffer, source->buffer + keep, source->filled - keep);
        source->filled -= keep;
        source->start -= keep;
        source->block_start -= keep;
    }
    if (bytes > source->capacity) {
        char *larger = gbt_grow(source->buffer, (int64_t)source->filled,
                                (int64_t)bytes + GBT_SOURCE_PADDING, 1);
        if (larger == NULL) {
            return GBT_ERR_MEMORY;
        }
        source->buffer = larger;
        source->capacity = bytes;
    }
    return GBT_OK;
}

/* ---- The window ------------------------------------------------------------------------------ */

/* Brings `bytes` bytes from block_start on into the window, or all there are. */
static gbt_status fill(gbt_source *source, size_t bytes)
{
    if (source->at_end || source->filled - source->block_start >= bytes) {
        return GBT_OK;
    }
    GBT_TRY(make_room(source, source->block_start, bytes));
    while (!source->at_end && source->filled < bytes) {
        GBT_TRY(inflate_some(source, bytes - source->filled));
    }
    memset(source->buffer + source->filled, 0, GBT_SOURCE_PADDING);
    source->window = source->buffer;
    return GBT_OK;
}

/* Position after the last line end of [first, last), or `first` when there is none. */
static size_t after_last_line(const char *window, size_t first, size_t last)
{
    const char *found = last > first ? memrchr(window + first, '\n', last - first) : NULL;
    return found != NULL ? (size_t)(found - window) + 1 : first;
}

/* Leaves out a UTF-8 byte order mark; other encodings betray themselves by theirs. */
static gbt_status skip_mark(gbt_source *source)
{
    const unsigned char *first = (const unsigned char *)source->window + source->block_start;
    size_t n = source->filled - source->block_start;
    if (n >= 3 && memcmp(first, "\xEF\xBB\xBF", 3) == 0) {
        source->block_start += 3;
    } else if (n >= 2 && (memcmp(first, "\xFF\xFE", 2) == 0 || memcmp(first, "\xFE\xFF", 2) == 0)) {
        return gbt_fail(GBT_ERR_FORMAT, "%s:1:1: the file is UTF-16, expected UTF-8", source->name);
    }
    source->past_mark = true;
    return GBT_OK;
}

/* The block from block_start on with at least one line end beyond `least` bytes, about `bytes`
 * long. */
static gbt_status cut_block(gbt_source *source, size_t least, size_t bytes, gbt_block *out)
{
    size_t want = bytes < 4 ? 4 : bytes;
    size_t end;
    for (;;) {
        GBT_TRY(fill(source, want));
        if (!source->past_mark) {
            GBT_TRY(skip_mark(source));
        }
        size_t first = source->block_start + least;
        size_t last = source->block_start + want;
        last = last < source->filled ? last : source->filled;
        end = after_last_line(source->window, first, last);
        if (end > first) {
            break;
        }
        if (last == source->filled && source->at_end) {
            end = last;
            break;
        }
        want *= 2;
    }
    source->start = end;
    out->data = source->window + source->block_start;
    out->size = end - source->block_start;
    out->is_last = source->at_end && end == source->filled;
    return GBT_OK;
}

gbt_status gbt_source_next(gbt_source *source, size_t bytes, gbt_block *out)
{
    *out = (gbt_block){0};
    source->block_start = source->start;
    return cut_block(source, 0, bytes, out);
}

gbt_status gbt_source_extend(gbt_source *source, size_t bytes, gbt_block *block)
{
    return cut_block(source, block->size, block->size + (bytes < 4 ? 4 : bytes), block);
}

void gbt_source_give_back(gbt_source *source, size_t bytes)
{
    source->start -= bytes;
}

gbt_status gbt_source_rewind(gbt_source *source)
{
    source->start = 0;
    source->block_start = 0;
    source->past_mark = false;
    if (source->is_gzip) {
        (void)inflateReset(&source->inflater);
        source->inflater.next_in = (unsigned char *)(uintptr_t)source->file;
        source->member_ended = false;
        source->at_end = false;
        source->filled = 0;
        source->window = source->buffer;
    } else {
        source->window = (const char *)source->file;
        source->filled = source->file_size;
        source->at_end = true;
    }
    return GBT_OK;
}

const char *gbt_source_name(const gbt_source *source)
{
    return source->name;
}

int64_t gbt_source_bytes(const gbt_source *source)
{
    return (int64_t)source->file_size;
}

int64_t gbt_source_consumed(const gbt_source *source)
{
    return (int64_t)(source->is_gzip ? input_used(source) : source->start);
}

int64_t gbt_source_expect(const gbt_source *source, int64_t needed)
{
    const double share = (double)gbt_source_consumed(source) / (double)source->file_size;
    const double guess = share > 0 ? 1.02 * (double)needed / share + 64 : 0;
    const double most = (source->is_gzip ? 4 : 256) * (double)needed; /* early blocks can mislead */
    const int64_t count = (int64_t)(guess < most ? guess : most);
    const int64_t least = needed + needed / 8;
    return count > least ? count : least;
}
