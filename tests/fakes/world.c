#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 4096
#define ZONES_MAX 64

struct dns_row {
	char name[DOMAIN_SIZE];
	enum dns_type type;
	struct dns_answer *answer;
};
struct zone_row {
	char name[DOMAIN_SIZE];
	bool is_signed;
};
struct alias_row {
	char name[DOMAIN_SIZE], target[DOMAIN_SIZE];
};
struct answer_row {
	char name[DOMAIN_SIZE + ADDRESS_TEXT_SIZE];
	struct world_answer answer;
};

static struct lock lock = {PTHREAD_MUTEX_INITIALIZER};
static struct world {
	int64_t wall_s, mono_offset_ms;
	bool resolver_dead;
	bool validates, deciding;
	unsigned address_count;
	struct dns_row dns[ROWS_MAX];
	struct answer_row policy[ROWS_MAX], hop[ROWS_MAX];
	struct zone_row zone[ZONES_MAX];
	struct alias_row alias[ZONES_MAX];
	size_t dns_count, policy_count, hop_count, zone_count, alias_count;
} w GUARDED_BY(lock) = {.wall_s = WORLD_START_S};

void world_reset(void)
{
	world_calls_reset();
	world_networks_reset();
	lock_take(&lock);
	for (size_t i = 0; i < w.dns_count; i++)
		free(w.dns[i].answer);
	for (size_t i = 0; i < w.policy_count; i++)
		free(w.policy[i].answer.text);
	memset(&w, 0, sizeof w);
	w.wall_s = WORLD_START_S;
	lock_drop(&lock);
}

void world_advance(int64_t seconds)
{
	lock_take(&lock);
	w.wall_s += seconds;
	w.mono_offset_ms += seconds * 1000;
	lock_drop(&lock);
	world_calls_look();
}

void world_set_back(int64_t seconds)
{
	lock_take(&lock);
	w.wall_s -= seconds;
	lock_drop(&lock);
}

int64_t world_wall_s(void)
{
	lock_take(&lock);
	int64_t now = w.wall_s;
	lock_drop(&lock);
	return now;
}

int64_t world_mono_offset_ms(void)
{
	lock_take(&lock);
	int64_t offset = w.mono_offset_ms;
	lock_drop(&lock);
	return offset;
}

/* DNS */

static struct dns_row *dns_row(const char *name, enum dns_type type) REQUIRES(lock)
{
	for (size_t i = 0; i < w.dns_count; i++)
		if (w.dns[i].type == type && strcmp(w.dns[i].name, name) == 0)
			return &w.dns[i];
	return NULL;
}

void world_dns_answer_set(const char *name, enum dns_type type, struct dns_answer *answer)
{
	lock_take(&lock);
	struct dns_row *row = dns_row(name, type);
	if (!row) {
		assert(w.dns_count < ROWS_MAX);
		row = &w.dns[w.dns_count++];
		snprintf(row->name, sizeof row->name, "%s", name);
		row->type = type;
	}
	free(row->answer);
	row->answer = answer;
	lock_drop(&lock);
}

void world_dns_outcome(const char *name, enum dns_type type, enum dns_outcome outcome, uint32_t ttl_s)
{
	struct dns_answer *answer = calloc(1, sizeof *answer);
	assert(answer);
	answer->outcome = outcome;
	answer->ttl_s = ttl_s;
	world_dns_answer_set(name, type, answer);
}

void world_dns_secure(const char *name, enum dns_type type)
{
	lock_take(&lock);
	struct dns_row *row = dns_row(name, type);
	assert(row);
	row->answer->secure = true;
	lock_drop(&lock);
}

void world_resolver(bool alive)
{
	lock_take(&lock);
	w.resolver_dead = !alive;
	lock_drop(&lock);
}

void world_address(const char *host)
{
	lock_take(&lock);
	bool known = dns_row(host, DNS_A) || dns_row(host, DNS_AAAA);
	unsigned number = known ? 0 : ++w.address_count;
	lock_drop(&lock);
	if (known)
		return;
	char text[ADDRESS_TEXT_SIZE];
	snprintf(text, sizeof text, "8.%u.%u.1", number >> 8 & 255, number & 255);
	const char *record = text;
	world_dns(host, DNS_A, 3600, &record, 1);
}

void world_validation(bool works)
{
	lock_take(&lock);
	w.validates = works;
	lock_drop(&lock);
}

bool world_validates(void)
{
	lock_take(&lock);
	bool validates = w.validates;
	lock_drop(&lock);
	return validates;
}

void world_trial(bool under_way)
{
	lock_take(&lock);
	w.deciding = under_way;
	lock_drop(&lock);
}

bool world_decides(void)
{
	lock_take(&lock);
	bool deciding = w.deciding;
	lock_drop(&lock);
	return deciding;
}

static struct dns_answer *answer_bare(enum dns_outcome outcome)
{
	struct dns_answer *answer = calloc(1, sizeof *answer);
	assert(answer);
	answer->outcome = outcome;
	answer->ttl_s = 300;
	return answer;
}

/* Record data follows the answer in the same allocation. */
static struct dns_answer *answer_copy(const struct dns_answer *from)
{
	size_t head = sizeof *from + from->count * sizeof from->rr[0];
	size_t data = 0;
	for (size_t i = 0; i < from->count; i++)
		data += from->rr[i].len;
	struct dns_answer *to = malloc(head + data);
	assert(to);
	memcpy(to, from, head);
	uint8_t *at = (uint8_t *)to + head;
	for (size_t i = 0; i < from->count; i++) {
		memcpy(at, from->rr[i].data, from->rr[i].len);
		to->rr[i].data = at;
		at += from->rr[i].len;
	}
	return to;
}

void world_zone(const char *zone, bool is_signed)
{
	lock_take(&lock);
	size_t i = 0;
	while (i < w.zone_count && strcmp(w.zone[i].name, zone) != 0)
		i++;
	assert(i < ZONES_MAX);
	snprintf(w.zone[i].name, sizeof w.zone[i].name, "%s", zone);
	w.zone[i].is_signed = is_signed;
	w.zone_count += i == w.zone_count;
	lock_drop(&lock);
}

void world_alias(const char *name, const char *target)
{
	lock_take(&lock);
	assert(w.alias_count < ZONES_MAX);
	struct alias_row *row = &w.alias[w.alias_count++];
	snprintf(row->name, sizeof row->name, "%s", name);
	snprintf(row->target, sizeof row->target, "%s", target);
	lock_drop(&lock);
}

static bool name_is_signed(const char *name) REQUIRES(lock)
{
	size_t len = strlen(name), closest = 0;
	bool is_signed = false;
	for (size_t i = 0; i < w.zone_count; i++) {
		size_t zone = strlen(w.zone[i].name);
		bool within = zone <= len && strcmp(name + len - zone, w.zone[i].name) == 0 &&
			      (zone == len || name[len - zone - 1] == '.');
		if (within && zone >= closest) {
			closest = zone;
			is_signed = w.zone[i].is_signed;
		}
	}
	return is_signed;
}

static struct dns_answer *answer_at(const char *name, enum dns_type type) REQUIRES(lock)
{
	const struct dns_row *row = dns_row(name, type);
	bool others = false;
	for (size_t i = 0; i < w.dns_count && !others; i++)
		others = strcmp(w.dns[i].name, name) == 0 && w.dns[i].answer->outcome == DNS_OK;
	struct dns_answer *answer = row ? answer_copy(row->answer) : answer_bare(others ? DNS_NODATA : DNS_NXDOMAIN);
	answer->secure = answer->secure || name_is_signed(name);
	return answer;
}

static struct dns_answer *alias_answer(const struct alias_row *alias, enum dns_type type) REQUIRES(lock)
{
	bool is_signed = name_is_signed(alias->name);
	if (type == DNS_CNAME) {
		struct dns_answer *answer = answer_bare(DNS_OK);
		answer->secure = is_signed;
		return answer;
	}
	struct dns_answer *answer = answer_at(alias->target, type);
	answer->secure = answer->secure && is_signed;
	snprintf(answer->canonical, sizeof answer->canonical, "%s", alias->target);
	return answer;
}

struct dns_answer *world_dns_answer(const char *name, enum dns_type type)
{
	lock_take(&lock);
	const struct alias_row *alias = NULL;
	struct dns_answer *answer;
	for (size_t i = 0; i < w.alias_count; i++)
		if (strcmp(w.alias[i].name, name) == 0)
			alias = &w.alias[i];
	if (w.resolver_dead)
		answer = answer_bare(DNS_BROKEN);
	else
		answer = alias ? alias_answer(alias, type) : answer_at(name, type);
	lock_drop(&lock);
	return answer;
}

/* Policy hosts and hops */

static struct answer_row *answer_row(struct answer_row *rows, size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	assert(*count < ROWS_MAX);
	struct answer_row *row = &rows[(*count)++];
	snprintf(row->name, sizeof row->name, "%s", name);
	row->answer.listed = true;
	return row;
}

static void policy_host_address(const char *domain)
{
	char host[DOMAIN_SIZE + 8];
	snprintf(host, sizeof host, "mta-sts.%s", domain);
	world_address(host);
}

static void policy_set(const char *domain, char *text, size_t len, enum reason reason, const char *detail)
{
	policy_host_address(domain);
	lock_take(&lock);
	struct answer_row *row = answer_row(w.policy, &w.policy_count, domain);
	free(row->answer.text);
	row->answer.text = text;
	row->answer.len = len;
	row->answer.reason = reason;
	snprintf(row->answer.detail, sizeof row->answer.detail, "%s", detail);
	lock_drop(&lock);
}

void world_policy(const char *domain, const char *body, size_t len)
{
	char *text = malloc(len + 1);
	assert(text);
	memcpy(text, body, len);
	text[len] = '\0';
	policy_set(domain, text, len, REASON_OK, "");
}

void world_policy_fails(const char *domain, enum reason outcome, const char *detail)
{
	policy_set(domain, NULL, 0, outcome, detail);
}

struct world_answer world_policy_answer(const char *domain)
{
	struct world_answer answer = {.reason = REASON_POLICY_FETCH, .detail = "HTTP status 404"};
	lock_take(&lock);
	for (size_t i = 0; i < w.policy_count; i++)
		if (strcmp(w.policy[i].name, domain) == 0)
			answer = w.policy[i].answer;
	if (answer.text) {
		char *copy = malloc(answer.len + 1);
		assert(copy);
		memcpy(copy, answer.text, answer.len + 1);
		answer.text = copy;
	}
	lock_drop(&lock);
	return answer;
}

static void hop_set(const char *host, enum reason reason, uint16_t protocol, bool passing, bool left_to_mta)
{
	lock_take(&lock);
	struct answer_row *row = answer_row(w.hop, &w.hop_count, host);
	row->answer.reason = reason;
	row->answer.protocol = protocol;
	row->answer.passing = passing;
	row->answer.left_to_mta = left_to_mta;
	lock_drop(&lock);
}

void world_hop(const char *host, enum reason reason, uint16_t protocol)
{
	hop_set(host, reason, protocol, false, false);
}

void world_hop_passing(const char *host, enum reason reason, uint16_t protocol)
{
	hop_set(host, reason, protocol, true, false);
}

void world_hop_left_to_mta(const char *host, enum reason reason, uint16_t protocol)
{
	hop_set(host, reason, protocol, false, true);
}

void world_hop_names(const char *host, const char *names, int64_t not_after)
{
	lock_take(&lock);
	struct answer_row *row = answer_row(w.hop, &w.hop_count, host);
	snprintf(row->answer.names, sizeof row->answer.names, "%s", names);
	row->answer.not_after = not_after;
	lock_drop(&lock);
}

void world_hop_look(const char *host, const struct world_look *look)
{
	lock_take(&lock);
	struct answer_row *row = answer_row(w.hop, &w.hop_count, host);
	row->answer.look = *look;
	lock_drop(&lock);
}

struct world_answer world_hop_answer(const char *host, const char *address)
{
	struct world_answer answer = {.reason = REASON_HOP_UNREACHABLE};
	char both[DOMAIN_SIZE + ADDRESS_TEXT_SIZE + 1];
	snprintf(both, sizeof both, "%s/%s", host, address);
	lock_take(&lock);
	for (size_t i = 0; i < w.hop_count; i++)
		if (strcmp(w.hop[i].name, host) == 0)
			answer = w.hop[i].answer;
	answer.listed = false; /* not with the address */
	for (size_t i = 0; i < w.hop_count; i++)
		if (strcmp(w.hop[i].name, both) == 0)
			answer = w.hop[i].answer;
	lock_drop(&lock);
	return answer;
}
