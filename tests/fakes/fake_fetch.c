/* Policy hosts with the world's answers, in place of fetch_curl.c. The real policy_parse() parses the bodies. */
#include "fetch.h"
#include "world.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct fetcher {
	int unused;
};

struct fetcher *fetcher_new(const struct fetch_options *options, struct failure *why)
{
	(void)options;
	(void)why;
	struct fetcher *fetcher = calloc(1, sizeof *fetcher);
	assert(fetcher);
	return fetcher;
}

void fetcher_free(struct fetcher **fetcher)
{
	free(*fetcher);
	*fetcher = NULL;
}

/* The same distinction as in fetch_curl.c. */
static enum health_way way_of(const struct policy_found *found)
{
	if (found->unreached)
		return HEALTH_UNREACHED;
	if (found->outcome == REASON_POLICY_FETCH)
		return strncmp(found->detail, "HTTP", 4) == 0 ? HEALTH_WELL : HEALTH_REACHED;
	if (found->outcome != REASON_POLICY_WEBPKI)
		return HEALTH_WELL;
	if (strstr(found->detail, "not yet valid"))
		return HEALTH_EARLY;
	if (strstr(found->detail, "expired"))
		return HEALTH_EXPIRED;
	return strstr(found->detail, "mismatch") ? HEALTH_REACHED : HEALTH_UNTRUSTED;
}

struct fetch_line {
	struct loop *loop;
};

struct fetch_line *fetch_line_new(struct loop *loop)
{
	struct fetch_line *line = calloc(1, sizeof *line);
	assert(line);
	line->loop = loop;
	return line;
}

void fetch_line_free(struct fetch_line **line)
{
	free(*line);
	*line = NULL;
}

struct fetch {
	struct world_call *call;
	char domain[DOMAIN_SIZE];
};

struct fetch *fetch_begin(struct fetcher *fetcher, struct fetch_line *line, const char *domain,
	const struct address *addresses, size_t count, int timeout_ms, struct wake wake)
{
	struct fetch *fetch = calloc(1, sizeof *fetch);
	assert(fetch && fetcher && addresses && count > 0 && count <= FETCH_ADDRESSES_MAX && timeout_ms > 0);
	snprintf(fetch->domain, sizeof fetch->domain, "%s", domain);
	fetch->call = world_call_start(line->loop, INT_MAX, wake, "fetch %s", domain);
	return fetch;
}

void fetch_drop(struct fetch **fetch)
{
	if (!*fetch)
		return;
	world_call_drop(&(*fetch)->call);
	free(*fetch);
	*fetch = NULL;
}

bool fetch_answer(struct fetch *fetch, struct policy_found *found)
{
	if (!world_call_passes(fetch->call))
		return false;
	memset(found, 0, sizeof *found);
	struct world_answer answer = world_policy_answer(fetch->domain);
	found->outcome = answer.reason;
	snprintf(found->detail, sizeof found->detail, "%s", answer.detail);
	found->unreached = strncmp(answer.detail, "no connection", 13) == 0;
	if (answer.text && !policy_parse(&found->policy, answer.text, answer.len, NULL)) {
		found->outcome = REASON_POLICY_INVALID;
		snprintf(found->detail, sizeof found->detail, "the body violates the grammar");
	}
	found->way = way_of(found);
	if (answer.text) { /* kept also if the policy is invalid */
		found->text = answer.text;
		found->text_len = (uint32_t)answer.len;
	}
	return true;
}

/* The world has no CRLs: fake_probe.c shows no certificate that names one. */
struct fetch *fetch_list_begin(struct fetcher *fetcher, struct fetch_line *line, const struct crl_url *url,
	int64_t newer_than, const struct address *addresses, size_t count, int timeout_ms, struct wake wake)
{
	(void)fetcher, (void)line, (void)url, (void)newer_than, (void)addresses, (void)count, (void)timeout_ms,
		(void)wake;
	abort();
}

bool fetch_list_answer(struct fetch *fetch, struct fetch_list_found *found)
{
	(void)fetch, (void)found;
	abort();
}

/* The world takes no reports by https. */
struct fetch *fetch_post_begin(struct fetcher *fetcher, struct fetch_line *line, const struct report_address *to,
	const char *media_type, const void *bytes, size_t len, const struct address *addresses, size_t count,
	int timeout_ms, struct wake wake)
{
	(void)fetcher, (void)line, (void)to, (void)media_type, (void)bytes, (void)len, (void)addresses, (void)count,
		(void)timeout_ms, (void)wake;
	abort();
}

bool fetch_post_answer(struct fetch *fetch, struct fetch_posted *posted)
{
	(void)fetch, (void)posted;
	abort();
}

bool fetch_media_type_ok(const char *content_type)
{
	return content_type && strncasecmp(content_type, "text/plain", 10) == 0;
}
