#include "lookups.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_LEAST_MS 10
#define RETRY_MOST_MS 500
#define NAME_SIZE (DOMAIN_SIZE + 16) /* `_mta-sts.`, `_65535._tcp.` before a domain */

struct lookup {
	struct lookup *next;
	enum dns_type type;
	struct dns_old_query *query; /* NULL once it is answered */
	struct dns_answer *answer;   /* NULL: not yet */
	char name[NAME_SIZE];
};

void lookups_begin(struct lookups *lookups, struct dns *dns)
{
	int64_t now_ms = clock_mono_ms();
	bool first = lookups->begun_ms == 0;
	lookups->dns = dns;
	lookups->waiting = false;
	lookups->moment_end_ms = first ? now_ms + LOOKUPS_MOMENT_MS : now_ms;
	if (first)
		lookups->begun_ms = now_ms;
}

static struct lookup *lookup_find(const struct lookups *lookups, const char *name, enum dns_type type)
{
	struct lookup *lookup = lookups->first;
	while (lookup && (lookup->type != type || strcmp(lookup->name, name) != 0))
		lookup = lookup->next;
	return lookup;
}

static struct lookup *lookup_new(struct lookups *lookups, const char *name, enum dns_type type, int64_t left_ms)
{
	struct lookup *lookup = calloc(1, sizeof *lookup);
	if (!lookup)
		abort();
	snprintf(lookup->name, sizeof lookup->name, "%s", name);
	lookup->type = type;
	if (left_ms < 1) /* the answer may be at hand */
		left_ms = 1;
	lookup->query =
		dns_old_begin(lookups->dns, name, type, left_ms < DNS_TIMEOUT_MS ? (int)left_ms : DNS_TIMEOUT_MS);
	lookup->next = lookups->first;
	lookups->first = lookup;
	return lookup;
}

static void lookup_look(const struct lookups *lookups, struct lookup *lookup)
{
	int64_t wait_ms = lookups->moment_end_ms - clock_mono_ms();
	lookup->answer = dns_old_answer(lookup->query, wait_ms > 0 ? (int)wait_ms : 0);
	if (lookup->answer)
		dns_old_drop(&lookup->query);
}

const struct dns_answer *lookups_ask(struct lookups *lookups, const char *name, enum dns_type type, int64_t deadline_ms)
{
	static const struct dns_answer none = {.outcome = DNS_TIMEOUT};
	if (lookups->waiting)
		return &none;
	struct lookup *lookup = lookup_find(lookups, name, type);
	if (!lookup)
		lookup = lookup_new(lookups, name, type, deadline_ms - clock_mono_ms());
	if (!lookup->answer)
		lookup_look(lookups, lookup);
	lookups->waiting = !lookup->answer;
	return lookup->answer ? lookup->answer : &none;
}

bool lookups_over(struct lookups *lookups)
{
	if (!lookups->waiting && lookups->ended_ms == 0)
		lookups->ended_ms = clock_mono_ms();
	return !lookups->waiting;
}

int64_t lookups_took_ms(const struct lookups *lookups)
{
	return lookups->ended_ms - lookups->begun_ms;
}

int lookups_retry_ms(const struct lookups *lookups)
{
	int64_t quarter_ms = (clock_mono_ms() - lookups->begun_ms) / 4;
	if (quarter_ms < RETRY_LEAST_MS)
		return RETRY_LEAST_MS;
	return quarter_ms < RETRY_MOST_MS ? (int)quarter_ms : RETRY_MOST_MS;
}

void lookups_end(struct lookups *lookups)
{
	while (lookups->first) {
		struct lookup *lookup = lookups->first;
		lookups->first = lookup->next;
		dns_old_drop(&lookup->query);
		if (lookup->answer)
			dns_answer_free(&lookup->answer);
		free(lookup);
	}
	*lookups = (struct lookups){.dns = NULL};
}
