/* One line a second on a terminal, one per reported round on a pipe. */
#define _POSIX_C_SOURCE 200809L
#include "gbt/cli/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void gbt_report_open(gbt_report *report, const gbt_command *command, bool has_log)
{
    memset(report, 0, sizeof *report);
    report->command = command;
    report->is_terminal = isatty(STDERR_FILENO) != 0;
    report->has_log = has_log;
    report->last_seconds = report->last_train_seconds = -1.0;
}

void gbt_report_close(gbt_report *report)
{
    gbt_writer_close(&report->log);
}

static void append(char *text, size_t capacity, const char *format, const char *data, const char *metric,
                   double value)
{
    const size_t used = strlen(text);
    snprintf(text + used, capacity - used, format, data, metric, value);
}

static void log_round(gbt_report *report, const gbt_round_info *info)
{
    gbt_writer *log = &report->log;
    gbt_print(log, "{\"round\": %d, \"seconds\": ", (int)info->round);
    gbt_print_number(log, info->seconds);
    gbt_print(log, ", \"metrics\": {");
    for (int32_t i = 0; i < info->n_values; i++) {
        const bool opens = i == 0 || strcmp(info->data[i], info->data[i - 1]) != 0;
        if (opens) {
            gbt_print(log, "%s", i == 0 ? "" : "}, ");
            gbt_print_json_text(log, info->data[i]);
            gbt_print(log, ": {");
        } else {
            gbt_print(log, ", ");
        }
        gbt_print_json_text(log, info->metric[i]);
        gbt_print(log, ": ");
        gbt_print_number(log, info->value[i]);
    }
    gbt_print(log, "%s}}\n", info->n_values > 0 ? "}" : "");
}

/* Without validation rows the training rows are measured, at most once a second: it costs a pass. */
static void measure_train(gbt_report *report, const gbt_round_info *info, bool is_last)
{
    if (info->n_values > 0 || (!is_last && info->seconds - report->last_train_seconds < 1.0)) {
        return;
    }
    report->last_train_seconds = info->seconds;
    for (int m = 0; m < gbt_booster_metric_count(info->booster); m++) {
        double value;
        if (gbt_booster_metric(info->booster, -1, m, &value) == GBT_OK) {
            append(report->summary, sizeof report->summary, "  %s %s %.6g", "train",
                   gbt_booster_metric_name(info->booster, m), value);
        }
    }
}

int gbt_report_round(const gbt_round_info *info, void *user)
{
    gbt_report *report = user;
    const bool is_last = info->round == info->n_rounds;
    report->rounds = info->round;
    report->best_round = info->best_round;
    if (report->has_log) {
        log_round(report, info);
    }
    const bool is_due = is_last || !report->is_terminal || report->last_seconds < 0.0 ||
                        info->seconds - report->last_seconds >= 1.0;
    if (report->command->verbosity > GBT_QUIET && is_due) {
        const double left = info->seconds / (double)info->round * (double)(info->n_rounds - info->round);
        report->last_seconds = info->seconds;
        report->summary[0] = '\0';
        for (int32_t i = 0; i < info->n_values; i++) {
            append(report->summary, sizeof report->summary, "  %s %s %.6g", info->data[i], info->metric[i],
                   info->value[i]);
        }
        measure_train(report, info, is_last);
        fprintf(stderr, "round %d/%d%s", (int)info->round, (int)info->n_rounds, report->summary);
        if (info->best_round > 0 && info->best_round != info->round) {
            fprintf(stderr, "  (best %.6g at %d)", info->best_value, (int)info->best_round);
        }
        fprintf(stderr, "  %.1f s%s", info->seconds, is_last ? "\n" : "");
        if (!is_last) {
            fprintf(stderr, ", %.0f s left\n", left);
        }
    }
    return gbt_is_interrupted();
}
