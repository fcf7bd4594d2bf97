/* Whole files: read at once, written so that the name holds the old bytes or the new ones. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gbt/base/alloc.h"
#include "gbt/base/bytes.h"

/* The system's reason; strerror would follow the locale of the caller and is not thread-safe. */
static const char *reason(int error)
{
    switch (error) {
    case ENOENT:
        return "no such file or folder";
    case EACCES:
    case EPERM:
        return "permission denied";
    case EISDIR:
        return "it is a folder";
    case ENOTDIR:
        return "a part of the path is not a folder";
    case ENOSPC:
    case EDQUOT:
        return "no space left on the device";
    case EROFS:
        return "the file system is read-only";
    case EMFILE:
    case ENFILE:
        return "too many open files";
    case ENAMETOOLONG:
        return "the name is too long";
    case EFBIG:
        return "the file is too large";
    case EIO:
        return "input or output error";
    default:
        return NULL;
    }
}

static gbt_status io_failure(const char *verb, const char *path, int error)
{
    const char *text = reason(error);
    return text ? gbt_fail(GBT_ERR_IO, "%s: cannot be %s: %s", path, verb, text)
                : gbt_fail(GBT_ERR_IO, "%s: cannot be %s: system error %d", path, verb, error);
}

/* Reads up to `size` bytes; fewer only at the end of the file. -1 and errno on failure. */
static ssize_t read_fully(int file, unsigned char *out, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t part = size - done < 1u << 30 ? size - done : 1u << 30;
        ssize_t n = read(file, out + done, part);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    return (ssize_t)done;
}

gbt_status gbt_file_read(const char *path, unsigned char **data, size_t *size)
{
    gbt_status status = GBT_OK;
    unsigned char *bytes = NULL;
    size_t used = 0;
    *data = NULL;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return io_failure("opened", path, errno);
    }
    struct stat about;
    size_t expected = fstat(file, &about) == 0 && about.st_size > 0 ? (size_t)about.st_size : 0;
    size_t capacity = expected + 4096; /* one read sees the end; pipes have no size and grow */
    GBT_TRY_OR_DONE(GBT_NEW(bytes, (int64_t)capacity));
    for (;;) {
        ssize_t n = read_fully(file, bytes + used, capacity - used);
        if (n < 0) {
            status = io_failure("read", path, errno);
            goto done;
        }
        used += (size_t)n;
        if (used < capacity) {
            break;
        }
        unsigned char *grown = gbt_grow(bytes, (int64_t)used, (int64_t)capacity * 2, 1);
        if (!grown) {
            status = GBT_ERR_MEMORY;
            goto done;
        }
        bytes = grown;
        capacity *= 2;
    }
    *data = bytes;
    *size = used;
    bytes = NULL;
done:
    close(file);
    gbt_release(bytes);
    return status;
}

gbt_status gbt_file_read_start(const char *path, void *out, size_t capacity, size_t *size)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return io_failure("opened", path, errno);
    }
    const ssize_t n = read_fully(file, out, capacity);
    const int error = errno;
    close(file);
    if (n < 0) {
        return io_failure("read", path, error);
    }
    *size = (size_t)n;
    return GBT_OK;
}

/* 0, or the error number. */
static int write_fully(int file, const unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(file, data, size < 1u << 30 ? size : 1u << 30);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Makes the rename itself durable; a file system that cannot is not an error. */
static void sync_folder(const char *path, char *scratch)
{
    strcpy(scratch, path);
    char *slash = strrchr(scratch, '/');
    if (slash) {
        slash[slash == scratch ? 1 : 0] = '\0';
    } else {
        strcpy(scratch, ".");
    }
    int folder = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
        (void)fsync(folder);
        close(folder);
    }
}

/* Opens a new file beside `path`, with the permissions of the file that it will replace. */
static int open_beside(const char *path, const struct stat *old, char *name, size_t name_bytes)
{
    int file = -1;
    for (int attempt = 0; attempt < 100; attempt++) {
        snprintf(name, name_bytes, "%s.tmp-%ld-%d", path, (long)getpid(), attempt);
        file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST) {
            break;
        }
    }
    if (file >= 0 && old) {
        (void)fchmod(file, old->st_mode & 07777);
    }
    return file;
}

/* Pipes and devices cannot be replaced; they just get the bytes. */
static gbt_status write_special(const char *path, const void *data, size_t size)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) {
        return io_failure("written", path, errno);
    }
    int error = write_fully(file, data, size);
    if (close(file) != 0 && error == 0) {
        error = errno;
    }
    return error == 0 ? GBT_OK : io_failure("written", path, error);
}

gbt_status gbt_file_write(const char *path, const void *data, size_t size)
{
    struct stat old;
    bool exists = stat(path, &old) == 0;
    if (exists && !S_ISREG(old.st_mode)) {
        return write_special(path, data, size);
    }
    size_t name_bytes = strlen(path) + 64;
    char *name = gbt_alloc((int64_t)name_bytes, 1);
    if (!name) {
        return GBT_ERR_MEMORY;
    }
    int file = open_beside(path, exists ? &old : NULL, name, name_bytes);
    int error = file < 0 ? errno : 0;
    if (file >= 0) {
        error = write_fully(file, data, size);
        if (error == 0 && fsync(file) != 0 && errno != EINVAL) {
            error = errno;
        }
        if (close(file) != 0 && error == 0) {
            error = errno;
        }
        if (error == 0 && rename(name, path) != 0) {
            error = errno;
        }
        if (error != 0) {
            (void)unlink(name);
        } else {
            sync_folder(path, name);
        }
    }
    gbt_release(name);
    return error == 0 ? GBT_OK : io_failure("written", path, error);
}
