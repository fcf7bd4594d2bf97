/* The generators: every row depends on its number alone, and the data are what their names say. */
#include <math.h>
#include <string.h>

#include "datasets/synth.h"
#include "tests/support/gtest_c.h"

static gbt_synth_spec spec_of(gbt_synth_kind kind, uint64_t seed)
{
    gbt_synth_spec spec = {.kind = kind, .seed = seed};
    (void)EXPECT_C_OK(gbt_synth_complete(&spec));
    return spec;
}

TEST_C(Synth, KindsAreFoundByTheirNames)
{
    for (int k = 0; k < GBT_SYNTH_KINDS; k++) {
        gbt_synth_kind found = GBT_SYNTH_KINDS;
        EXPECT_C_TRUE(gbt_synth_find(gbt_synth_name((gbt_synth_kind)k), &found));
        EXPECT_C_EQ_INT(found, k);
        EXPECT_C_TRUE(strlen(gbt_synth_doc((gbt_synth_kind)k)) > 10);
    }
    gbt_synth_kind found;
    EXPECT_C_FALSE(gbt_synth_find("friedman", &found));
}

TEST_C(Synth, RowsDoNotDependOnThreadsOrOnHowManyThereAre)
{
    for (int k = 0; k < GBT_SYNTH_KINDS; k++) {
        gbt_synth_spec spec = spec_of((gbt_synth_kind)k, 3);
        gbt_synth_dense all, few;
        if (k == GBT_SYNTH_SPARSE) {
            continue;
        }
        ASSERT_C_OK(gbt_synth_fill(&spec, 3000, 4, &all));
        ASSERT_C_OK(gbt_synth_fill(&spec, 1100, 1, &few));
        EXPECT_C_EQ_INT(all.n_features, spec.n_features);
        EXPECT_C_EQ_BYTES(all.feature, few.feature,
                          (size_t)few.n_rows * (size_t)spec.n_features * 4);
        EXPECT_C_EQ_BYTES(all.label, few.label, (size_t)few.n_rows * 4);
        EXPECT_C_EQ_BYTES(all.task, few.task, (size_t)few.n_rows * 4);
        gbt_synth_dense_close(&all);
        gbt_synth_dense_close(&few);
    }
}

TEST_C(Synth, AnotherSeedGivesOtherRows)
{
    for (int k = 0; k < GBT_SYNTH_KINDS; k++) {
        float a[500], b[500], label;
        int32_t task, columns[GBT_SYNTH_MOST_ENTRIES];
        gbt_synth_spec first = spec_of((gbt_synth_kind)k, 1),
                       second = spec_of((gbt_synth_kind)k, 2);
        memset(a, 0, sizeof a);
        memset(b, 0, sizeof b);
        for (int row = 0; row < 3; row++) {
            if (k == GBT_SYNTH_SPARSE) {
                (void)gbt_synth_sparse_row(&first, row, columns, a + 40 * row, &label);
                (void)gbt_synth_sparse_row(&second, row, columns, b + 40 * row, &label);
            } else {
                gbt_synth_row(&first, row, a, &label, &task);
                gbt_synth_row(&second, row, b, &label, &task);
            }
        }
        EXPECT_C_TRUE(memcmp(a, b, sizeof a) != 0);
    }
}

static double mean_of(const float *x, int64_t n, int64_t step)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)x[i * step];
    }
    return sum / (double)n;
}

TEST_C(Synth, FriedmanOneFollowsItsFormula)
{
    enum { N = 4000 };
    gbt_synth_spec spec = spec_of(GBT_SYNTH_FRIEDMAN1, 11);
    gbt_synth_dense data;
    ASSERT_C_OK(gbt_synth_fill(&spec, N, 0, &data));
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        const float *x = data.feature + 10 * i;
        double want = 10 * sin(3.14159265358979323846 * (double)x[0] * (double)x[1]) +
                      20 * ((double)x[2] - 0.5) * ((double)x[2] - 0.5) + 10 * (double)x[3] +
                      5 * (double)x[4];
        double noise = (double)data.label[i] - want;
        sum += noise;
        squares += noise * noise;
        for (int c = 0; c < 10; c++) {
            EXPECT_C_TRUE(x[c] >= 0 && x[c] <= 1);
        }
    }
    EXPECT_C_NEAR(sum / N, 0.0, 5 / sqrt(N)); /* Five standard errors of standard normal noise. */
    EXPECT_C_NEAR(squares / N, 1.0, 5 * sqrt(2.0 / N));
    gbt_synth_dense_close(&data);
}

TEST_C(Synth, HiggsHasNormalAndSkewedFeaturesAndBothClasses)
{
    enum { N = 20000 };
    gbt_synth_spec spec = spec_of(GBT_SYNTH_HIGGS, 5);
    gbt_synth_dense data;
    ASSERT_C_OK(gbt_synth_fill(&spec, N, 0, &data));
    EXPECT_C_EQ_INT(data.n_features, 28);
    for (int c = 0; c < 28; c++) {
        double squares = 0;
        int64_t n_below = 0; /* one standard deviation */
        for (int64_t i = 0; i < N; i++) {
            double x = (double)data.feature[i * 28 + c];
            squares += x * x;
            n_below += x < (c < 21 ? -1 : exp(-0.5));
        }
        EXPECT_C_NEAR(mean_of(data.feature + c, N, 28), c < 21 ? 0.0 : exp(0.125), 0.04);
        EXPECT_C_NEAR(squares / N, c < 21 ? 1.0 : exp(0.5), c < 21 ? 0.06 : 0.12);
        EXPECT_C_NEAR((double)n_below / N, 0.1587, 0.015);
    }
    double share = mean_of(data.label, N, 1);
    EXPECT_C_TRUE(share > 0.3 && share < 0.7);
    gbt_synth_dense_close(&data);
}

TEST_C(Synth, PiecewiseNumbersAreDyadic)
{
    gbt_synth_spec spec = spec_of(GBT_SYNTH_PIECEWISE, 1);
    gbt_synth_dense data;
    ASSERT_C_OK(gbt_synth_fill(&spec, 2000, 0, &data));
    for (int64_t i = 0; i < 2000 * spec.n_features; i++) {
        float scaled = data.feature[i] * 64;
        if (!EXPECT_C_TRUE(scaled == floorf(scaled) && scaled >= 0 && scaled < 64)) {
            break;
        }
    }
    int64_t n_distinct = 0;
    float seen[16];
    for (int64_t i = 0; i < 2000; i++) {
        float scaled = data.label[i] * 4;
        int64_t k = 0;
        EXPECT_C_TRUE(scaled == floorf(scaled));
        while (k < n_distinct && seen[k] != scaled) {
            k++;
        }
        if (k == n_distinct && n_distinct < 16) {
            seen[n_distinct++] = scaled;
        }
    }
    EXPECT_C_TRUE(n_distinct >= 6 && n_distinct < 16);
    gbt_synth_dense_close(&data);
}

TEST_C(Synth, CategoriesAreWholeNumbersAndATenthIsMissing)
{
    enum { N = 5000 };
    gbt_synth_spec spec = spec_of(GBT_SYNTH_CATEGORICAL, 1);
    gbt_synth_dense data;
    int64_t n_missing = 0, n_large = 0;
    ASSERT_C_OK(gbt_synth_fill(&spec, N, 0, &data));
    for (int64_t i = 0; i < N * spec.n_features; i++) {
        float x = data.feature[i];
        n_missing += isnan(x) != 0;
        if (!isnan(x) && gbt_synth_is_categorical(&spec, (int32_t)(i % spec.n_features))) {
            EXPECT_C_TRUE(x == floorf(x) && x >= 0 && x < 1000);
            n_large += x >= 100;
        }
    }
    EXPECT_C_NEAR((double)n_missing / (double)(N * spec.n_features), 0.1, 0.005);
    EXPECT_C_TRUE(n_large > 100);
    gbt_synth_dense_close(&data);
}

TEST_C(Synth, EveryClassAndTaskOccurs)
{
    const gbt_synth_kind kinds[] = {GBT_SYNTH_BLOBS, GBT_SYNTH_MULTITASK};
    for (int k = 0; k < 2; k++) {
        gbt_synth_spec spec = {.kind = kinds[k], .seed = 1, .n_groups = 12};
        gbt_synth_dense data;
        int64_t count[12] = {0};
        ASSERT_C_OK(gbt_synth_fill(&spec, 6000, 0, &data));
        for (int64_t i = 0; i < 6000; i++) {
            int32_t group = k == 0 ? (int32_t)data.label[i] : data.task[i];
            ASSERT_C_TRUE(group >= 0 && group < 12);
            count[group]++;
        }
        for (int g = 0; g < 12; g++) {
            EXPECT_C_TRUE(count[g] > 350 && count[g] < 650);
        }
        gbt_synth_dense_close(&data);
    }
}

TEST_C(Synth, SparseRowsAscendAndFillTheirColumns)
{
    gbt_synth_spec spec = {.kind = GBT_SYNTH_SPARSE, .seed = 1, .n_features = 200};
    gbt_synth_csr data;
    int64_t n_low = 0, n_positive = 0;
    ASSERT_C_OK(gbt_synth_fill_sparse(&spec, 2000, &data));
    EXPECT_C_EQ_INT(data.n_features, 200);
    for (int64_t row = 0; row < 2000; row++) {
        int64_t first = data.row_start[row], end = data.row_start[row + 1];
        ASSERT_C_TRUE(end > first && end - first <= GBT_SYNTH_MOST_ENTRIES);
        for (int64_t i = first; i < end; i++) {
            EXPECT_C_TRUE(data.column[i] >= 0 && data.column[i] < 200);
            EXPECT_C_TRUE(i == first || data.column[i] > data.column[i - 1]);
            EXPECT_C_TRUE(data.value[i] > 0 && data.value[i] <= 2);
            n_low += data.column[i] < 20;
        }
        n_positive += data.label[row] == 1.0f;
    }
    EXPECT_C_TRUE(n_low >
                  data.row_start[2000] / 4); /* The first tenth of the columns is frequent. */
    EXPECT_C_TRUE(n_positive > 500 && n_positive < 1500);
    gbt_synth_csr_close(&data);
}

TEST_C(Synth, ImpossibleSpecsAreRefused)
{
    gbt_synth_dense dense;
    gbt_synth_csr csr;
    gbt_synth_spec spec = {.kind = GBT_SYNTH_HIGGS, .n_features = 27};
    EXPECT_C_STATUS(gbt_synth_fill(&spec, 10, 1, &dense), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "higgs has 28 to 1048576 features, not 27");
    spec = (gbt_synth_spec){.kind = GBT_SYNTH_FRIEDMAN1, .n_groups = 3};
    EXPECT_C_STATUS(gbt_synth_complete(&spec), GBT_ERR_ARGUMENT);
    spec = (gbt_synth_spec){.kind = GBT_SYNTH_BLOBS, .n_groups = 1};
    EXPECT_C_STATUS(gbt_synth_complete(&spec), GBT_ERR_ARGUMENT);
    spec = (gbt_synth_spec){.kind = GBT_SYNTH_SPARSE};
    EXPECT_C_STATUS(gbt_synth_fill(&spec, 10, 1, &dense), GBT_ERR_ARGUMENT);
    spec = (gbt_synth_spec){.kind = GBT_SYNTH_WIDE};
    EXPECT_C_STATUS(gbt_synth_fill_sparse(&spec, 10, &csr), GBT_ERR_ARGUMENT);
    gbt_synth_dense_close(&dense);
    gbt_synth_csr_close(&csr);
}

/* The label is 0.9 of the function of the task's kind and 0.1 of its own: at places close together
 * ordinary tasks differ little from each other, outliers too, but not one from the other. */
TEST_C(Synth, OrdinaryTasksAgreeAndOutliersAgreeWithEachOther)
{
    enum { GROUPS = 6, OUTLIERS = 2, N = 600 };
    gbt_synth_spec spec = {.kind = GBT_SYNTH_MULTITASK,
                           .seed = 4,
                           .n_features = 1,
                           .n_groups = GROUPS,
                           .n_outliers = OUTLIERS};
    gbt_synth_dense data;
    double squares[3] = {0}; /* of gaps between two tasks of which 0, 1, 2 are outliers */
    int64_t count[3] = {0};
    ASSERT_C_OK(gbt_synth_fill(&spec, N, 0, &data));
    for (int64_t i = 0; i < N; i++) {
        EXPECT_C_EQ_INT(data.task[i], i % GROUPS);
        EXPECT_C_TRUE(data.feature[i] >= -1 && data.feature[i] < 1);
        for (int64_t j = 0; j < i; j++) {
            if (data.task[i] != data.task[j] && fabsf(data.feature[i] - data.feature[j]) < 0.01f) {
                const int kind =
                    (data.task[i] >= GROUPS - OUTLIERS) + (data.task[j] >= GROUPS - OUTLIERS);
                const double gap = (double)data.label[i] - (double)data.label[j];
                squares[kind] += gap * gap;
                count[kind]++;
            }
        }
    }
    ASSERT_C_TRUE(count[0] > 100 && count[1] > 100 && count[2] > 20);
    EXPECT_C_TRUE(squares[0] / (double)count[0] < 0.2 * squares[1] / (double)count[1]);
    EXPECT_C_TRUE(squares[2] / (double)count[2] < 0.2 * squares[1] / (double)count[1]);
    gbt_synth_dense_close(&data);
}

TEST_C(Synth, DrawnWavesAreThoseOfTheTable)
{
    const gbt_synth_kind kinds[] = {GBT_SYNTH_MULTITASK, GBT_SYNTH_MULTITASK_CLASSES};
    for (int k = 0; k < 2; k++) {
        gbt_synth_spec spec = spec_of(kinds[k], 8);
        gbt_synth_dense data;
        ASSERT_C_OK(gbt_synth_fill(&spec, 30, 1, &data));
        for (int64_t row = 0; row < 30; row++) {
            float x[5], label;
            int32_t task;
            gbt_synth_row(&spec, row, x, &label, &task);
            EXPECT_C_EQ_BYTES(x, data.feature + 5 * row, sizeof x);
            EXPECT_C_TRUE(label == data.label[row] && task == data.task[row]);
        }
        gbt_synth_dense_close(&data);
    }
}

TEST_C(Synth, EveryTaskOfTheClassificationHasBothClasses)
{
    enum { N = 200 };
    for (uint64_t seed = 0; seed < 4; seed++) {
        gbt_synth_spec spec = {.kind = GBT_SYNTH_MULTITASK_CLASSES, .seed = seed};
        gbt_synth_dense data;
        int64_t n_positive[10] = {0};
        ASSERT_C_OK(gbt_synth_fill(&spec, 10 * N, 0, &data));
        for (int64_t i = 0; i < 10 * N; i++) {
            n_positive[data.task[i]] += data.label[i] == 1.0f;
        }
        for (int r = 0; r < 10; r++) {
            EXPECT_C_TRUE(n_positive[r] >= N / 10 && n_positive[r] <= N - N / 10);
        }
        gbt_synth_dense_close(&data);
    }
}

TEST_C(Synth, OutliersMustBeTasks)
{
    gbt_synth_spec spec = {.kind = GBT_SYNTH_MULTITASK, .n_groups = 4, .n_outliers = 4};
    EXPECT_C_STATUS(gbt_synth_complete(&spec), GBT_ERR_ARGUMENT);
    EXPECT_C_HAS_TEXT(gbt_last_error(), "4 tasks, so 4 outliers cannot be");
    spec = (gbt_synth_spec){.kind = GBT_SYNTH_HIGGS, .n_outliers = 1};
    EXPECT_C_STATUS(gbt_synth_complete(&spec), GBT_ERR_ARGUMENT);
    spec = (gbt_synth_spec){.kind = GBT_SYNTH_MULTITASK, .n_outliers = -1};
    EXPECT_C_OK(gbt_synth_complete(&spec));
    EXPECT_C_EQ_INT(spec.n_outliers, -1);
}
