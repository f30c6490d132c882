/* The statements that change the world. */
#include "scene.h"

#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t ttl_taken(const struct words *words, size_t *from, uint32_t otherwise)
{
	const char *value = *from < words->count ? word_value(words->word[*from], "ttl") : NULL;
	if (!value)
		return otherwise;
	(*from)++;
	return (uint32_t)strtoul(value, NULL, 10);
}

/* record DOMAIN ID [ttl=N] */
static bool run_record(struct scene *scene, const struct words *words)
{
	if (words->count < 3)
		return scene_bad(scene, "record", "DOMAIN ID");
	char name[DOMAIN_SIZE + 16], text[128];
	size_t from = 3;
	uint32_t ttl_s = ttl_taken(words, &from, 3600);
	snprintf(name, sizeof name, "_mta-sts.%s", words->word[1]);
	snprintf(text, sizeof text, "v=STSv1; id=%s;", words->word[2]);
	const char *record = text;
	return world_dns(name, DNS_TXT, ttl_s, &record, 1);
}

/* dns NAME TYPE [ttl=N] RECORD... | dns NAME TYPE OUTCOME */
static bool run_dns(struct scene *scene, const struct words *words)
{
	static const char *const outcomes[] = {"ok", "nodata", "nxdomain", "failed", "bogus", "timeout", "broken"};
	enum dns_type type;
	if (words->count < 4 || !world_dns_type(words->word[2], &type))
		return scene_bad(scene, "dns", "NAME TYPE ...");
	size_t from = 3;
	uint32_t ttl_s = ttl_taken(words, &from, 300);
	for (size_t i = 1; i < sizeof outcomes / sizeof outcomes[0] && from < words->count; i++) {
		if (strcmp(words->word[from], outcomes[i]) == 0) {
			world_dns_outcome(words->word[1], type, (enum dns_outcome)i, ttl_s);
			return true;
		}
	}
	const char *const *records = (const char *const *)words->word + from;
	if (!world_dns(words->word[1], type, ttl_s, records, words->count - from))
		return scene_bad(scene, "record data", words->word[from]);
	return true;
}

/* mx DOMAIN [ttl=N] PREFERENCE HOST [PREFERENCE HOST]...: the hosts get addresses */
static bool run_mx(struct scene *scene, const struct words *words)
{
	size_t from = 2, count = 0;
	uint32_t ttl_s = ttl_taken(words, &from, 3600);
	static char text[SCENE_WORDS_MAX][DOMAIN_SIZE + 16];
	const char *record[SCENE_WORDS_MAX];
	if (words->count < 4 || (words->count - from) % 2 != 0)
		return scene_bad(scene, "mx", "DOMAIN PREFERENCE HOST ...");
	for (size_t i = from; i < words->count; i += 2) {
		snprintf(text[count], sizeof text[count], "%s %s", words->word[i], words->word[i + 1]);
		record[count] = text[count];
		count++;
		if (strcmp(words->word[i + 1], ".") != 0)
			world_address(words->word[i + 1]);
	}
	return world_dns(words->word[1], DNS_MX, ttl_s, record, count) || scene_bad(scene, "mx", words->word[from]);
}

/* mx-many DOMAIN COUNT: hosts m0.DOMAIN, ... of preference 10 */
static bool run_mx_many(struct scene *scene, const struct words *words)
{
	static char text[DNS_RR_MAX + 1][DOMAIN_SIZE + 16];
	static const char *record[DNS_RR_MAX + 1];
	size_t count = words->count == 3 ? strtoul(words->word[2], NULL, 10) : 0;
	if (count == 0 || count > DNS_RR_MAX + 1)
		return scene_bad(scene, "mx-many", "DOMAIN COUNT");
	for (size_t i = 0; i < count; i++) {
		snprintf(text[i], sizeof text[i], "10 m%zu.%s", i, words->word[1]);
		record[i] = text[i];
		world_address(text[i] + 3);
	}
	return world_dns(words->word[1], DNS_MX, 3600, record, count);
}

/* policy DOMAIN MODE [max_age=N] [mx=PATTERN,PATTERN...] */
static bool run_policy(struct scene *scene, const struct words *words)
{
	char body[SCENE_LINE_MAX];
	const char *max_age = "604800";
	const char *patterns = NULL;
	if (words->count < 3)
		return scene_bad(scene, "policy", "DOMAIN MODE ...");
	for (size_t i = 3; i < words->count; i++) {
		if (word_value(words->word[i], "max_age"))
			max_age = word_value(words->word[i], "max_age");
		else if (word_value(words->word[i], "mx"))
			patterns = words->word[i] + 3;
		else
			return scene_bad(scene, "policy", words->word[i]);
	}
	int len = snprintf(body, sizeof body, "version: STSv1\nmode: %s\nmax_age: %s\n", words->word[2], max_age);
	for (const char *p = patterns; p && *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
		len += snprintf(body + len, sizeof body - (size_t)len, "mx: %.*s\n", (int)strcspn(p, ","), p);
	world_policy(words->word[1], body, (size_t)len);
	return true;
}

/* policy-many DOMAIN COUNT PATTERN: mode enforce, with the names f0.DOMAIN, ... and PATTERN last */
static bool run_policy_many(struct scene *scene, const struct words *words)
{
	static char body[POLICY_BYTES_MAX];
	size_t count = words->count == 4 ? strtoul(words->word[2], NULL, 10) : 0;
	int len = snprintf(body, sizeof body, "version: STSv1\nmode: enforce\nmax_age: 604800\n");
	if (count == 0)
		return scene_bad(scene, "policy-many", "DOMAIN COUNT PATTERN");
	for (size_t i = 0; i < count && (size_t)len < sizeof body; i++)
		len += snprintf(body + len, sizeof body - (size_t)len, "mx: f%zu.%s\n", i, words->word[1]);
	if ((size_t)len < sizeof body)
		len += snprintf(body + len, sizeof body - (size_t)len, "mx: %s\n", words->word[3]);
	if ((size_t)len >= sizeof body)
		return scene_bad(scene, "policy-many", "fewer names");
	world_policy(words->word[1], body, (size_t)len);
	return true;
}

static bool run_body(struct scene *scene, const struct words *words)
{
	if (words->count != 3)
		return scene_bad(scene, "body", "DOMAIN TEXT");
	world_policy(words->word[1], words->word[2], strlen(words->word[2]));
	return true;
}

static bool reason_read(struct scene *scene, const char *word, enum reason *reason)
{
	*reason = reason_by_name((struct span){word, strlen(word)});
	return *reason != REASON_COUNT || scene_bad(scene, "reason", word);
}

/* policy-fails DOMAIN REASON [DETAIL] */
static bool run_policy_fails(struct scene *scene, const struct words *words)
{
	enum reason reason = REASON_OK;
	if (words->count < 3 || !reason_read(scene, words->word[2], &reason))
		return false;
	world_policy_fails(words->word[1], reason, words->count > 3 ? words->word[3] : "a test says so");
	return true;
}

/* names=A,B,...: names in the certificate, which is valid for 30 days; until=DURATION: valid for that long */
static bool run_hop_names(struct scene *scene, const struct words *words)
{
	const char *names = word_value(words->word[3], "names");
	const char *until = words->count > 4 ? word_value(words->word[4], "until") : "30d";
	int64_t seconds;
	char blanks[256];
	if (!names || !until || !duration_parse(until, &seconds))
		return scene_bad(scene, "hop", words->word[3]);
	snprintf(blanks, sizeof blanks, "%s", names);
	for (char *at = blanks; (at = strchr(at, ','));)
		*at = ' ';
	world_hop_names(words->word[1], blanks, world_wall_s() + seconds);
	return true;
}

/* hop HOST[/ADDRESS] good|REASON [mta | names=A,B,... [until=DURATION]] */
static bool run_hop(struct scene *scene, const struct words *words)
{
	enum reason reason = REASON_OK;
	bool left_to_mta = words->count == 4 && strcmp(words->word[3], "mta") == 0;
	if (words->count < 3 || words->count > 5)
		return scene_bad(scene, "hop", "HOST good|REASON");
	if (strcmp(words->word[2], "good") != 0 && !reason_read(scene, words->word[2], &reason))
		return false;
	if (!strchr(words->word[1], '/'))
		world_address(words->word[1]);
	uint16_t protocol = reason == REASON_OK || reason == REASON_CERT_HOST_MISMATCH ? 0x0304 : 0;
	if (reason == REASON_TLS_TOO_OLD)
		protocol = 0x0302;
	if (left_to_mta)
		world_hop_left_to_mta(words->word[1], reason, protocol);
	else
		world_hop(words->word[1], reason, protocol);
	return words->count == 3 || left_to_mta || run_hop_names(scene, words);
}

/* Copies the value of a word KEY=VALUE. Returns false if the word has another key or the value does not fit. */
static bool value_copied(const char *word, const char *key, char *out, size_t size)
{
	const char *value = word_value(word, key);
	return value && snprintf(out, size, "%s", value) < (int)size;
}

/* look HOST[/ADDRESS] [authority=NAME] [key=WORD] [leaf=WORD] [age=DURATION] [ehlo=NAME] [protocol=1.N] [rewritten]
 * [staple=revoked] [requiretls=offered|absent] */
static bool run_look(struct scene *scene, const struct words *words)
{
	struct world_look look = {.not_before = 0};
	if (words->count < 2)
		return scene_bad(scene, "look", "HOST ...");
	for (size_t i = 2; i < words->count; i++) {
		const char *word = words->word[i], *age = word_value(word, "age"),
			   *version = word_value(word, "protocol");
		int64_t seconds = 0;
		if (age && duration_parse(age, &seconds))
			look.not_before = world_wall_s() - seconds;
		else if (version && strncmp(version, "1.", 2) == 0)
			look.protocol = (uint16_t)(0x0301 + strtoul(version + 2, NULL, 10));
		else if (strcmp(word, "rewritten") == 0)
			look.rewritten = true;
		else if (strcmp(word, "staple=revoked") == 0)
			look.staple = STAPLE_REVOKED;
		else if (strcmp(word, "requiretls=offered") == 0)
			look.requiretls = REQUIRETLS_OFFERED;
		else if (strcmp(word, "requiretls=absent") == 0)
			look.requiretls = REQUIRETLS_ABSENT;
		else if (!value_copied(word, "authority", look.authority, sizeof look.authority) &&
			 !value_copied(word, "key", look.key, sizeof look.key) &&
			 !value_copied(word, "leaf", look.leaf, sizeof look.leaf) &&
			 !value_copied(word, "ehlo", look.ehlo, sizeof look.ehlo))
			return scene_bad(scene, "look", word);
	}
	world_hop_look(words->word[1], &look);
	return true;
}

/* good DOMAIN: an honest enforce domain with one good hop */
static bool run_good(struct scene *scene, const struct words *words)
{
	if (words->count != 2)
		return scene_bad(scene, "good", "DOMAIN");
	const char *domain = words->word[1];
	char line[3][SCENE_LINE_MAX];
	struct words made;
	snprintf(line[0], sizeof line[0], "record %s 1", domain);
	words_cut(&made, line[0]);
	bool done = run_record(scene, &made);
	snprintf(line[1], sizeof line[1], "policy %s enforce mx=mx1.%s,mx2.%s", domain, domain, domain);
	words_cut(&made, line[1]);
	done = done && run_policy(scene, &made);
	snprintf(line[2], sizeof line[2], "mx %s 10 mx1.%s", domain, domain);
	words_cut(&made, line[2]);
	done = done && run_mx(scene, &made);
	char host[DOMAIN_SIZE + 8];
	snprintf(host, sizeof host, "mx1.%s", domain);
	world_hop(host, REASON_OK, 0x0304);
	return done;
}

static bool run_resolver(struct scene *scene, const struct words *words)
{
	bool alive = words->count == 2 && strcmp(words->word[1], "alive") == 0;
	if (!alive && (words->count != 2 || strcmp(words->word[1], "dead") != 0))
		return scene_bad(scene, "resolver", "alive|dead");
	world_resolver(alive);
	return true;
}

static bool run_store(struct scene *scene, const struct words *words)
{
	static const char *const states[] = {"whole", "unwritable", "broken", "full"};
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		if (words->count == 2 && strcmp(words->word[1], states[i]) == 0) {
			world_store((enum world_store)i);
			return true;
		}
	}
	return scene_bad(scene, "store", "whole|unwritable|broken|full");
}

/* zone NAME signed|unsigned */
static bool run_zone(struct scene *scene, const struct words *words)
{
	bool is_signed = words->count == 3 && strcmp(words->word[2], "signed") == 0;
	if (!is_signed && (words->count != 3 || strcmp(words->word[2], "unsigned") != 0))
		return scene_bad(scene, "zone", "NAME signed|unsigned");
	world_zone(words->word[1], is_signed);
	return true;
}

/* alias NAME TARGET */
static bool run_alias(struct scene *scene, const struct words *words)
{
	if (words->count != 3)
		return scene_bad(scene, "alias", "NAME TARGET");
	world_alias(words->word[1], words->word[2]);
	return true;
}

/* tlsa HOST RECORD... | tlsa HOST OUTCOME: of port 25 */
static bool run_tlsa(struct scene *scene, const struct words *words)
{
	char name[DOMAIN_SIZE + 16];
	struct words made = *words;
	if (words->count < 3 || words->count >= SCENE_WORDS_MAX)
		return scene_bad(scene, "tlsa", "HOST RECORD...");
	snprintf(name, sizeof name, "_25._tcp.%s", words->word[1]);
	for (size_t i = words->count; i > 2; i--)
		made.word[i] = words->word[i - 1];
	made.word[1] = name;
	made.word[2] = (char *)"TLSA";
	made.count++;
	return run_dns(scene, &made);
}

/* network ADDRESS [asn=N] [country=CC] [anycast] [hostile] */
static bool run_network(struct scene *scene, const struct words *words)
{
	struct network network = {.asn = 0};
	struct address address;
	if (words->count < 2 || !address_parse(&address, words->word[1]))
		return scene_bad(scene, "network", "ADDRESS [asn=N] [country=CC] [anycast] [hostile]");
	for (size_t i = 2; i < words->count; i++) {
		const char *asn = word_value(words->word[i], "asn"), *country = word_value(words->word[i], "country");
		if (asn)
			network.asn = (uint32_t)strtoul(asn, NULL, 10);
		else if (country)
			snprintf(network.country, sizeof network.country, "%s", country);
		else if (strcmp(words->word[i], "anycast") == 0)
			network.anycast = true;
		else if (strcmp(words->word[i], "hostile") == 0)
			network.hostile = true;
		else
			return scene_bad(scene, "network", words->word[i]);
	}
	if (network.asn != 0)
		snprintf(network.as_name, sizeof network.as_name, "Network %u", (unsigned)network.asn);
	world_network(&address, &network);
	return true;
}

/* networks gone|back */
static bool run_networks(struct scene *scene, const struct words *words)
{
	bool gone = words->count == 2 && strcmp(words->word[1], "gone") == 0;
	if (!gone && (words->count != 2 || strcmp(words->word[1], "back") != 0))
		return scene_bad(scene, "networks", "gone|back");
	world_networks_gone(gone);
	return true;
}

const struct statement scene_world_statements[] = {
	{"network", run_network},
	{"networks", run_networks},
	{"record", run_record},
	{"dns", run_dns},
	{"mx", run_mx},
	{"mx-many", run_mx_many},
	{"policy", run_policy},
	{"policy-many", run_policy_many},
	{"body", run_body},
	{"policy-fails", run_policy_fails},
	{"hop", run_hop},
	{"look", run_look},
	{"good", run_good},
	{"zone", run_zone},
	{"alias", run_alias},
	{"tlsa", run_tlsa},
	{"resolver", run_resolver},
	{"store", run_store},
	{NULL, NULL},
};
