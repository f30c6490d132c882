/* What `why` shows: the last verdicts that delayed mail, held it, tagged it or found a failure, for a domain or a queue id, and
 * what the store knows now about the domain. Any thread. */
#ifndef SHOWN_WHY_FOUND_H
#define SHOWN_WHY_FOUND_H

#include "entry.h"
#include "facts.h"
#include "failure.h"
#include "settings.h"
#include "store.h"

#include <jansson.h>

struct why {
	const char *id; /* the queue id; NULL: a domain is asked for */
	char *domain;   /* the domain asked for, or that of the newest record; "" if there is none; owned */
	struct store *store;
	const struct settings *settings;
	int64_t now;                   /* when the store was read, seconds since the epoch */
	struct verdict_record *record; /* the records that match, newest first; owned */
	size_t count;
	/* What the store knows now about the domain: the override in force, and the hops that were probed. The first hop is
	 * the one that decided the newest record, if there is one. */
	struct entry entry;
	struct override override;
	struct why_hop {
		char host[DOMAIN_SIZE];
		struct evidence newest;
		unsigned others_looked, others_bad; /* of the other relays of the site */
	} hop[1 + HOPS_MAX];
	unsigned hop_count;
};

/* Reads what the store has about a queue id, or about a domain if `id` is NULL. The id, the store and the settings must
 * outlive the result. Returns false if the store cannot be read. The caller calls why_free() in any case. */
bool why_read(struct why *why, struct store *store, const struct settings *settings, const char *id, const char *domain,
	struct failure *failure);
void why_free(struct why *why);

/* Returns whether the hop that decided the newest record was found good afterwards. */
bool why_fault_is_gone(const struct why *why);
/* Returns whether a policy is in force. */
bool why_policy_is_live(const struct why *why);

/* What an administrator can do, as a command for a shell. */
#define WHY_COMMANDS_MAX 3
#define WHY_COMMAND_SIZE (DOMAIN_SIZE + 128)
struct why_command {
	const char *purpose; /* two words, such as "let pass" */
	char text[WHY_COMMAND_SIZE];
};
/* Fills in the commands for the newest record, and returns how many there are. The word QUEUEID stands for a queue id that was
 * not asked for. */
unsigned why_commands(const struct why *why, struct why_command out[WHY_COMMANDS_MAX]);

/* Returns the object of `why --json`, which the caller owns. */
json_t *why_json(const struct why *why);

#endif
