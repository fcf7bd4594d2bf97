/* Progress of training on stderr, and the iteration log. */
#ifndef GBT_CLI_REPORT_H
#define GBT_CLI_REPORT_H

#include "gbt/cli/cli.h"

typedef struct gbt_report {
    const gbt_command *command;
    bool is_terminal;
    double last_seconds;     /* of the last line printed */
    double last_train_seconds; /* of the last metric computed on the training rows */
    gbt_writer log;          /* JSON lines for log_json */
    bool has_log;
    int32_t rounds, best_round;
    char summary[512];       /* metrics of the last report */
} gbt_report;

void gbt_report_open(gbt_report *, const gbt_command *, bool has_log);
void gbt_report_close(gbt_report *);

/* A gbt_round_fn; `user` is the report. Asks to stop after an interrupt. */
int gbt_report_round(const gbt_round_info *, void *user);

#endif
