/* What several TLS reports say about failed sessions, merged: one group for all failures of the same kind at the same host. */
#ifndef CLI_FAILURES_H
#define CLI_FAILURES_H

#include "received.h"
#include "tlsrpt_result.h"

#define SHARES_MAX 10

/* Names, and how many of a group's sessions have them. What comes after SHARES_MAX names is counted together. */
struct shares {
	struct share {
		const char *name;
		uint64_t sessions;
	} of[SHARES_MAX];
	size_t count;
	uint64_t others; /* sessions */
};

/* All texts belong to the reports, except `domain` and `host`; "": unknown. */
struct failure_group {
	const char *domain;      /* in the form of domain_parse(), if possible */
	const char *type, *mode; /* of the policy; see policy_words() */
	const char *result;      /* the result type; "": the report does not say why */
	enum tlsrpt_result kind; /* the same; TLSRPT_RESULTS: it is none of RFC 8460 */
	char *host;              /* the mail host, or its address */
	uint64_t sessions;
	struct shares reporters, reasons, addresses;
};

struct failure_groups {
	struct failure_group *group; /* the most sessions first */
	size_t count;
	uint64_t sessions, failed; /* of all reports */
	char **domain;             /* of each policy; owned */
	size_t domains;
};

void failures_merge(struct failure_groups *groups, const struct received_list *list);
void failures_free(struct failure_groups *groups);

/* Returns what the postmaster of the domain can do about a group: whole sentences. */
const char *failure_remedy(const struct failure_group *group);
/* Returns one sentence of advice about all groups; there must be one. */
const char *failures_advice(const struct failure_groups *groups);

/* Adds two numbers of sessions; the sum of numbers from strangers is limited rather than wrong. */
uint64_t sessions_sum(uint64_t a, uint64_t b);
/* Returns the mode that the lines of an MTA-STS policy have: `enforce`, `testing` or `none`; "" if there is none. */
const char *policy_mode_of(const struct read_policy *policy);
/* Returns a short name of a policy's type: `MTA-STS`, `DANE` or `no policy`; NULL if the type is another one. */
const char *policy_type_word(const char *type);

#endif
