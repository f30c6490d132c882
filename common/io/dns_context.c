#include "dns_context.h"

#include "lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"
/* The caches of all loops together, and of one loop at least. A resolver nearby has a larger cache, and the store keeps what
 * verdicts need, so these answer only questions that are repeated within a short time. */
#define MESSAGES_SIZE (4u << 20)
#define MESSAGES_SIZE_MIN (256u << 10)
#define RECORDS_SIZE (8u << 20)
#define RECORDS_SIZE_MIN (512u << 10)
/* Lookups that may wait for a server at the same time. Each costs some 900 octets, used or not. */
#define QUERIES_MAX 12288
#define QUERIES_MIN 64
#define SYSTEM_ROOT_KEY "/usr/share/dns/root.key" /* package dns-root-data */

static const char *const context_options[][2] = {
	{"do-not-query-localhost:", "no"}, /* the resolver often runs on this machine */
	/* Ask the resolver for everything, and answer nothing from libunbound's own tables. */
	{"unblock-lan-zones:", "yes"},
	{"insecure-lan-zones:", "yes"},
	{"qname-minimisation:", "no"},
	/* With the defaults, one validated NXDOMAIN for `invalid.` would answer all later control queries. */
	{"aggressive-nsec:", "no"},
	{"harden-below-nxdomain:", "no"},
	{"edns-buffer-size:", "1232"},
	{"cache-max-negative-ttl:", "3600"},
	{"outgoing-num-tcp:", "32"},
	/* libunbound sends a query again after a time that it learns from the server's fast answers. But the server
	 * is a resolver, which answers for all domains: fast answers from its cache do not show how long it needs for
	 * a slow domain. With the default of 50 ms, libunbound would query a silent domain 14 times in one second and
	 * then give up. With 700 ms, libunbound 1.22 asks at 0, 0.7, 2.1, 4.9 and 10.5 s, so an answer that takes
	 * half of DNS_TIMEOUT_MS arrives in time. */
	{"infra-cache-min-rtt:", "700"},
	/* Ask a server that was dead again soon. infra-cache-max-rtt keeps its default: if it were short, libunbound
	 * would take the server for dead because of one silent domain, and return SERVFAIL for all others. */
	{"infra-host-ttl:", "10"},
	{"infra-keep-probing:", "yes"},
	/* libunbound 1.17 sent two queries before it waited longer; 1.26 waits longer after each query. With the
	 * default number of queries 1.26 would give up after 8 s. */
	{"outbound-msg-retry:", "7"},
};

/* Zones that libunbound would answer itself. context_setup() removes them; libunbound may keep its loopback names. */
static const char *const context_zones[] = {
	"test.", "invalid.", "onion.", "home.arpa.", "resolver.arpa.", "service.arpa."};

/* Domains that the signed root proves not to exist, but that sites use internally (RFC 6761, RFC 6762 G): an answer for
 * them must not count as bogus. Neither must the answer to a control query under `invalid.`. With a trust anchor of its
 * own, a site can sign all of these except `invalid.`. */
static const char *const private_domains[] = {
	"invalid.", "test.", "onion.", "local.", "internal.", "intranet.", "private.", "corp.", "home.", "lan."};

static bool context_set(struct ub_ctx *ctx, const char *option, const char *value, struct failure *why)
{
	int error = ub_ctx_set_option(ctx, option, value);
	return error == 0 || failure_set(why, EX_SOFTWARE, "libunbound does not accept the option \"%s %s\": %s",
				     option, value, ub_strerror(error));
}

const char *dns_context_anchor(const struct dns_options *options)
{
	return options->trust_anchor ? options->trust_anchor : SYSTEM_ROOT_KEY;
}

static bool context_validation(struct ub_ctx *ctx, const struct dns_options *options, struct failure *why)
{
	const char *anchor = dns_context_anchor(options);
	/* Check a file that the settings name even if it is not used now. */
	if ((options->validate == DNS_VALIDATE_ON || options->trust_anchor) && access(anchor, R_OK) != 0)
		return failure_set(why, EX_NOINPUT,
			"dns_trust_anchor: %s cannot be read: %s; name a file with the root key (package dns-root-data has one)",
			anchor, strerror(errno));
	if (options->validate != DNS_VALIDATE_ON)
		return context_set(ctx, "module-config:", "iterator", why);
	int error = ub_ctx_add_ta_file(ctx, anchor);
	if (error != 0)
		return failure_set(why, EX_CONFIG,
			"dns_trust_anchor: libunbound cannot read %s: %s; name a file with the root key", anchor,
			ub_strerror(error));
	size_t unproved = options->trust_anchor ? 1 : sizeof private_domains / sizeof *private_domains;
	for (size_t i = 0; i < unproved; i++)
		if (!context_set(ctx, "domain-insecure:", private_domains[i], why))
			return false;
	return context_set(ctx, "module-config:", "validator iterator", why);
}

static size_t part_of(size_t whole, unsigned parts, size_t least)
{
	return whole / parts > least ? whole / parts : least;
}

static bool context_sizes(struct ub_ctx *ctx, unsigned parts, struct failure *why)
{
	struct rlimit limit;
	size_t queries = QUERIES_MAX;
	/* Use at most three quarters of the process's descriptors. An inquiry that waits for DNS needs no other
	 * descriptor meanwhile. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 * 3 < queries)
		queries = limit.rlim_cur / 4 * 3;
	queries = part_of(queries, parts, QUERIES_MIN);
	const struct {
		const char *option;
		size_t number;
	} sizes[] = {{"outgoing-range:", queries}, {"num-queries-per-thread:", queries},
		{"msg-cache-size:", part_of(MESSAGES_SIZE, parts, MESSAGES_SIZE_MIN)},
		{"rrset-cache-size:", part_of(RECORDS_SIZE, parts, RECORDS_SIZE_MIN)}};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char text[32];
		snprintf(text, sizeof text, "%zu", sizes[i].number);
		if (!context_set(ctx, sizes[i].option, text, why))
			return false;
	}
	return true;
}

static bool context_setup(struct ub_ctx *ctx, const struct dns_options *options, unsigned parts, struct failure *why)
{
	ub_ctx_debugout(ctx, NULL); /* the default is stderr */
	for (size_t i = 0; i < sizeof context_options / sizeof *context_options; i++)
		if (!context_set(ctx, context_options[i][0], context_options[i][1], why))
			return false;
	if (!context_sizes(ctx, parts, why) || !context_validation(ctx, options, why))
		return false;
	/* If the file has no nameserver line, libunbound asks 127.0.0.1, in accordance with resolv.conf(5). */
	int read = options->server_count == 0 ? ub_ctx_resolvconf(ctx, RESOLV_CONF) : 0;
	if (read != 0) /* not EX_CONFIG: at boot the file may be created later */
		return failure_set(
			why, EX_OSFILE, "%s cannot be read: %s; set dns_servers", RESOLV_CONF, ub_strerror(read));
	for (size_t i = 0; i < options->server_count; i++)
		if (ub_ctx_set_fwd(ctx, options->servers[i]) != 0)
			return failure_set(why, EX_CONFIG,
				"dns_servers: \"%s\" is not an address; write addr or addr@port", options->servers[i]);
	/* This comes last: it is the first use of the context, after which no option can be set. libunbound finds a bad
	 * trust anchor only now. */
	for (size_t i = 0; i < sizeof context_zones / sizeof *context_zones; i++) {
		int error = ub_ctx_zone_remove(ctx, context_zones[i]);
		if (error != 0 && options->validate != DNS_VALIDATE_ON)
			return failure_set(why, EX_CONFIG, "libunbound cannot start: %s", ub_strerror(error));
		if (error != 0)
			return failure_set(why, EX_CONFIG,
				"dns_trust_anchor: libunbound cannot start with %s: %s; name a file with the root key",
				dns_context_anchor(options), ub_strerror(error));
	}
	return true;
}

/* Held while a context is created or freed, because all contexts share libunbound's log file without a lock. No other
 * lock is taken while it is held. */
static struct lock setup_lock = {PTHREAD_MUTEX_INITIALIZER};

struct ub_ctx *dns_context_new(
	const struct dns_options *options, struct loop *loop, unsigned parts, struct failure *why)
{
	lock_take(&setup_lock);
	struct ub_ctx *ctx = ub_ctx_create_event(loop_base(loop));
	if (!ctx)
		failure_set(why, EX_OSERR,
			"libunbound cannot be set up: there is no memory left, or it was built without libevent");
	else if (!context_setup(ctx, options, parts, why)) {
		ub_ctx_delete(ctx);
		ctx = NULL;
	}
	lock_drop(&setup_lock);
	return ctx;
}

void dns_context_free(struct ub_ctx **ctx)
{
	lock_take(&setup_lock);
	if (*ctx)
		ub_ctx_delete(*ctx);
	*ctx = NULL;
	lock_drop(&setup_lock);
}
