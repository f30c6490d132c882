/* Which milter of an MTA may sign TLS reports with DKIM, judged by its address. Pure; any thread. */
#ifndef CLI_REPORT_SIGNER_H
#define CLI_REPORT_SIGNER_H

#include "settings.h"
#include "span.h"

/* Returns the port of report_smtp on this machine, or 0: it is another machine. */
unsigned report_port_here(const struct settings *settings);

/* Returns the name of a program that signs mail, by the address of its milter in the form of Postfix or Sendmail: its usual port,
 * or a path with its name. NULL: it is none of those, or unknown. */
const char *signer_name(struct span address);

#endif
