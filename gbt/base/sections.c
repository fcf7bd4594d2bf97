/* Writes and checks the container of model files. Nothing read is trusted: every byte comes through
 * the bounds-checked reader. What the sections hold is the business of their owners. Cost: one
 * checksum over the bytes. */
#include "gbt/base/sections.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAGIC_BYTES = 8, HEADER_BYTES = 28, ENTRY_BYTES = 16, CRC_BYTES = 4 };
enum { MOST_SECTIONS = 64 };

/* The first byte is not ASCII and the line ends notice a transfer as text, as in PNG. */
static const char magic[MAGIC_BYTES + 1] = "\x89GBT\r\n\x1a\n";

static const struct {
    const char *tag, *words;
} kind_row[] = {
    [GBT_FILE_TREES] = {GBT_KIND_TREES, "a tree model"},
    [GBT_FILE_MULTITASK] = {GBT_KIND_MULTITASK, "a multi-task model"},
    [GBT_FILE_HEADS] = {GBT_KIND_HEADS, "a model of neural heads"},
};
enum { N_KINDS = (int)(sizeof kind_row / sizeof kind_row[0]) };

static bool is_optional(const char *tag)
{
    return tag[0] >= 'a' && tag[0] <= 'z';
}

/* ---- Writing --------------------------------------------------------------------------------- */

static bool is_left_out(const gbt_section *section)
{
    return !section->data && is_optional(section->tag);
}

gbt_status gbt_sections_write(gbt_writer *writer, const char *kind, uint32_t format,
                              const gbt_section *section, int n)
{
    gbt_status status = GBT_OK;
    gbt_writer head = {0};
    size_t body = 0;
    uint32_t n_there = 0;
    for (int s = 0; s < n; s++) {
        body += section[s].size;
        n_there += !is_left_out(&section[s]);
    }
    gbt_write_bytes(&head, magic, MAGIC_BYTES);
    gbt_write_bytes(&head, kind, GBT_TAG_CHARS);
    gbt_write_u32(&head, format);
    gbt_write_u64(&head, HEADER_BYTES + (uint64_t)n_there * ENTRY_BYTES + CRC_BYTES + body);
    gbt_write_u32(&head, n_there);
    for (int s = 0; s < n; s++) {
        if (!is_left_out(&section[s])) {
            gbt_write_bytes(&head, section[s].tag, GBT_TAG_CHARS);
            gbt_write_u32(&head, gbt_crc32(section[s].data, section[s].size));
            gbt_write_u64(&head, section[s].size);
        }
    }
    GBT_TRY_OR_DONE(head.status);
    gbt_write_bytes(writer, head.data, head.size);
    gbt_write_u32(writer, gbt_crc32(head.data, head.size));
    for (int s = 0; s < n; s++) {
        gbt_write_bytes(writer, section[s].data, section[s].size);
    }
    status = writer->status;
done:
    gbt_writer_close(&head);
    return status;
}

/* ---- Kinds ----------------------------------------------------------------------------------- */

/* -1: not known. */
static int find_kind(const char *tag)
{
    for (int k = 0; k < N_KINDS; k++) {
        if (memcmp(tag, kind_row[k].tag, GBT_TAG_CHARS) == 0) {
            return k;
        }
    }
    return -1;
}

/* Reads the start of the header up to the kind, of which `tag` [GBT_TAG_CHARS] is the tag. */
static gbt_status read_start(gbt_reader *reader, char *tag)
{
    unsigned char start[MAGIC_BYTES];
    if (reader->size < HEADER_BYTES) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %zu bytes are too few for a gbt model file",
                        reader->where, reader->size);
    }
    gbt_read_bytes(reader, start, MAGIC_BYTES);
    if (memcmp(start, magic, MAGIC_BYTES) != 0) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: not a gbt model file", reader->where);
    }
    gbt_read_bytes(reader, tag, GBT_TAG_CHARS);
    return reader->status;
}

gbt_status gbt_sections_kind(const void *data, size_t size, const char *file, gbt_file_kind *out)
{
    char tag[GBT_TAG_CHARS];
    gbt_reader reader = {.data = data, .size = size, .where = file};
    GBT_TRY(read_start(&reader, tag));
    const int found = find_kind(tag);
    if (found < 0) {
        return gbt_fail(GBT_ERR_FORMAT,
                        "%s: a gbt file, but not a model of a kind that this library (%s) knows",
                        file, gbt_version());
    }
    *out = (gbt_file_kind)found;
    return GBT_OK;
}

gbt_status gbt_model_file_kind(const char *path, gbt_file_kind *out)
{
    unsigned char start[HEADER_BYTES];
    size_t size = 0;
    if (!path || !out) {
        return gbt_fail(GBT_ERR_ARGUMENT, "%s is NULL", path ? "out" : "path");
    }
    GBT_TRY(gbt_file_read_start(path, start, sizeof start, &size));
    return gbt_sections_kind(start, size, path, out);
}

static gbt_status check_kind(const char *tag, const char *kind, const char *file)
{
    if (memcmp(tag, kind, GBT_TAG_CHARS) == 0) {
        return GBT_OK;
    }
    const int found = find_kind(tag), expected = find_kind(kind);
    if (expected < 0) {
        return gbt_fail(GBT_ERR_BUG, "%s: kind %.4s is not in the list of kinds", file, kind);
    }
    return gbt_fail(GBT_ERR_FORMAT, "%s: %s where %s is expected", file,
                    found < 0 ? "a gbt file, but not a model of a known kind,"
                              : kind_row[found].words,
                    kind_row[expected].words);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* What is known while the table of sections is read. */
typedef struct table {
    const char *file;
    gbt_section *section; /* [n] those that the caller knows */
    int n;
    size_t at; /* where the next section begins */
} table;

static gbt_status read_header(gbt_reader *reader, const char *kind, uint32_t format,
                              uint32_t *n_sections)
{
    const char *file = reader->where;
    char tag[GBT_TAG_CHARS];
    GBT_TRY(read_start(reader, tag));
    const uint32_t version = gbt_read_u32(reader);
    const uint64_t total = gbt_read_u64(reader);
    *n_sections = gbt_read_u32(reader);
    GBT_TRY(check_kind(tag, kind, file));
    if (version != format) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: format version %u, this library (%s) reads version %u",
                        file, version, gbt_version(), format);
    }
    if (total != reader->size) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %s: %zu bytes, the header says %llu", file,
                        reader->size < total ? "cut short" : "bytes behind the end", reader->size,
                        (unsigned long long)total);
    }
    if (*n_sections > MOST_SECTIONS ||
        reader->size < HEADER_BYTES + (size_t)*n_sections * ENTRY_BYTES + CRC_BYTES) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: header: %u sections", file, *n_sections);
    }
    return GBT_OK;
}

static gbt_section *find_section(const table *sections, const char *tag)
{
    for (int s = 0; s < sections->n; s++) {
        if (memcmp(tag, sections->section[s].tag, GBT_TAG_CHARS) == 0) {
            return &sections->section[s];
        }
    }
    return NULL;
}

/* One line of the table. */
static gbt_status read_entry(gbt_reader *reader, table *sections)
{
    char tag[GBT_TAG_CHARS];
    gbt_read_bytes(reader, tag, GBT_TAG_CHARS);
    const uint32_t crc = gbt_read_u32(reader);
    const uint64_t size = gbt_read_u64(reader);
    gbt_section *section = find_section(sections, tag);
    const char *name = section ? section->name : "an optional section";
    if (!section && !is_optional(tag)) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: unknown section; a newer library wrote this file",
                        sections->file);
    }
    if (size > reader->size - sections->at) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %s: longer than the file", sections->file, name);
    }
    if (section && section->data) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %s: there twice", sections->file, name);
    }
    const unsigned char *data = reader->data + sections->at;
    if (gbt_crc32(data, (size_t)size) != crc) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: %s: damaged (wrong checksum)", sections->file, name);
    }
    if (section) {
        section->data = data;
        section->size = (size_t)size;
    }
    sections->at += (size_t)size;
    return GBT_OK;
}

gbt_status gbt_sections_read(const void *data, size_t size, const char *file, const char *kind,
                             uint32_t format, gbt_section *section, int n)
{
    gbt_reader reader = {.data = data, .size = size, .where = file};
    uint32_t n_sections = 0;
    for (int s = 0; s < n; s++) {
        section[s].data = NULL;
        section[s].size = 0;
    }
    GBT_TRY(read_header(&reader, kind, format, &n_sections));
    const size_t head = HEADER_BYTES + (size_t)n_sections * ENTRY_BYTES;
    gbt_reader tail = {.data = data, .size = size, .at = head, .where = file};
    if (gbt_read_u32(&tail) != gbt_crc32(data, head)) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: header: damaged (wrong checksum)", file);
    }
    table sections = {.file = file, .section = section, .n = n, .at = head + CRC_BYTES};
    for (uint32_t s = 0; s < n_sections; s++) {
        GBT_TRY(read_entry(&reader, &sections));
    }
    if (sections.at != size) {
        return gbt_fail(GBT_ERR_FORMAT, "%s: header: the sections end at byte %zu of %zu", file,
                        sections.at, size);
    }
    for (int s = 0; s < n; s++) {
        if (!section[s].data && !is_optional(section[s].tag)) {
            return gbt_fail(GBT_ERR_FORMAT, "%s: %s: missing", file, section[s].name);
        }
    }
    return GBT_OK;
}

gbt_reader gbt_section_reader(const gbt_section *section, const char *file, char *where)
{
    snprintf(where, GBT_WHERE_CHARS, "%s: %s", file, section->name);
    return (gbt_reader){.data = section->data, .size = section->size, .where = where};
}

gbt_status gbt_section_at_end(gbt_reader *reader)
{
    if (reader->status == GBT_OK && reader->at != reader->size) {
        return gbt_reader_fail(reader, "%zu bytes are left over", reader->size - reader->at);
    }
    return reader->status;
}
