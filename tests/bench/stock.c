#include "stock.h"

#include "clock.h"
#include "question.h"
#include "schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGE_S 30

void stock_name(struct stock *out, unsigned i)
{
	*out = (struct stock){.hops = i % 10 != 0 ? 0 : 1 + i / 10 % STOCK_HOPS_MAX, .age_s = AGE_S};
	snprintf(out->domain, sizeof out->domain, "domain-%06u.bench.example", i);
	for (unsigned hop = 0; hop < STOCK_HOPS_MAX; hop++)
		snprintf(out->host[hop], sizeof out->host[hop], "mx%u.domain-%06u.bench.example", hop + 1, i);
}

static void mx_learn(struct entry *entry, const struct stock *stock, int64_t at)
{
	struct mx_found found = {.set = {.state = MX_LISTED, .ttl_s = 3600}};
	for (unsigned hop = 0; hop < stock->hops; hop++) {
		found.set.preference[hop] = (uint16_t)(10 * (hop + 1));
		names_add(&found.set.names, stock->host[hop], strlen(stock->host[hop]));
	}
	entry_learn_mx(entry, &found, at);
	mx_found_free(&found);
}

static void policy_learn(struct entry *entry, const struct stock *stock, int64_t at)
{
	char text[1024];
	struct policy_found found = {.text = text};
	snprintf(text, sizeof text, "version: STSv1\r\nmode: %s\r\nmax_age: 604800\r\n",
		stock->testing ? "testing" : "enforce");
	for (unsigned hop = 0; hop < stock->hops; hop++) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof text - used, "mx: %s\r\n", stock->host[hop]);
	}
	found.text_len = (uint32_t)strlen(text);
	if (!policy_parse(&found.policy, text, found.text_len, NULL))
		abort();
	entry_learn_policy(entry, &found, "20260101000000Z", at);
	policy_free(&found.policy);
}

static void entry_fill(struct entry *entry, void *arg)
{
	const struct stock *stock = arg;
	int64_t now = clock_wall_s();
	struct record_found record = {.outcome = REASON_NO_RECORD, .ttl_s = 3600};
	if (stock->hops > 0) {
		record.outcome = REASON_OK;
		memcpy(record.record.id, "20260101000000Z", sizeof "20260101000000Z");
		policy_learn(entry, stock, now - stock->age_s);
		mx_learn(entry, stock, now - stock->age_s);
		entry->due_at = now + DAY_S;
	}
	entry_learn_record(entry, &record, now - stock->age_s);
	entry_learn_use(entry, now);
}

/* A mail host, and the domain that it belongs to. */
struct stock_host {
	const struct stock *stock;
	const char *name;
};

static void hop_fill(struct hop_record *record, void *arg)
{
	const struct stock_host *host = arg;
	int64_t now = clock_wall_s();
	struct evidence seen = {.at = now - host->stock->age_s,
		.protocol = 0x0304,
		.not_after = now + 60 * DAY_S,
		.address = "192.0.2.25",
		.cipher = "TLS_AES_256_GCM_SHA384"};
	snprintf(seen.names, sizeof seen.names, "%s", host->name);
	hop_record_learn(record, &seen);
}

bool stock_put(struct store *store, struct stock *stock, struct failure *why)
{
	bool good = store_change_entry(store, stock->domain, entry_fill, stock, why);
	for (unsigned hop = 0; good && hop < stock->hops; hop++) {
		struct stock_host host = {stock, stock->host[hop]};
		good = store_change_hop(store, host.name, QUESTION_PORT, hop_fill, &host, why);
	}
	return good;
}

bool stock_fill(struct store *store, unsigned count, struct failure *why)
{
	for (unsigned i = 0; i < count; i++) {
		struct stock stock;
		stock_name(&stock, i);
		if (!stock_put(store, &stock, why))
			return false;
	}
	return true;
}
