/* Early stopping of units: their rounds are played again on the validation rows, all units one
 * round at a time, and the models are cut back to the best common number of rounds. Scores grow
 * tree by tree as in the booster, so they are those of the cut model bit by bit. Cost: the trees on
 * the validation rows. */
#include "gbt/base/alloc.h"
#include "gbt/modules/multitask_internal.h"

/* A unit's validation rows, and its trees without the base score. */
typedef struct player {
    gbt_dataset *data; /* NULL: no validation rows */
    gbt_model *trees;
    int64_t *rows; /* [n] */
    int64_t n;
    float *increment; /* [n_outputs x n] of one round */
} player;

static void close_players(player *players, int32_t n)
{
    for (int32_t u = 0; players && u < n; u++) {
        gbt_dataset_free(players[u].data);
        gbt_model_free(players[u].trees);
        gbt_release(players[u].rows);
        gbt_release(players[u].increment);
    }
    gbt_release(players);
}

/* Lists the rows of every unit's tasks: two passes over the validation rows. */
static gbt_status list_rows(const gbt_task_rows *valid, const int32_t *unit_of_task,
                            player *players, int32_t n_units)
{
    for (int64_t i = 0; i < valid->n_rows; i++) {
        players[unit_of_task[valid->task[i]]].n++;
    }
    for (int32_t u = 0; u < n_units; u++) {
        GBT_TRY(GBT_NEW(players[u].rows, players[u].n));
        players[u].n = 0;
    }
    for (int64_t i = 0; i < valid->n_rows; i++) {
        player *p = &players[unit_of_task[valid->task[i]]];
        p->rows[p->n++] = i;
    }
    return GBT_OK;
}

/* Copies the rows of a unit and sets their scores to its base score. */
static gbt_status open_player(gbt_task_run *run, const gbt_task_unit *unit, int score, double *base,
                              player *p)
{
    gbt_task_rows *valid = &run->valid;
    const int32_t n_outputs = run->model->n_outputs;
    if (p->n == 0) {
        return GBT_OK;
    }
    GBT_TRY(gbt_model_base_score(unit->model, base, n_outputs));
    for (int32_t k = 0; k < n_outputs; k++) {
        for (int64_t i = 0; i < p->n; i++) {
            valid->block[score][k * valid->n_rows + p->rows[i]] = (float)base[k];
        }
        base[k] = 0.0;
    }
    GBT_TRY(GBT_NEW(p->increment, p->n * n_outputs));
    GBT_TRY(gbt_model_slice(unit->model, 0, gbt_model_round_count(unit->model), base, &p->trees));
    return gbt_dataset_subset(valid->data, p->rows, p->n, &p->data);
}

static gbt_status open_players(gbt_task_run *run, const gbt_task_unit *unit, int32_t n_units,
                               const int32_t *unit_of_task, int score, player *players)
{
    gbt_status status = GBT_OK;
    double *base = NULL;
    GBT_TRY_OR_DONE(GBT_NEW(base, run->model->n_outputs));
    GBT_TRY_OR_DONE(list_rows(&run->valid, unit_of_task, players, n_units));
    for (int32_t u = 0; u < n_units; u++) {
        GBT_TRY_OR_DONE(open_player(run, &unit[u], score, base, &players[u]));
    }
done:
    gbt_release(base);
    return status;
}

/* Adds round `round` (from 0) of one unit to the validation scores. */
static gbt_status play(gbt_task_run *run, player *p, int32_t round, int score)
{
    float *sum = run->valid.block[score];
    if (!p->data || round >= gbt_model_round_count(p->trees)) {
        return GBT_OK;
    }
    GBT_TRY(gbt_task_model_scores(p->trees, p->data, round, 1, run->set.threads, p->increment));
    for (int32_t k = 0; k < run->model->n_outputs; k++) {
        for (int64_t i = 0; i < p->n; i++) {
            sum[k * run->valid.n_rows + p->rows[i]] += p->increment[k * p->n + i];
        }
    }
    return GBT_OK;
}

static gbt_status cut(gbt_task_unit *unit, int32_t n_units, int32_t n_kept)
{
    for (int32_t u = 0; u < n_units; u++) {
        gbt_model *shorter = NULL;
        if (gbt_model_round_count(unit[u].model) > n_kept) {
            GBT_TRY(gbt_model_slice(unit[u].model, 0, n_kept, NULL, &shorter));
            gbt_model_free(unit[u].model);
            unit[u].model = shorter;
        }
    }
    return GBT_OK;
}

gbt_status gbt_task_units_cut(gbt_task_run *run, gbt_task_unit *unit, int32_t n_units,
                              const int32_t *unit_of_task, int score, const char *block,
                              int32_t n_rounds)
{
    gbt_status status = GBT_OK;
    player *players = NULL;
    int32_t n_most = 0, n_done = 0;
    bool is_over = false;
    for (int32_t u = 0; u < n_units; u++) {
        const int32_t n = gbt_model_round_count(unit[u].model);
        n_most = n > n_most ? n : n_most;
    }
    GBT_TRY_OR_DONE(gbt_task_watch_block(run, n_rounds));
    GBT_TRY_OR_DONE(GBT_NEW_ZERO(players, n_units));
    GBT_TRY_OR_DONE(open_players(run, unit, n_units, unit_of_task, score, players));
    while (n_done < n_most && !is_over) {
        for (int32_t u = 0; u < n_units; u++) {
            GBT_TRY_OR_DONE(play(run, &players[u], n_done, score));
        }
        n_done++;
        GBT_TRY_OR_DONE(gbt_task_watch_round(run, n_done, n_done == n_most, &is_over));
    }
    GBT_TRY_OR_DONE(cut(unit, n_units, gbt_task_watch_keep(run, block, n_done)));
done:
    close_players(players, n_units);
    return status;
}
