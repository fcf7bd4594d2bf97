/* One line a second on a terminal, one per reported round on a pipe. Without validation rows the
 * training rows are measured. That costs a pass over them, so progress lines spend a twentieth of
 * the time on it and leave the metric out when it would be more; log_json, which was asked for,
 * has it in every line. */
#define _POSIX_C_SOURCE 200809L
#include "gbt/cli/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gbt/base/clock.h"

enum { MOST_METRICS = 32 };

/* The metrics of one report: those of the validation rows or, without, of the training rows. */
typedef struct values {
    int32_t n;
    const char *const *data, *const *metric;
    const double *value;
} values;

/* Room for the metrics of the training rows. */
typedef struct train_values {
    const char *data[MOST_METRICS], *metric[MOST_METRICS];
    double value[MOST_METRICS];
} train_values;

void gbt_report_open(gbt_report *report, const gbt_command *command, bool has_log)
{
    memset(report, 0, sizeof *report);
    report->command = command;
    report->is_terminal = isatty(STDERR_FILENO) != 0;
    report->has_log = has_log;
    report->last_seconds = -1.0;
}

void gbt_report_close(gbt_report *report)
{
    gbt_writer_close(&report->log);
}

static values measure_train(const gbt_booster *booster, train_values *room)
{
    values out = {0, room->data, room->metric, room->value};
    for (int m = 0; m < gbt_booster_metric_count(booster) && m < MOST_METRICS; m++) {
        if (gbt_booster_metric(booster, -1, m, &room->value[out.n]) == GBT_OK) {
            room->data[out.n] = "train";
            room->metric[out.n] = gbt_booster_metric_name(booster, m);
            out.n++;
        }
    }
    return out;
}

/* {"round": 1, "seconds": 0.1, "metrics": {"valid": {"rmse": 0.5}}} */
static void log_round(gbt_writer *log, const gbt_round_info *info, const values *shown)
{
    gbt_print(log, "{\"round\": %d, \"seconds\": ", (int)info->round);
    gbt_print_number(log, info->seconds);
    gbt_print(log, ", \"metrics\": {");
    for (int32_t i = 0; i < shown->n; i++) {
        if (i == 0 || strcmp(shown->data[i], shown->data[i - 1]) != 0) {
            gbt_print(log, "%s", i == 0 ? "" : "}, ");
            gbt_print_json_text(log, shown->data[i]);
            gbt_print(log, ": {");
        } else {
            gbt_print(log, ", ");
        }
        gbt_print_json_text(log, shown->metric[i]);
        gbt_print(log, ": ");
        gbt_print_number(log, shown->value[i]);
    }
    gbt_print(log, "%s}}\n", shown->n > 0 ? "}" : "");
}

/* round 7/300  valid rmse 0.51 (best 0.49 at 5)  0.3 s, 12 s left */
static void print_round(const gbt_report *report, const gbt_round_info *info, const values *shown)
{
    fprintf(stderr, "round %d/%d", (int)info->round, (int)info->n_rounds);
    for (int32_t i = 0; i < shown->n; i++) {
        fprintf(stderr, "  %s %s %.6g", shown->data[i], shown->metric[i], shown->value[i]);
    }
    if (info->best_round > 0 && info->best_round != info->round) {
        fprintf(stderr, "  (best %.6g at %d)", info->best_value, (int)info->best_round);
    }
    fprintf(stderr, "  %.1f s", info->seconds);
    const int32_t done = info->round - report->first_round;
    if (done > 0 && info->round < info->n_rounds) {
        const double each = (info->seconds - report->first_seconds) / (double)done;
        fprintf(stderr, ", %.0f s left", each * (double)(info->n_rounds - info->round));
    }
    fputc('\n', stderr);
}

int gbt_report_round(const gbt_round_info *info, void *user)
{
    gbt_report *report = user;
    const bool is_first = report->first_round == 0;
    const bool is_end = is_first || info->round == info->n_rounds;
    const bool is_due =
        report->command->verbosity > GBT_QUIET &&
        (is_end || !report->is_terminal || info->seconds - report->last_seconds >= 1.0);
    const bool is_cheap = is_end || report->measure_seconds <= 0.05 * info->seconds;
    train_values room;
    values shown = {info->n_values, info->data, info->metric, info->value};
    if (is_first) {
        report->first_round = info->round;
        report->first_seconds = info->seconds;
    }
    report->best_round = info->best_round;
    if (info->n_values == 0 && info->booster && (report->has_log || (is_due && is_cheap))) {
        const double start = gbt_clock();
        shown = measure_train(info->booster, &room);
        report->measure_seconds += gbt_clock() - start;
    }
    if (report->has_log) {
        log_round(&report->log, info, &shown);
    }
    if (is_due) {
        report->last_seconds = info->seconds;
        print_round(report, info, &shown);
    }
    return gbt_is_interrupted();
}
