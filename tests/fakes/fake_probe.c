/* Hops with the world's results, in place of probe_openssl.c. */
#include "probe.h"
#include "world.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prober {
	void (*shown)(void *arg, const struct probe_shown *shown);
	void *shown_arg;
};

struct prober *prober_new(const struct probe_options *options, struct failure *why)
{
	(void)why;
	struct prober *prober = calloc(1, sizeof *prober);
	assert(prober);
	*prober = (struct prober){options->shown, options->shown_arg};
	return prober;
}

void prober_free(struct prober **prober)
{
	free(*prober);
	*prober = NULL;
}

/* As probe.h has it: nothing is wrong but the name, if anything. */
static void certificate_show(const struct prober *prober, const struct probe_shown *shown, const char *listed)
{
	struct names names = {.bytes = NULL};
	enum reason reason = shown->seen->reason;
	if (!prober->shown || (reason != REASON_OK && reason != REASON_CERT_HOST_MISMATCH))
		return;
	for (const char *at = listed; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' '))
		names_add(&names, at, strcspn(at, " "));
	struct probe_shown whole = *shown;
	whole.names = &names;
	if (names.count > 0)
		prober->shown(prober->shown_arg, &whole);
	names_free(&names);
}

struct probe_line {
	struct loop *loop;
};

struct probe_line *probe_line_new(struct loop *loop)
{
	struct probe_line *line = calloc(1, sizeof *line);
	assert(line);
	line->loop = loop;
	return line;
}

void probe_line_free(struct probe_line **line)
{
	free(*line);
	*line = NULL;
}

struct probe {
	struct prober *prober;
	struct world_call *call;
	bool dane;
	uint64_t tlsa_id;
	char host[DOMAIN_SIZE];
	struct address address;
	uint16_t port;
	char address_text[ADDRESS_TEXT_SIZE];
	struct look *look;
};

static atomic_int newest_ms;

int world_probe_ms(void)
{
	return atomic_load(&newest_ms);
}

struct probe *probe_begin(struct prober *prober, struct probe_line *line, const char *host,
	const struct address *address, uint16_t port, int timeout_ms, const struct probe_dane *dane, struct wake wake)
{
	struct probe *probe = calloc(1, sizeof *probe);
	assert(probe && prober && timeout_ms > 0);
	probe->look = calloc(1, sizeof *probe->look);
	assert(probe->look);
	atomic_store(&newest_ms, timeout_ms);
	probe->prober = prober;
	probe->dane = dane != NULL;
	probe->tlsa_id = dane ? dane->set->id : 0;
	snprintf(probe->host, sizeof probe->host, "%s", host);
	probe->address = *address;
	probe->port = port;
	address_format(address, probe->address_text);
	probe->call = world_call_start(line->loop, INT_MAX, wake, "%s %s:%u %s", dane ? "probe-dane" : "probe", host,
		port, probe->address_text);
	return probe;
}

/* Equal words have equal hashes. */
static uint64_t word_hash(const char *word)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */
	for (; *word; word++)
		hash = (hash ^ (unsigned char)*word) * 1099511628211u;
	return hash;
}

/* Returns whether the hop shows a certificate: the result is good, or the certificate or the version is at fault. */
static bool has_certificate(enum reason reason)
{
	static const enum reason shown[] = {REASON_OK, REASON_CERT_UNTRUSTED, REASON_CERT_EXPIRED,
		REASON_CERT_NOT_YET_VALID, REASON_CERT_HOST_MISMATCH, REASON_CERT_PURPOSE, REASON_CERT_WEAK_KEY,
		REASON_TLS_TOO_OLD, REASON_TLSA_MISMATCH};
	for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
		if (reason == shown[i])
			return true;
	return false;
}

static void certificate_look(
	struct look *look, struct evidence *seen, const struct world_look *as, const char *host, const char *ehlo)
{
	const char *key = as->key[0] ? as->key : host, *leaf = as->leaf[0] ? as->leaf : key;
	seen->leaf = word_hash(leaf);
	seen->staple = as->staple;
	seen->revoked_at = as->staple == STAPLE_REVOKED ? world_wall_s() - 3600 : 0;
	seen->requiretls = as->requiretls;
	seen->not_before = as->not_before;
	snprintf(look->fingerprint, sizeof look->fingerprint, "%016" PRIx64 "%048d", seen->leaf, 0);
	snprintf(look->spki, sizeof look->spki, "%016" PRIx64 "%048d", word_hash(key), 0);
	snprintf(look->serial, sizeof look->serial, "%016" PRIx64, word_hash(leaf));
	snprintf(look->authority, sizeof look->authority, "%s", as->authority[0] ? as->authority : "Test Authority");
	snprintf(look->chain, sizeof look->chain, "CN=%s; O=%s", host, look->authority);
	if (seen->reason != REASON_OK)
		snprintf(look->ehlo_tls, sizeof look->ehlo_tls, "250-%s\n250 8BITMIME\n", ehlo);
	look->not_before = seen->not_before;
	look->not_after = seen->not_after;
}

/* What a probe with this result sees. */
static void look_fill(struct look *look, struct evidence *seen, const struct world_look *as, const char *host)
{
	const char *ehlo = as->ehlo[0] ? as->ehlo : host;
	memset(look, 0, sizeof *look);
	memcpy(look->address, seen->address, sizeof look->address);
	snprintf(look->from, sizeof look->from, "%s", strchr(seen->address, ':') ? "2a00::25" : "8.8.8.25");
	if (reason_class(seen->reason) == REASON_INCONCLUSIVE)
		return;
	bool stripped = seen->reason == REASON_STARTTLS_MISSING;
	look->rewritten = as->rewritten;
	snprintf(look->greeting, sizeof look->greeting, "220 %.100s ESMTP\n", ehlo);
	snprintf(look->ehlo, sizeof look->ehlo, "250-%s\n250 %s\n", ehlo,
		as->rewritten ? "XXXXXXXA"
		: stripped    ? "8BITMIME"
			      : "STARTTLS");
	snprintf(look->ehlo_name, sizeof look->ehlo_name, "%.100s", ehlo);
	if (has_certificate(seen->reason))
		certificate_look(look, seen, as, host, ehlo);
}

bool probe_answer(const struct probe *probe, struct evidence *seen, bool *temporary)
{
	if (!world_call_passes(probe->call))
		return false;
	memset(seen, 0, sizeof *seen);
	seen->tlsa_id = probe->tlsa_id;
	memcpy(seen->address, probe->address_text, sizeof seen->address);
	struct world_answer answer = world_hop_answer(probe->host, seen->address);
	struct world_answer by_dane = world_hop_answer(probe->host, "dane");
	if (probe->dane && by_dane.listed)
		answer = by_dane;
	seen->reason = answer.reason;
	seen->protocol = answer.protocol;
	if (answer.left_to_mta)
		memcpy(seen->mta_address, seen->address, sizeof seen->mta_address);
	if (answer.protocol)
		snprintf(seen->cipher, sizeof seen->cipher, "TLS_AES_256_GCM_SHA384");
	snprintf(seen->names, sizeof seen->names, "%s", answer.names);
	seen->not_after = answer.not_after;
	if (answer.look.protocol && answer.protocol)
		seen->protocol = answer.look.protocol;
	look_fill(probe->look, seen, &answer.look, probe->host);
	if (!probe->dane)
		certificate_show(probe->prober,
			&(struct probe_shown){probe->host, &probe->address, probe->port, seen, NULL}, answer.names);
	*temporary = answer.passing;
	return true;
}

const struct look *probe_look(const struct probe *probe)
{
	return probe->look;
}

void probe_drop(struct probe **probe)
{
	if (!*probe)
		return;
	world_call_drop(&(*probe)->call);
	free((*probe)->look);
	free(*probe);
	*probe = NULL;
}
