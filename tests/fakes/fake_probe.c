/* Next hops as the world tells them, in place of probe_openssl.c. */
#include "probe.h"
#include "world.h"

#include <assert.h>
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
	if (!prober->shown || (reason != REASON_NONE && reason != REASON_CERT_HOST_MISMATCH))
		return;
	for (const char *at = listed; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' '))
		names_add(&names, at, strcspn(at, " "));
	struct probe_shown whole = *shown;
	whole.names = &names;
	if (names.count > 0)
		prober->shown(prober->shown_arg, &whole);
	names_free(&names);
}

bool probe_address(struct prober *prober, const char *host, const struct address *address, uint16_t port,
	int timeout_ms, const struct probe_dane *dane, struct evidence *seen)
{
	assert(prober && timeout_ms > 0);
	memset(seen, 0, sizeof *seen);
	seen->tlsa_id = dane ? dane->set->id : 0;
	address_format(address, seen->address);
	world_call_begin("%s %s:%u %s", dane ? "probe-dane" : "probe", host, port, seen->address);
	struct world_answer answer = world_hop_answer(host, seen->address);
	struct world_answer by_dane = world_hop_answer(host, "dane");
	if (dane && by_dane.listed)
		answer = by_dane;
	seen->reason = answer.reason;
	seen->protocol = answer.protocol;
	if (answer.left_to_mta)
		memcpy(seen->mta_address, seen->address, sizeof seen->mta_address);
	if (answer.protocol)
		snprintf(seen->cipher, sizeof seen->cipher, "TLS_AES_256_GCM_SHA384");
	snprintf(seen->names, sizeof seen->names, "%s", answer.names);
	seen->not_after = answer.not_after;
	if (!dane)
		certificate_show(prober, &(struct probe_shown){host, address, port, seen, NULL}, answer.names);
	world_call_end();
	return answer.passing;
}
