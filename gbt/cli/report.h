/* Progress of training on stderr, and the iteration log. */
#ifndef GBT_CLI_REPORT_H
#define GBT_CLI_REPORT_H

#include "gbt/cli/cli.h"

typedef struct gbt_report {
    const gbt_command *command;
    bool is_terminal;
    double last_seconds;    /* of the last line printed; -1: none yet */
    double measure_seconds; /* spent on metrics of the training rows */
    int32_t first_round;    /* of the first report, and its time: earlier rounds say nothing */
    double first_seconds;   /* about speed when a model is continued */
    int32_t best_round;
    gbt_writer log; /* JSON lines for log_json */
    bool has_log;
} gbt_report;

void gbt_report_open(gbt_report *, const gbt_command *, bool has_log);
void gbt_report_close(gbt_report *);

/* A gbt_round_fn; `user` is the report. Asks to stop after an interrupt. Rounds without a booster,
 * those of the side modules, show the metrics that they bring. */
int gbt_report_round(const gbt_round_info *, void *user);

#endif
