/* The library as a guest: it writes nothing, uses the caller's log and allocator, works in
 * several threads at once with the same results, and survives a fork. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gbt/gbt.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/gtest_c.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toy.h"

enum { ROWS = 600, N_WORKERS = 4 };

#if defined(__SANITIZE_THREAD__)
#define IS_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IS_UNDER_TSAN 1
#endif
#endif
#ifndef IS_UNDER_TSAN
#define IS_UNDER_TSAN 0
#endif

static const char *const options[] = {
    "objective=binary n_trees=5 subsample=0.7",
    "objective=regression n_trees=5 grow_policy=symmetric",
    "objective=multiclass n_trees=3 colsample_bynode=0.5",
    "objective=mae n_trees=5 grow_policy=depthwise",
};
static const toy_label labels[] = {TOY_BINARY, TOY_QUANTITY, TOY_CLASSES, TOY_QUANTITY};

/* Everything from rows to the bytes of the model; NULL on any failure. */
static void *train_case(int which, int threads, size_t *size)
{
    char text[256];
    toy data;
    void *bytes = NULL;
    snprintf(text, sizeof text, "%s threads=%d early_stopping_rounds=0", options[which], threads);
    toy_make(&data, ROWS, labels[which], 8);
    gbt_params *params = toy_params(text);
    gbt_dataset *train = toy_dataset(&data, params, NULL, true);
    const gbt_dataset *const sets[] = {train};
    gbt_model *model = NULL;
    if (gbt_train(params, train, sets, NULL, 1, NULL, NULL, &model) == GBT_OK) {
        bytes = toy_bytes(model, size);
    }
    gbt_model_free(model);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
    return bytes;
}

/* ---- Silence --------------------------------------------------------------------------------- */

/* Good calls and bad ones. */
static void use_everything(const char *folder)
{
    char path[TEMP_DIR_PATH + 16];
    size_t size = 0;
    gbt_model *model = NULL;
    gbt_params *params = NULL;
    for (int which = 0; which < 4; which++) {
        void *bytes = train_case(which, 2, &size);
        EXPECT_C_OK(gbt_model_from_bytes(bytes, size, &model));
        snprintf(path, sizeof path, "%s/m.gbt", folder);
        EXPECT_C_OK(gbt_model_save(model, path));
        gbt_model_free(model);
        gbt_memory_free(bytes);
    }
    EXPECT_C_STATUS(gbt_model_load("no such file", &model), GBT_ERR_IO);
    EXPECT_C_STATUS(gbt_model_from_bytes("rubbish", 7, &model), GBT_ERR_FORMAT);
    EXPECT_C_OK(gbt_params_create(&params));
    EXPECT_C_STATUS(gbt_params_set(params, "nonsense", "1"), GBT_ERR_PARAM);
    EXPECT_C_STATUS(gbt_params_load_ini(params, "no such file.ini"), GBT_ERR_IO);
    gbt_params_free(params);
}

TEST_C(Guest, NothingIsWrittenToStandardOutputAndError)
{
    temp_dir dir;
    char path[TEMP_DIR_PATH];
    struct stat info;
    ASSERT_C_TRUE(temp_dir_open(&dir));
    EXPECT_C_TRUE(temp_dir_write(&dir, "written", "", 0, path));
    FILE *file = fopen(path, "r+");
    ASSERT_C_TRUE(file != NULL);
    fflush(NULL);
    const int out = dup(1), err = dup(2);
    dup2(fileno(file), 1);
    dup2(fileno(file), 2);
    use_everything(dir.path);
    fflush(NULL);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    EXPECT_C_TRUE(fstat(fileno(file), &info) == 0);
    EXPECT_C_EQ_INT(info.st_size, 0);
    fclose(file);
    temp_dir_close(&dir);
}

/* ---- Hooks ----------------------------------------------------------------------------------- */

typedef struct line_log {
    int n_lines, n_wrong;
    char last[256];
    pthread_t thread;
} line_log;

static void take_line(gbt_log_level level, const char *line, void *user)
{
    line_log *log = user;
    log->n_lines++;
    log->n_wrong += level > GBT_LOG_DEBUG || strchr(line, '\n') != NULL || line[0] == '\0' ||
                    !pthread_equal(log->thread, pthread_self());
    snprintf(log->last, sizeof log->last, "%s", line);
}

TEST_C(Guest, TheLogHookGetsLinesOnTheCallersThread)
{
    toy data;
    line_log log = {.thread = pthread_self()};
    toy_make(&data, ROWS, TOY_BINARY, 8);
    gbt_params *params = toy_params("objective=auto n_trees=2 threads=2");
    gbt_dataset *train = toy_dataset(&data, params, NULL, false);
    gbt_set_log(take_line, &log);
    gbt_model *model = toy_train(params, train);
    EXPECT_C_TRUE(log.n_lines > 0); /* the choice of the objective, at least */
    EXPECT_C_EQ_INT(log.n_wrong, 0);
    gbt_set_log(NULL, NULL);
    const int before = log.n_lines;
    gbt_model_free(model);
    model = toy_train(params, train);
    EXPECT_C_EQ_INT(log.n_lines, before);
    EXPECT_C_EQ_TEXT(gbt_model_objective(model), "binary");
    gbt_model_free(model);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

TEST_C(Guest, TheCallersAllocatorServesEverything)
{
    size_t n = 0, m = 0;
    void *plain = train_case(2, 2, &n);
    fail_alloc_install(0); /* fills fresh memory with a pattern: nothing may depend on it */
    void *hooked = train_case(2, 2, &m);
    EXPECT_C_TRUE(fail_alloc_calls() > 100);
    EXPECT_C_EQ_INT(fail_alloc_live(), 1); /* the bytes */
    EXPECT_C_TRUE(n == m && memcmp(plain, hooked, n) == 0);
    gbt_memory_free(hooked);
    EXPECT_C_EQ_INT(fail_alloc_live(), 0);
    fail_alloc_remove();
    gbt_memory_free(plain);
}

TEST_C(Guest, StatusesAndTheVersionHaveNames)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", GBT_VERSION_MAJOR, GBT_VERSION_MINOR,
             GBT_VERSION_PATCH);
    EXPECT_C_EQ_TEXT(gbt_version(), version);
    EXPECT_C_EQ_TEXT(gbt_status_name(GBT_OK), "GBT_OK");
    EXPECT_C_EQ_TEXT(gbt_status_name(GBT_ERR_NUMERIC), "GBT_ERR_NUMERIC");
    EXPECT_C_EQ_TEXT(gbt_status_name((gbt_status)77), "unknown");
    EXPECT_C_TRUE(gbt_last_error() != NULL);
}

/* ---- Threads --------------------------------------------------------------------------------- */

typedef struct worker {
    int which, threads;
    void *bytes;
    size_t size;
    bool keeps_error;
} worker;

/* Trains, with an error of its own before and after that no other thread may change. */
static void *work(void *argument)
{
    worker *w = argument;
    char path[64];
    gbt_model *model = NULL;
    snprintf(path, sizeof path, "missing file of worker %d", w->which);
    (void)gbt_model_load(path, &model);
    w->bytes = train_case(w->which, w->threads, &w->size);
    w->keeps_error = strstr(gbt_last_error(), path) != NULL;
    return NULL;
}

static void train_together(int threads)
{
    worker workers[2 * N_WORKERS];
    pthread_t thread[2 * N_WORKERS];
    for (int i = 0; i < 2 * N_WORKERS; i++) {
        workers[i] = (worker){.which = i % N_WORKERS, .threads = threads};
        EXPECT_C_EQ_INT(pthread_create(&thread[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 2 * N_WORKERS; i++) {
        size_t size = 0;
        EXPECT_C_EQ_INT(pthread_join(thread[i], NULL), 0);
        void *alone = train_case(i % N_WORKERS, 1, &size);
        EXPECT_C_TRUE(workers[i].keeps_error);
        EXPECT_C_TRUE(alone != NULL && workers[i].bytes != NULL && size == workers[i].size &&
                      memcmp(alone, workers[i].bytes, size) == 0);
        gbt_memory_free(alone);
        gbt_memory_free(workers[i].bytes);
    }
}

TEST_C(Guest, TrainingsOnSeveralThreadsOfTheCallerGiveTheSameModels)
{
    train_together(1);
}

TEST_C(Guest, TrainingsWithThreadsOfTheirOwnGiveTheSameModels)
{
    train_together(2);
}

/* One model, one data set and one parameter set, read by several threads at once. */
typedef struct shared {
    const gbt_params *params;
    const gbt_dataset *train;
    const gbt_model *model;
    const toy *data;
    float out[ROWS];
    void *bytes;
    size_t size;
} shared;

static void *read_shared(void *argument)
{
    shared *s = argument;
    gbt_model *model = NULL;
    const gbt_matrix matrix = toy_matrix(s->data);
    if (gbt_model_predict(s->model, &matrix, GBT_PREDICT_RESPONSE, 0, 0, 2, s->out, ROWS) ==
            GBT_OK &&
        gbt_train(s->params, s->train, &s->train, NULL, 1, NULL, NULL, &model) == GBT_OK) {
        s->bytes = toy_bytes(model, &s->size);
    }
    gbt_model_free(model);
    return NULL;
}

TEST_C(Guest, HandlesAreReadBySeveralThreadsAtOnce)
{
    toy data;
    pthread_t thread[N_WORKERS];
    static shared each[N_WORKERS];
    toy_make(&data, ROWS, TOY_BINARY, 8);
    gbt_params *params = toy_params("objective=binary n_trees=4 threads=2 early_stopping_rounds=0");
    gbt_dataset *train = toy_dataset(&data, params, NULL, true);
    gbt_model *model = toy_train(params, train);
    for (int i = 0; i < N_WORKERS; i++) {
        each[i] = (shared){.params = params, .train = train, .model = model, .data = &data};
        EXPECT_C_EQ_INT(pthread_create(&thread[i], NULL, read_shared, &each[i]), 0);
    }
    for (int i = 0; i < N_WORKERS; i++) {
        EXPECT_C_EQ_INT(pthread_join(thread[i], NULL), 0);
        EXPECT_C_TRUE(each[i].bytes != NULL);
        EXPECT_C_EQ_BYTES(each[i].out, each[0].out, sizeof each[i].out);
        EXPECT_C_TRUE(each[i].size == each[0].size &&
                      memcmp(each[i].bytes, each[0].bytes, each[0].size) == 0);
    }
    EXPECT_C_OK(
        gbt_dataset_set(train, GBT_LABEL, data.label, GBT_F32, ROWS)); /* nobody uses it any more */
    for (int i = 0; i < N_WORKERS; i++) {
        gbt_memory_free(each[i].bytes);
    }
    gbt_model_free(model);
    gbt_dataset_free(train);
    gbt_params_free(params);
    toy_free(&data);
}

/* ---- Fork ------------------------------------------------------------------------------------ */

/* Trains in a child; 0 when its model is the given one. The alarm ends a child that hangs. */
static int train_in_child(int threads, const void *bytes, size_t size)
{
    int status = -1;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        size_t n = 0;
        alarm(60);
        void *own = train_case(0, threads, &n);
        _exit(own != NULL && n == size && memcmp(own, bytes, n) == 0 ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

static void train_fork_train(int threads)
{
    size_t n = 0, m = 0;
    void *first = train_case(0, threads, &n);
    EXPECT_C_EQ_INT(train_in_child(threads, first, n), 0);
    void *second = train_case(0, threads, &m);
    EXPECT_C_TRUE(n == m && memcmp(first, second, n) == 0);
    gbt_memory_free(first);
    gbt_memory_free(second);
}

TEST_C(Guest, AChildOfAForkTrainsToo)
{
    train_fork_train(1);
}

TEST_C(Guest, AChildOfAForkTrainsWithThreadsToo)
{
    if (IS_UNDER_TSAN) {
        SKIP_C("the thread sanitizer does not start threads after a fork");
    }
    train_fork_train(2);
}
