#include "tlsrpt_outbox.h"

#include "clock.h"
#include "lookups.h"
#include "memory.h"
#include "metrics.h"
#include "rdata.h"
#include "report_record.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 64 /* TXT records of one name that are read */

/* What is known of a domain's record. */
struct known {
	char domain[DOMAIN_SIZE];
	int64_t until_ms;
	bool failed;
	char *text; /* owned; NULL: the domain gets no reports */
};

/* A session that waits. */
struct waiting {
	struct tlsrpt_session session;
	struct waiting *next;
};

/* A lookup under way. */
struct asking {
	struct outbox *outbox;
	struct config *config;
	char domain[DOMAIN_SIZE];
	struct lookups lookups;
	struct waiting *first, **last;
	struct asking *next;
};

struct outbox {
	struct loop *loop;
	tlsrpt_sink *sink;
	void *arg;
	atomic_uint *waiting_all;
	unsigned lookups, waiting;
	struct asking *asking;
	struct known *known[OUTBOX_KNOWN_MAX]; /* by a hash of the domain */
};

void tlsrpt_dropped_count(enum tlsrpt_dropped cause)
{
	metrics_add(METRIC_TLSRPT_OWN_DROPPED, cause, 0, 0, 1);
}

/* --- records in memory -------------------------------------------------------------------------------------------- */

static struct known **known_place(struct outbox *outbox, const char *domain)
{
	return &outbox->known[domain_hash(domain, 0) % OUTBOX_KNOWN_MAX];
}

static const struct known *known_find(struct outbox *outbox, const char *domain)
{
	const struct known *known = *known_place(outbox, domain);
	bool is = known && clock_mono_ms() < known->until_ms && strcmp(known->domain, domain) == 0;
	return is ? known : NULL;
}

static void known_free(struct known **slot)
{
	if (*slot)
		free((*slot)->text);
	free(*slot);
	*slot = NULL;
}

/* --- the answer from DNS ------------------------------------------------------------------------------------------ */

/* Returns the text of the record, or NULL if the domain gets no reports. */
static char *record_read(const struct dns_answer *answer)
{
	struct span txt[RECORDS_MAX], record;
	size_t count = 0, used = 0, size = 1;
	if (answer->outcome != DNS_OK || answer->truncated || answer->count > RECORDS_MAX)
		return NULL;
	for (size_t i = 0; i < answer->count; i++)
		size += answer->rr[i].len;
	char *bytes = xmalloc(size), *text = NULL;
	for (size_t i = 0; i < answer->count; i++) {
		long len = rdata_txt(bytes + used, size - used, answer->rr[i].data, answer->rr[i].len);
		if (len < 0)
			continue;
		txt[count++] = (struct span){bytes + used, (size_t)len};
		used += (size_t)len;
	}
	if (report_record_choose(txt, count, &record) && record.len < TLSRPT_RECORD_SIZE &&
		utf8_is_text(record.at, record.len)) {
		text = xcalloc(1, record.len + 1);
		memcpy(text, record.at, record.len);
	}
	free(bytes);
	return text;
}

static struct known *known_make(const char *domain, const struct dns_answer *answer)
{
	struct known *known = xcalloc(1, sizeof *known);
	int64_t age_s = answer->ttl_s;
	known->failed = answer->outcome != DNS_OK && answer->outcome != DNS_NODATA && answer->outcome != DNS_NXDOMAIN;
	known->text = record_read(answer);
	memcpy(known->domain, domain, strlen(domain) + 1);
	if (known->failed || age_s < OUTBOX_KNOWN_MIN_S)
		age_s = OUTBOX_KNOWN_MIN_S;
	if (age_s > OUTBOX_KNOWN_MAX_S)
		age_s = OUTBOX_KNOWN_MAX_S;
	known->until_ms = clock_mono_ms() + 1000 * age_s;
	return known;
}

/* --- sessions ----------------------------------------------------------------------------------------------------- */

static void session_count(const struct tlsrpt_session *session)
{
	const struct tlsrpt_policy *policy = &session->policy[0];
	metrics_add(METRIC_TLSRPT_OWN, policy->failures > 0 ? policy->failure[0].result : TLSRPT_RESULTS, 0, 0, 1);
}

/* Sends a session to the sink, or drops it, by what is known of its domain. */
static void deliver(struct outbox *outbox, const struct known *known, struct tlsrpt_session *session)
{
	if (known->failed)
		tlsrpt_dropped_count(TLSRPT_DROPPED_LOOKUP);
	if (known->text) {
		memcpy(session->record, known->text, strlen(known->text) + 1);
		session_count(session);
		outbox->sink(outbox->arg, session);
	}
	tlsrpt_session_free(session);
}

static void asking_free(struct outbox *outbox, struct asking *asking)
{
	while (asking->first) {
		struct waiting *waiting = asking->first;
		asking->first = waiting->next;
		tlsrpt_session_free(&waiting->session);
		free(waiting);
		outbox->waiting--;
		atomic_fetch_sub(outbox->waiting_all, 1);
	}
	lookups_end(&asking->lookups);
	config_unref(&asking->config);
	free(asking);
	outbox->lookups--;
}

/* Begins the lookup, or looks whether it has ended. */
static const struct dns_answer *asking_look(struct asking *asking, struct wake wake)
{
	char buffer[DOMAIN_SIZE + sizeof "_smtp._tls."];
	struct text name;
	text_init(&name, buffer, sizeof buffer);
	text_add(&name, "_smtp._tls.");
	text_add(&name, asking->domain);
	lookups_begin(&asking->lookups, asking->config->dns, asking->outbox->loop, wake);
	const struct dns_answer *answer =
		lookups_ask(&asking->lookups, buffer, DNS_TXT, asking->lookups.begun_ms + DNS_TIMEOUT_MS);
	return lookups_over(&asking->lookups) ? answer : NULL;
}

/* The lookup has ended: its sessions leave. */
static void asking_end(struct asking *asking, const struct dns_answer *answer)
{
	struct outbox *outbox = asking->outbox;
	struct known **place = known_place(outbox, asking->domain);
	struct asking **at = &outbox->asking;
	while (*at != asking)
		at = &(*at)->next;
	*at = asking->next;
	known_free(place);
	*place = known_make(asking->domain, answer);
	for (struct waiting *waiting = asking->first; waiting; waiting = waiting->next)
		deliver(outbox, *place, &waiting->session);
	asking_free(outbox, asking);
}

static void on_wake(void *arg)
{
	struct asking *asking = arg;
	const struct dns_answer *answer = asking_look(asking, (struct wake){on_wake, asking});
	if (answer)
		asking_end(asking, answer);
}

static struct asking *asking_find(struct outbox *outbox, const char *domain)
{
	struct asking *asking = outbox->asking;
	while (asking && strcmp(asking->domain, domain) != 0)
		asking = asking->next;
	return asking;
}

static struct asking *asking_new(struct outbox *outbox, struct config *config, const char *domain)
{
	struct asking *asking = xcalloc(1, sizeof *asking);
	asking->outbox = outbox;
	asking->config = config_ref(config);
	memcpy(asking->domain, domain, strlen(domain) + 1);
	asking->last = &asking->first;
	asking->next = outbox->asking;
	outbox->asking = asking;
	outbox->lookups++;
	return asking;
}

static void asking_add(struct asking *asking, struct tlsrpt_session *session)
{
	struct waiting *waiting = xcalloc(1, sizeof *waiting);
	waiting->session = *session;
	memset(session, 0, sizeof *session);
	*asking->last = waiting;
	asking->last = &waiting->next;
	asking->outbox->waiting++;
	atomic_fetch_add(asking->outbox->waiting_all, 1);
}

void outbox_put(struct outbox *outbox, struct config *config, struct tlsrpt_session *session)
{
	const struct known *known = known_find(outbox, session->domain);
	struct asking *asking = known ? NULL : asking_find(outbox, session->domain);
	if (known) {
		deliver(outbox, known, session);
	} else if (outbox->waiting >= OUTBOX_WAITING_MAX || (!asking && outbox->lookups >= OUTBOX_LOOKUPS_MAX)) {
		tlsrpt_dropped_count(TLSRPT_DROPPED_QUEUE);
		tlsrpt_session_free(session);
	} else if (asking) {
		asking_add(asking, session);
	} else {
		asking = asking_new(outbox, config, session->domain);
		asking_add(asking, session);
		on_wake(asking);
	}
}

/* --- start and stop ----------------------------------------------------------------------------------------------- */

struct outbox *outbox_new(struct loop *loop, tlsrpt_sink *sink, void *arg, atomic_uint *waiting)
{
	struct outbox *outbox = xcalloc(1, sizeof *outbox);
	outbox->loop = loop;
	outbox->sink = sink;
	outbox->arg = arg;
	outbox->waiting_all = waiting;
	return outbox;
}

void outbox_free(struct outbox **slot)
{
	struct outbox *outbox = *slot;
	if (!outbox)
		return;
	while (outbox->asking) {
		struct asking *asking = outbox->asking;
		outbox->asking = asking->next;
		asking_free(outbox, asking);
	}
	for (size_t i = 0; i < OUTBOX_KNOWN_MAX; i++)
		known_free(&outbox->known[i]);
	free(outbox);
	*slot = NULL;
}
