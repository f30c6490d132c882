#include "dns_context.h"

#include "lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define MESSAGES_SIZE (16u << 20)
#define RECORDS_SIZE (32u << 20)
/* Lookups that wait for a server at once. Each costs some 900 octets whether it is used or not. */
#define QUERIES_MAX 12288
#define QUERIES_MIN 64
#define SYSTEM_ROOT_KEY "/usr/share/dns/root.key" /* package dns-root-data */

static const char *const context_options[][2] = {
	{"do-not-query-localhost:", "no"}, /* the relay's resolver is often its own */
	/* Nothing is answered out of libunbound's own tables: the resolver is asked for everything. */
	{"unblock-lan-zones:", "yes"},
	{"insecure-lan-zones:", "yes"},
	{"qname-minimisation:", "no"},
	/* Otherwise one validated NXDOMAIN for invalid. would answer the control query for ever. */
	{"aggressive-nsec:", "no"},
	{"harden-below-nxdomain:", "no"},
	{"edns-buffer-size:", "1232"},
	{"cache-max-negative-ttl:", "3600"},
	{"outgoing-num-tcp:", "32"},
	/* The resolver answers for all domains: how fast it answers for one does not say how long it needs for another.
	 * With the default of 50 ms, answers from the resolver's cache would make the queries for a slow domain end
	 * within a second, and silent domains would be asked for 14 times in that second. libunbound 1.22 waits twice as
	 * long each time and so asks at 0, 0.7, 2.1, 4.9 and 10.5 s: an answer that takes half of DNS_TIMEOUT_MS comes in
	 * time. */
	{"infra-cache-min-rtt:", "700"},
	/* A server that was dead is asked again soon. infra-cache-max-rtt stays as it is: where it is short, one silent
	 * domain has the server taken for dead, and all others get SERVFAIL. */
	{"infra-host-ttl:", "10"},
	{"infra-keep-probing:", "yes"},
	/* libunbound 1.26 asks once where 1.17 asked twice before it waits longer, and gave up after 8 s. */
	{"outbound-msg-retry:", "7"},
};

/* Zones that libunbound would answer by itself. Its own loopback names stay. */
static const char *const context_zones[] = {
	"test.", "invalid.", "onion.", "home.arpa.", "resolver.arpa.", "service.arpa."};

/* Domains that the signed root says do not exist, and that sites serve to themselves (RFC 6761, RFC 6762 G): not bogus
 * for that. A control query under invalid. needs no proof either. A site with an anchor of its own may sign them all. */
static const char *const private_domains[] = {
	"invalid.", "test.", "onion.", "local.", "internal.", "intranet.", "private.", "corp.", "home.", "lan."};

static bool context_set(struct ub_ctx *ctx, const char *option, const char *value, struct failure *why)
{
	int error = ub_ctx_set_option(ctx, option, value);
	return error == 0 ||
	       failure_set(why, EX_SOFTWARE, "libunbound takes no \"%s %s\": %s", option, value, ub_strerror(error));
}

static bool context_servers(struct ub_ctx *ctx, const struct dns_options *options, struct failure *why)
{
	int error;
	/* Without any nameserver line libunbound asks 127.0.0.1, as resolv.conf(5) says. */
	if (options->server_count == 0) {
		error = ub_ctx_resolvconf(ctx, RESOLV_CONF);
		/* No wrong setting: at boot it may still come. */
		return error == 0 ||
		       failure_set(why, EX_OSFILE, "%s: %s; set dns_servers", RESOLV_CONF, ub_strerror(error));
	}
	for (size_t i = 0; i < options->server_count; i++) {
		error = ub_ctx_set_fwd(ctx, options->servers[i]);
		if (error != 0)
			return failure_set(why, EX_CONFIG, "dns_servers: \"%s\" is no address; write addr or addr@port",
				options->servers[i]);
	}
	return true;
}

const char *dns_context_anchor(const struct dns_options *options)
{
	return options->trust_anchor ? options->trust_anchor : SYSTEM_ROOT_KEY;
}

static bool context_validation(struct ub_ctx *ctx, const struct dns_options *options, struct failure *why)
{
	const char *anchor = dns_context_anchor(options);
	/* One that is named is looked at whether it is in use now or not. */
	if ((options->validate == DNS_VALIDATE_ON || options->trust_anchor) && access(anchor, R_OK) != 0)
		return failure_set(why, EX_NOINPUT,
			"dns_trust_anchor: %s: %s; name a file with the root key (package dns-root-data has one)",
			anchor, strerror(errno));
	if (options->validate != DNS_VALIDATE_ON)
		return context_set(ctx, "module-config:", "iterator", why);
	int error = ub_ctx_add_ta_file(ctx, anchor);
	if (error != 0)
		return failure_set(why, EX_CONFIG, "dns_trust_anchor: %s: %s", anchor, ub_strerror(error));
	size_t unproved = options->trust_anchor ? 1 : sizeof private_domains / sizeof *private_domains;
	for (size_t i = 0; i < unproved; i++)
		if (!context_set(ctx, "domain-insecure:", private_domains[i], why))
			return false;
	return context_set(ctx, "module-config:", "validator iterator", why);
}

static bool context_sizes(struct ub_ctx *ctx, unsigned parts, struct failure *why)
{
	struct rlimit limit;
	size_t queries = QUERIES_MAX;
	/* At most three quarters of the process's descriptors: a lookup that waits for DNS does nothing else meanwhile. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 * 3 < queries)
		queries = limit.rlim_cur / 4 * 3;
	queries = queries / parts > QUERIES_MIN ? queries / parts : QUERIES_MIN;
	const struct {
		const char *option;
		size_t number;
	} sizes[] = {{"outgoing-range:", queries}, {"num-queries-per-thread:", queries},
		{"msg-cache-size:", MESSAGES_SIZE / parts}, {"rrset-cache-size:", RECORDS_SIZE / parts}};
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
	ub_ctx_debugout(ctx, NULL); /* it would write to stderr */
	for (size_t i = 0; i < sizeof context_options / sizeof *context_options; i++)
		if (!context_set(ctx, context_options[i][0], context_options[i][1], why))
			return false;
	if (!context_sizes(ctx, parts, why) || !context_validation(ctx, options, why) ||
		!context_servers(ctx, options, why))
		return false;
	/* Last: this is its first use, after which nothing can be set. A bad trust anchor shows here. */
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

/* libunbound shares its log file among contexts, without a lock. Guards nothing else, and no lock is taken under it. */
static struct lock setup_lock = {PTHREAD_MUTEX_INITIALIZER};

struct ub_ctx *dns_context_new(
	const struct dns_options *options, struct loop *loop, unsigned parts, struct failure *why)
{
	lock_take(&setup_lock);
	struct ub_ctx *ctx = ub_ctx_create_event(loop_base(loop));
	if (!ctx)
		failure_set(why, EX_OSERR, "libunbound cannot be set up: no memory, or built without libevent");
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
