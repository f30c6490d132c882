/* The output of `report read`: what received TLS reports say. */
#ifndef CLI_REPORT_READ_H
#define CLI_REPORT_READ_H

#include "failures.h"

/* Print all that was read. Without any report, the first one prints nothing. */
void report_read_print(const struct received_list *list, const struct failure_groups *groups);
void report_read_print_json(const struct received_list *list, const struct failure_groups *groups);

#endif
