/* The Arrow C data and stream interfaces: three structs whose layout Apache Arrow has fixed for
 * good, under the guards that its specification names, so that a program may declare them once
 * more. What the fields mean is said there ("The Arrow C data interface", "The Arrow C stream
 * interface"). */
#ifndef GBT_DATASETS_ARROW_ABI_H
#define GBT_DATASETS_ARROW_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children; /* [n_children] */
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *); /* NULL: released */
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count; /* -1: not counted */
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;         /* [n_buffers] */
    struct ArrowArray **children; /* [n_children] */
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *); /* NULL: released, the end of a stream */
    void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

struct ArrowArrayStream { /* functions return 0 or an errno code */
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *); /* NULL: released */
    void *private_data;
};

#endif

#ifdef __cplusplus
}
#endif

#endif
