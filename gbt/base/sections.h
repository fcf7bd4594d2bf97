/* The container of every model file: a header with the kind, the format and a table of sections,
 * then the sections, each under its own CRC-32. The header states the whole length, so that a file
 * cut short anywhere is noticed. tree/README.md describes it byte by byte.
 *
 * A section whose tag begins with a lower-case letter is optional: readers that do not know it
 * skip it. Any other change raises the format, and older readers refuse the file. */
#ifndef GBT_BASE_SECTIONS_H
#define GBT_BASE_SECTIONS_H

#include "gbt/base/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { GBT_TAG_CHARS = 4 };

/* The kinds of model files, one for each gbt_file_kind. */
#define GBT_KIND_TREES "TREE"
#define GBT_KIND_MULTITASK "MTSK"
#define GBT_KIND_HEADS "HEAD"

typedef struct gbt_section {
    const char *tag;           /* GBT_TAG_CHARS characters */
    const char *name;          /* for messages: "trees" */
    const unsigned char *data; /* borrowed; NULL: an optional section that is absent */
    size_t size;
} gbt_section;

/* Appends a whole file. kind: GBT_TAG_CHARS characters. */
gbt_status gbt_sections_write(gbt_writer *, const char *kind, uint32_t format,
                              const gbt_section *section, int n);

/* The kind that the header names. GBT_ERR_FORMAT: not a model file, or of an unknown kind. */
gbt_status gbt_sections_kind(const void *data, size_t size, const char *file, gbt_file_kind *out);

/* Checks header, lengths and checksums and fills `data` and `size` of the sections that the caller
 * knows by tag; they point into `data`. `file` begins the messages. GBT_ERR_FORMAT: not a model
 * file, another kind (the message says which), a newer format, damaged, a section missing, there
 * twice or unknown. */
gbt_status gbt_sections_read(const void *data, size_t size, const char *file, const char *kind,
                             uint32_t format, gbt_section *section, int n);

/* A reader over one section, with `where` [GBT_WHERE_CHARS] = "file: name" for its messages. */
enum { GBT_WHERE_CHARS = 300 };
gbt_reader gbt_section_reader(const gbt_section *, const char *file, char *where);
/* GBT_ERR_FORMAT when bytes are left over. */
gbt_status gbt_section_at_end(gbt_reader *);

#ifdef __cplusplus
}
#endif

#endif
