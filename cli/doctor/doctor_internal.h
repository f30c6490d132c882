/* Shared by doctor_run.c (the parent) and doctor.c (the children). */
#ifndef CLI_DOCTOR_INTERNAL_H
#define CLI_DOCTOR_INTERNAL_H

#include "doctor.h"

#include <stddef.h>
#include <stdint.h>

/* In the order of the output. */
enum doctor_group_number {
	DOCTOR_GROUP_machine,
	DOCTOR_GROUP_network,
	DOCTOR_GROUP_outbound,
	DOCTOR_GROUP_store,
	DOCTOR_GROUP_sockets,
	DOCTOR_GROUP_fleet,
	DOCTOR_GROUP_postfix,
	DOCTOR_GROUP_sendmail,
	DOCTOR_GROUPS
};

struct doctor_check {
	enum doctor_group_number group;
	bool network;
	const char *name;
	const char *sentence;
};
extern const struct doctor_check doctor_checks[];
extern const size_t doctor_check_count;
extern const char *const doctor_group_names[DOCTOR_GROUPS];

/* Returns whether the operator asked for this check. */
bool doctor_asked(const struct doctor *doctor, const struct doctor_check *check);

/* What a child sends to the parent, in one write: it is smaller than PIPE_BUF. The parent trusts none of it. */
struct doctor_record {
	uint16_t check; /* index in doctor_checks; DOCTOR_REMEDY: the text is the remedy of the last finding */
	uint16_t result;
	char text[DOCTOR_TEXT_SIZE];
};
#define DOCTOR_REMEDY 0xffff

#endif
