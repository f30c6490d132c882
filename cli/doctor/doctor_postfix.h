/* Reads the configuration of the Postfix on this machine, or of the instance that --postfix names. */
#ifndef CLI_DOCTOR_POSTFIX_H
#define CLI_DOCTOR_POSTFIX_H

#include "doctor.h"
#include "postfix_config.h"

enum postfix_found {
	POSTFIX_FOUND,
	POSTFIX_ABSENT,    /* Postfix is not installed */
	POSTFIX_UNREADABLE /* `why` has the reason */
};
/* Runs postconf(1). The caller frees the configuration in any case. */
enum postfix_found doctor_postfix_read(const struct doctor *doctor, struct postfix_config *config, struct failure *why);

#endif
