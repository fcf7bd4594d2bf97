/* Rows and features that a tree may see: shares, counts, independence of everything but the
 * position. */
#include "gbt/train/sampler.h"

#include <math.h>
#include <string.h>

#include "tests/support/gtest_c.h"

enum { ROWS = 20000, FEATURES = 70, WORDS = 3 };

static const gbt_sampler_config everything = {.seed = 5,
                                              .subsample = 1.0,
                                              .subsample_freq = 1,
                                              .by_tree = 1.0,
                                              .by_level = 1.0,
                                              .by_node = 1.0};

static gbt_sampler open_sampler(double subsample, int32_t freq, double by_tree, double by_level,
                                double by_node, uint64_t seed)
{
    gbt_sampler sampler;
    gbt_sampler_config config = everything;
    config.seed = seed;
    config.subsample = subsample;
    config.subsample_freq = freq;
    config.by_tree = by_tree;
    config.by_level = by_level;
    config.by_node = by_node;
    EXPECT_C_OK(gbt_sampler_open(&sampler, &config, ROWS, FEATURES));
    return sampler;
}

static int32_t count_bits(const uint32_t *set, int32_t n_words)
{
    int32_t n = 0;
    for (int32_t w = 0; w < n_words; w++) {
        for (uint32_t bits = set[w]; bits != 0; bits &= bits - 1) {
            n++;
        }
    }
    return n;
}

static bool is_subset(const uint32_t *inner, const uint32_t *outer)
{
    return (inner[0] & ~outer[0]) == 0 && (inner[1] & ~outer[1]) == 0 &&
           (inner[2] & ~outer[2]) == 0;
}

TEST_C(Sampler, EverythingNeedsNoSets)
{
    gbt_sampler sampler = open_sampler(1.0, 1, 1.0, 1.0, 1.0, 1);
    gbt_sampler_draw_rows(&sampler, 0);
    gbt_sampler_draw_tree(&sampler, 0, 0);
    EXPECT_C_TRUE(sampler.rows == NULL && sampler.tree_set == NULL);
    EXPECT_C_EQ_INT(sampler.n_drawn, ROWS);
    EXPECT_C_TRUE(gbt_sampler_is_idle(&sampler) && !gbt_sampler_has_node_sets(&sampler));
    gbt_sampler_close(&sampler);
    sampler = open_sampler(0.5, 1, 1.0, 1.0, 1.0, 1);
    EXPECT_C_FALSE(gbt_sampler_is_idle(&sampler));
    gbt_sampler_close(&sampler);
    sampler = open_sampler(1.0, 1, 1.0, 0.5, 1.0, 1);
    EXPECT_C_TRUE(gbt_sampler_has_node_sets(&sampler) && !gbt_sampler_is_idle(&sampler));
    gbt_sampler_close(&sampler);
}

/* Every row with the same probability, whatever its place: binomial counts within five sigma. */
TEST_C(Sampler, RowsAreDrawnWithTheirProbability)
{
    static const double shares[] = {0.001, 0.1, 0.5, 0.63, 0.999};
    for (size_t s = 0; s < sizeof shares / sizeof shares[0]; s++) {
        gbt_sampler sampler = open_sampler(shares[s], 1, 1.0, 1.0, 1.0, 9);
        double total = 0.0, first_half = 0.0;
        bool ascends = true;
        for (int32_t round = 0; round < 20; round++) {
            gbt_sampler_draw_rows(&sampler, round);
            total += (double)sampler.n_drawn;
            for (int64_t i = 0; i < sampler.n_drawn; i++) {
                first_half += sampler.rows[i] < ROWS / 2;
                ascends = ascends && sampler.rows[i] < ROWS &&
                          (i == 0 || sampler.rows[i] > sampler.rows[i - 1]);
            }
        }
        const double sigma = sqrt(20.0 * ROWS * shares[s] * (1.0 - shares[s]));
        EXPECT_C_TRUE(ascends);
        EXPECT_C_NEAR(total, 20.0 * ROWS * shares[s], 5.0 * sigma);
        EXPECT_C_NEAR(first_half, 10.0 * ROWS * shares[s], 5.0 * sigma);
        gbt_sampler_close(&sampler);
    }
}

/* The draw of a round is a function of the seed and the round, not of the rounds before. */
TEST_C(Sampler, ARoundsRowsDoNotDependOnTheRoundsBefore)
{
    gbt_sampler a = open_sampler(0.3, 1, 1.0, 1.0, 1.0, 4),
                b = open_sampler(0.3, 1, 1.0, 1.0, 1.0, 4);
    gbt_sampler other = open_sampler(0.3, 1, 1.0, 1.0, 1.0, 5);
    for (int32_t round = 0; round < 7; round++) {
        gbt_sampler_draw_rows(&a, round);
    }
    gbt_sampler_draw_rows(&b, 6);
    gbt_sampler_draw_rows(&other, 6);
    EXPECT_C_EQ_INT(a.n_drawn, b.n_drawn);
    EXPECT_C_EQ_BYTES(a.rows, b.rows, (size_t)a.n_drawn * sizeof *a.rows);
    EXPECT_C_FALSE(other.n_drawn == a.n_drawn &&
                   memcmp(other.rows, a.rows, (size_t)a.n_drawn * 4) == 0);
    gbt_sampler_draw_rows(&a, 7);
    EXPECT_C_FALSE(a.n_drawn == b.n_drawn && memcmp(a.rows, b.rows, (size_t)a.n_drawn * 4) == 0);
    gbt_sampler_close(&a);
    gbt_sampler_close(&b);
    gbt_sampler_close(&other);
}

TEST_C(Sampler, SubsampleFreqRoundsShareADraw)
{
    gbt_sampler sampler = open_sampler(0.5, 3, 1.0, 1.0, 1.0, 4);
    uint32_t kept[ROWS];
    int64_t n_kept = 0;
    for (int32_t round = 0; round < 9; round++) {
        gbt_sampler_draw_rows(&sampler, round);
        const bool is_same =
            n_kept == sampler.n_drawn && memcmp(kept, sampler.rows, (size_t)n_kept * 4) == 0;
        EXPECT_C_TRUE(is_same == (round % 3 != 0));
        n_kept = sampler.n_drawn;
        memcpy(kept, sampler.rows, (size_t)n_kept * sizeof *kept);
    }
    gbt_sampler_close(&sampler);
}

TEST_C(Sampler, AtLeastOneRowIsDrawn)
{
    gbt_sampler sampler;
    gbt_sampler_config config = everything;
    config.subsample = 1e-9;
    ASSERT_C_OK(gbt_sampler_open(&sampler, &config, 3, 1));
    for (int32_t round = 0; round < 50; round++) {
        gbt_sampler_draw_rows(&sampler, round);
        EXPECT_C_EQ_INT(sampler.n_drawn, 1);
        EXPECT_C_TRUE(sampler.rows[0] < 3);
    }
    gbt_sampler_close(&sampler);
}

/* round(share x features) of them, at least one, and over the trees every feature. */
TEST_C(Sampler, ATreeGetsItsShareOfTheFeatures)
{
    static const double shares[] = {0.001, 0.1, 0.333, 0.5, 0.9, 0.99};
    for (size_t s = 0; s < sizeof shares / sizeof shares[0]; s++) {
        gbt_sampler sampler = open_sampler(1.0, 1, shares[s], 1.0, 1.0, 2);
        uint32_t reached[WORDS] = {0, 0, 0};
        int32_t want = (int32_t)(shares[s] * FEATURES + 0.5);
        want = want < 1 ? 1 : want;
        for (int32_t round = 0; round < 500; round++) {
            gbt_sampler_draw_tree(&sampler, round, round % 3);
            EXPECT_C_EQ_INT(count_bits(sampler.tree_set, WORDS), want);
            for (int32_t w = 0; w < WORDS; w++) {
                reached[w] |= sampler.tree_set[w];
            }
        }
        EXPECT_C_EQ_INT(count_bits(reached, WORDS), FEATURES);
        EXPECT_C_EQ_INT(reached[2] >> (FEATURES - 64), 0); /* nothing beyond the last feature */
        gbt_sampler_close(&sampler);
    }
}

/* Every feature is as likely as any other. */
TEST_C(Sampler, FeaturesAreDrawnEvenly)
{
    gbt_sampler sampler = open_sampler(1.0, 1, 0.3, 1.0, 1.0, 2);
    int32_t n_drawn[FEATURES] = {0};
    for (int32_t round = 0; round < 4000; round++) {
        gbt_sampler_draw_tree(&sampler, round, 0);
        for (int32_t f = 0; f < FEATURES; f++) {
            n_drawn[f] += sampler.tree_set[f >> 5] >> (f & 31) & 1u;
        }
    }
    for (int32_t f = 0; f < FEATURES; f++) {
        EXPECT_C_NEAR((double)n_drawn[f], 4000 * 0.3, 5.0 * sqrt(4000 * 0.3 * 0.7));
    }
    gbt_sampler_close(&sampler);
}

TEST_C(Sampler, TreesOfARoundHaveSetsOfTheirOwn)
{
    gbt_sampler sampler = open_sampler(1.0, 1, 0.5, 1.0, 1.0, 2);
    uint32_t first[WORDS];
    gbt_sampler_draw_tree(&sampler, 3, 0);
    memcpy(first, sampler.tree_set, sizeof first);
    gbt_sampler_draw_tree(&sampler, 3, 1);
    EXPECT_C_FALSE(memcmp(first, sampler.tree_set, sizeof first) == 0);
    gbt_sampler_draw_tree(&sampler, 3, 0);
    EXPECT_C_EQ_BYTES(first, sampler.tree_set, sizeof first);
    gbt_sampler_close(&sampler);
}

/* Tree, level and node each draw from the set above: 70 -> 35 -> 18 -> 9. */
TEST_C(Sampler, NodesDrawFromTheirLevelAndLevelsFromTheirTree)
{
    gbt_sampler all = open_sampler(1.0, 1, 0.5, 0.5, 0.5, 2),
                level_only = open_sampler(1.0, 1, 0.5, 0.5, 1.0, 2);
    uint32_t node[WORDS], level[WORDS], again[WORDS], reached[WORDS] = {0, 0, 0};
    bool differs = false;
    for (int32_t round = 0; round < 40; round++) {
        gbt_sampler_draw_tree(&all, round, 0);
        gbt_sampler_draw_tree(&level_only, round, 0);
        EXPECT_C_EQ_BYTES(all.tree_set, level_only.tree_set, sizeof node);
        EXPECT_C_EQ_INT(count_bits(all.tree_set, WORDS), 35);
        memset(reached, 0, sizeof reached);
        for (uint64_t path = 0; path < 60; path++) {
            gbt_sampler_draw_node(&level_only, round, 0, 2, path, level);
            gbt_sampler_draw_node(&all, round, 0, 2, path, node);
            EXPECT_C_EQ_INT(count_bits(level, WORDS), 18);
            EXPECT_C_EQ_INT(count_bits(node, WORDS), 9);
            EXPECT_C_TRUE(is_subset(level, all.tree_set) && is_subset(node, level));
            differs = differs || (path > 0 && memcmp(node, again, sizeof node) != 0);
            memcpy(again, node, sizeof again);
            for (int32_t w = 0; w < WORDS; w++) {
                reached[w] |= node[w];
            }
        }
        EXPECT_C_EQ_BYTES(reached, level,
                          sizeof level); /* every feature of the level, by some node */
    }
    EXPECT_C_TRUE(differs);
    gbt_sampler_draw_node(&all, 39, 0, 2, 59, node);
    EXPECT_C_EQ_BYTES(node, again, sizeof node); /* the path alone names the node */
    gbt_sampler_close(&all);
    gbt_sampler_close(&level_only);
}

TEST_C(Sampler, LevelsOfATreeHaveSetsOfTheirOwn)
{
    gbt_sampler sampler = open_sampler(1.0, 1, 1.0, 0.5, 1.0, 2);
    uint32_t first[WORDS], second[WORDS], same_level[WORDS];
    gbt_sampler_draw_node(&sampler, 0, 0, 1, 17, first);
    gbt_sampler_draw_node(&sampler, 0, 0, 1, 18, same_level);
    gbt_sampler_draw_node(&sampler, 0, 0, 2, 17, second);
    EXPECT_C_EQ_BYTES(first, same_level, sizeof first);
    EXPECT_C_FALSE(memcmp(first, second, sizeof first) == 0);
    EXPECT_C_EQ_INT(count_bits(second, WORDS), FEATURES / 2);
    gbt_sampler_close(&sampler);
}

/* The counts of every share and number of features, exactly. */
TEST_C(Sampler, CountsAreRoundedToTheNearest)
{
    for (int32_t n = 1; n <= 40; n++) {
        for (int32_t percent = 1; percent < 100; percent += 7) {
            gbt_sampler sampler;
            gbt_sampler_config config = everything;
            config.by_tree = percent / 100.0;
            ASSERT_C_OK(gbt_sampler_open(&sampler, &config, 10, n));
            gbt_sampler_draw_tree(&sampler, n, percent);
            int32_t want = (int32_t)floor(config.by_tree * n + 0.5);
            want = want < 1 ? 1 : want;
            EXPECT_C_EQ_INT(count_bits(sampler.tree_set, sampler.n_words), want);
            gbt_sampler_close(&sampler);
        }
    }
}
