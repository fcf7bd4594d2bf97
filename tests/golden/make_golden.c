/* Makes the golden files of one format version: make_golden VERSION [FOLDER], default tests/golden.
 * For every case it trains a small model on rows of its own and writes
 *     vN_<case>.gbt   the model
 *     vN_<case>.csv   rows to predict (.svm for sparse rows)
 *     vN_<case>.txt   a line a row: raw scores, responses and, with classes, the class, as
 *                     hexadecimal floats
 * It never overwrites a file: what a released version wrote stays as it is (README.md). */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gbt/gbt.h"
#include "tests/golden/golden.h"

enum { TRAIN_ROWS = 500, ASK_ROWS = 90, ROW_CHARS = 1024, PATH_CHARS = 1024 };

static void stop(const char *what, const char *why)
{
    fprintf(stderr, "make_golden: %s: %s\n", what, why);
    exit(1);
}

static void must(gbt_status status, const char *what)
{
    if (status != GBT_OK) {
        stop(what, gbt_last_error());
    }
}

/* ---- Rows ------------------------------------------------------------------------------------ */

/* A number below n from the row and the place in it. */
static int draw(int row, int place, int n)
{
    uint32_t x = (uint32_t)row * 2654435761u + (uint32_t)place * 40503u + 12345u;
    x = (x ^ (x >> 15)) * 2246822519u;
    x = (x ^ (x >> 13)) * 3266489917u;
    return (int)((x ^ (x >> 16)) % (uint32_t)n);
}

static const char *const cities[] = {
    "\"Sao \"\"X\"\", Sul\"", "Z\xC3\xBCrich", "Rome", "Oslo", "a b", "\"1,5\""};

/* Numbers with missing cells, texts with quotes and UTF-8, coded categories, weights; rows to
 * predict also hold texts and codes never seen, and numbers far outside. */
static void write_classes(char *out, int row, bool is_asked)
{
    static const char *const class_name[] = {"fig", "apple", "pear, ripe"};
    const int size = draw(row, 0, 2000), city = draw(row, 1, 6), grade = draw(row, 2, 9),
              noise = draw(row, 3, 400);
    const int class_index = (size + noise > 1200) + (city % 3 == 0 && grade > 3);
    char size_cell[32];
    snprintf(size_cell, sizeof size_cell, "%d.%02d", size, draw(row, 4, 100));
    const char *size_text = draw(row, 5, 12) == 0       ? ""
                            : is_asked && row % 17 == 0 ? "-1e38"
                                                        : size_cell;
    const char *city_text = draw(row, 6, 15) == 0       ? ""
                            : is_asked && row % 13 == 0 ? "Atlantis"
                                                        : cities[city];
    snprintf(out, ROW_CHARS, "%s,%s,%d,%g,\"%s\",%d,r%d\n", size_text, city_text,
             is_asked && row % 11 == 0 ? 77 : grade, 0.125 * draw(row, 7, 50),
             class_name[class_index], 1 + draw(row, 8, 3), row);
}

/* Many categories of very different size, few categories, codes, two text classes. */
static void write_binary(char *out, int row, bool is_asked)
{
    static const char *const engines[] = {"jet", "fan", "prop"};
    const int carrier = draw(row, 0, 1 + draw(row, 1, 40)), month = 1 + draw(row, 2, 12);
    const int delay = draw(row, 3, 90) - 20, engine = draw(row, 7, 3);
    const int effects = (carrier % 4 == 1 ? 30 : 0) + (month > 9 ? 15 : 0) + (engine == 2 ? 25 : 0);
    const bool is_late = delay + effects + draw(row, 4, 30) > 60;
    char delay_text[16];
    snprintf(delay_text, sizeof delay_text, draw(row, 5, 10) == 0 ? "NA" : "%d", delay);
    snprintf(out, ROW_CHARS, "%s%d,%d,%s,%d,%s,%s\n", is_asked && row % 9 == 0 ? "new" : "c",
             carrier, month, delay_text, draw(row, 6, 3000),
             draw(row, 8, 20) == 0 ? "" : engines[engine], is_late ? "yes" : "no");
}

/* A quantity, a first guess of it as init score, no header. */
static void write_quantity(char *out, int row, bool is_asked)
{
    const int a = draw(row, 0, 1000), b = draw(row, 1, 1000), c = draw(row, 2, 5);
    const double label = 0.01 * a + (c == 2 ? 5.0 : 0.0) + 0.001 * draw(row, 3, 999);
    (void)is_asked;
    snprintf(out, ROW_CHARS, "%g,%d,%d,%s%d,%g\n", label, a, b, draw(row, 4, 9) == 0 ? "-" : "", c,
             0.005 * a + 2.5);
}

/* One-based libsvm rows with counts as labels. */
static void write_sparse(char *out, int row, bool is_asked)
{
    const bool has_7 = draw(row, 1, 4) == 0, has_12 = draw(row, 2, 3) == 0;
    int used = snprintf(out, ROW_CHARS, "%d", draw(row, 0, 3) + (has_7 ? 6 : 0) + (has_12 ? 3 : 0));
    for (int column = 1; column <= 60; column++) {
        const bool is_there = column == 7    ? has_7
                              : column == 12 ? has_12
                                             : draw(row, 10 + column, 9) == 0;
        if (is_there && !(is_asked && column == 60)) {
            used += snprintf(out + used, ROW_CHARS - (size_t)used, " %d:%g", column,
                             0.25 * (1 + draw(row, column, 6)));
        }
    }
    snprintf(out + used, ROW_CHARS - (size_t)used, "\n");
}

static const struct golden_recipe {
    const char *header; /* first line of the files */
    void (*write)(char *out, int row, bool is_asked);
    const char *options; /* key=value, separated by blanks; golden_cases adds those for reading */
} recipes[N_GOLDEN_CASES] = {
    {"size,city,grade,height,class,w,name\n", write_classes,
     "objective=multiclass n_trees=5 max_leaves=9 subsample=0.8 "
     "colsample_bytree=0.9 min_data_per_group=10 cat_smooth=2"},
    {"carrier,month,delay,distance,engine,late\n", write_binary,
     "grow_policy=symmetric max_depth=4 n_trees=30 learning_rate=0.4 valid_fraction=0.25 "
     "early_stopping_rounds=3 "
     "metric=auc,logloss min_data_per_group=10 max_bin=40"},
    {"", write_quantity, "objective=mae n_trees=6 max_leaves=7 learning_rate=0.3"},
    {"", write_sparse,
     "objective=poisson n_trees=6 grow_policy=depthwise max_depth=3 gradient_bits=8"},
};

/* ---- Files ----------------------------------------------------------------------------------- */

static FILE *open_new(const char *path)
{
    FILE *file = fopen(path, "wx");
    if (!file) {
        stop(path, "cannot be made; golden files are never made again");
    }
    return file;
}

static void write_rows(const char *path, const struct golden_recipe *recipe, int first, int n,
                       bool is_asked)
{
    char row[ROW_CHARS];
    FILE *file = open_new(path);
    fputs(recipe->header, file);
    for (int i = 0; i < n; i++) {
        recipe->write(row, first + i, is_asked);
        fputs(row, file);
    }
    if (fclose(file) != 0) {
        stop(path, "could not be written");
    }
}

static gbt_model *train(const char *path, const golden_case *c, const char *options)
{
    gbt_params *params = golden_params(c, options);
    gbt_dataset *data = NULL;
    gbt_model *model = NULL;
    must(params ? GBT_OK : GBT_ERR_PARAM, options);
    must(gbt_dataset_from_file(params, path, NULL, &data), path);
    must(gbt_train(params, data, NULL, NULL, 0, NULL, NULL, &model), c->name);
    gbt_dataset_free(data);
    gbt_params_free(params);
    return model;
}

static void write_predictions(const char *path, const golden_case *c, const char *rows_path,
                              const gbt_model *model)
{
    golden_answer answer;
    FILE *file = open_new(path);
    must(golden_predict(c, rows_path, model, &answer) ? GBT_OK : GBT_ERR_DATA, rows_path);
    for (int64_t i = 0; i < answer.n_rows; i++) {
        for (int64_t k = 0; k < answer.n_columns; k++) {
            fprintf(file, "%s%a", k > 0 ? " " : "", (double)answer.value[i * answer.n_columns + k]);
        }
        fputc('\n', file);
    }
    golden_answer_close(&answer);
    if (fclose(file) != 0) {
        stop(path, "could not be written");
    }
}

static void make_case(int which, const char *version, const char *folder)
{
    const golden_case *c = &golden_cases[which];
    char train_path[PATH_CHARS], rows_path[PATH_CHARS], model_path[PATH_CHARS],
        answer_path[PATH_CHARS];
    snprintf(train_path, sizeof train_path, "%s/train_%s.%s", folder, c->name, c->extension);
    snprintf(rows_path, sizeof rows_path, "%s/v%s_%s.%s", folder, version, c->name, c->extension);
    snprintf(model_path, sizeof model_path, "%s/v%s_%s.gbt", folder, version, c->name);
    snprintf(answer_path, sizeof answer_path, "%s/v%s_%s.txt", folder, version, c->name);
    fclose(open_new(model_path));
    write_rows(train_path, &recipes[which], 0, TRAIN_ROWS, false);
    write_rows(rows_path, &recipes[which], TRAIN_ROWS, ASK_ROWS, true);
    gbt_model *model = train(train_path, c, recipes[which].options);
    must(gbt_model_save(model, model_path), model_path);
    write_predictions(answer_path, c, rows_path, model);
    gbt_model_free(model);
    if (unlink(train_path) != 0) {
        stop(train_path, "could not be removed");
    }
    printf("%s\n", model_path);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        stop("usage", "make_golden VERSION [FOLDER]");
    }
    for (int which = 0; which < N_GOLDEN_CASES; which++) {
        make_case(which, argv[1], argc > 2 ? argv[2] : "tests/golden");
    }
    return 0;
}
