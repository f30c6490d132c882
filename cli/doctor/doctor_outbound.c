/* doctor: outbound connections to policy hosts (port 443) and mail hosts (port 25). This group has given up root. It tries
 * hosts that were good recently according to the store, or those of --domain. */
#include "age.h"
#include "clock.h"
#include "doctor.h"
#include "doctor_judge.h"
#include "output.h"
#include "store.h"
#include "text.h"
#include "way_out.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PORT_HTTPS 443
#define PORT_SMTP 25
#define HOSTS_MAX (WAY_OUT_MAX / 2) /* for each port */
#define PAGE 256
#define CHOOSE_MS 3000
#define RECENT_S (30 * DAY_S)

/* Hosts, and how well each one fits: the time at which it was last good. */
struct targets {
	size_t count;
	struct way_out target[HOSTS_MAX];
	int64_t at[HOSTS_MAX];
};

/* --- choosing hosts ----------------------------------------------------------------------------------------------- */

/* Keeps the newest targets, at most one for each network. */
static void targets_offer(struct targets *targets, const struct way_out *target, int64_t at)
{
	size_t oldest = 0;
	for (size_t i = 0; i < targets->count; i++) {
		if (target->address.len > 0 &&
			address_network(&targets->target[i].address) == address_network(&target->address))
			return;
		if (targets->at[i] < targets->at[oldest])
			oldest = i;
	}
	size_t place = targets->count < HOSTS_MAX ? targets->count++ : oldest;
	if (place == oldest && targets->count == HOSTS_MAX && targets->at[oldest] > at)
		return;
	targets->target[place] = *target;
	targets->at[place] = at;
}

static void host_set(struct way_out *target, const char *host)
{
	struct text text;
	text_init(&text, target->host, sizeof target->host);
	text_add(&text, host);
}

static void hop_offer(
	struct targets *targets, const struct store_hop *hop, const struct hop_record *record, int64_t now)
{
	struct way_out target = {.port = PORT_SMTP, .smtp = true};
	const struct evidence *good =
		record->pkix.good.at >= record->dane.good.at ? &record->pkix.good : &record->dane.good;
	if (hop->port != PORT_SMTP || schedule_age(good->at, now) > RECENT_S ||
		!address_parse(&target.address, good->address))
		return;
	host_set(&target, hop->host);
	targets_offer(targets, &target, good->at);
}

static void hops_choose(struct targets *targets, struct store *store, int64_t until_ms)
{
	static struct store_hop hops[PAGE];
	struct store_hop after = {.port = 0};
	size_t count = PAGE;
	while (count == PAGE && clock_mono_ms() < until_ms &&
		store_page_hops(store, &after, PAGE, hops, &count, NULL) && count > 0) {
		struct store_view *view = store_view_begin(store, NULL);
		for (size_t i = 0; view && i < count; i++) {
			struct hop_record record;
			if (store_view_hop(view, hops[i].host, hops[i].port, &record) == STORE_FOUND)
				hop_offer(targets, &hops[i], &record, clock_wall_s());
		}
		store_view_end(&view);
		after = hops[count - 1];
	}
}

static void policy_host_offer(struct targets *targets, const char *domain, int64_t at)
{
	struct way_out target = {.port = PORT_HTTPS};
	if (snprintf(target.host, sizeof target.host, "mta-sts.%s", domain) < (int)sizeof target.host)
		targets_offer(targets, &target, at);
}

static void policies_choose(struct targets *targets, struct store *store, int64_t until_ms)
{
	char after[DOMAIN_SIZE] = "";
	size_t count = PAGE;
	while (count == PAGE && clock_mono_ms() < until_ms) {
		struct names names = {0};
		if (!store_page(store, after, PAGE, &names, NULL))
			break;
		count = names.count;
		struct store_view *view = store_view_begin(store, NULL);
		for (const char *name = NULL; view && (name = names_next(&names, name));) {
			struct entry entry;
			if (store_view_entry(view, name, &entry) == STORE_FOUND && entry.has_policy &&
				schedule_age(entry.policy_fetched_at, clock_wall_s()) <= RECENT_S)
				policy_host_offer(targets, name, entry.policy_fetched_at);
			entry_free(&entry);
			snprintf(after, sizeof after, "%s", name);
		}
		store_view_end(&view);
		names_free(&names);
	}
}

/* The hosts of one domain that the operator has named. */
static void domain_choose(
	struct targets *https, struct targets *smtp, const char *domain, const struct settings *settings)
{
	struct domain mx[HOSTS_MAX];
	size_t count = way_out_mx(domain, settings, mx, HOSTS_MAX);
	policy_host_offer(https, domain, 1);
	for (size_t i = 0; i < count; i++) {
		struct way_out target = {.port = PORT_SMTP, .smtp = true};
		host_set(&target, mx[i].name);
		targets_offer(smtp, &target, 1);
	}
	if (count == 0) {
		struct way_out target = {.port = PORT_SMTP, .smtp = true};
		host_set(&target, domain);
		targets_offer(smtp, &target, 1);
	}
}

static void targets_try(struct targets *https, struct targets *smtp, const struct settings *settings)
{
	struct way_out all[WAY_OUT_MAX];
	memcpy(all, https->target, https->count * sizeof *all);
	memcpy(all + https->count, smtp->target, smtp->count * sizeof *all);
	way_out_try(all, https->count + smtp->count, settings);
	memcpy(https->target, all, https->count * sizeof *all);
	memcpy(smtp->target, all + https->count, smtp->count * sizeof *all);
}

/* --- reporting ---------------------------------------------------------------------------------------------------- */

static struct way_count targets_count(const struct targets *targets)
{
	struct way_count count = {0};
	for (size_t i = 0; i < targets->count; i++) {
		const struct way_out *target = &targets->target[i];
		count.tried += target->found;
		count.connected += target->connected;
		count.starttls += target->starttls;
		count.plain += target->plain;
		count.mangled += target->plain && target->mangled;
	}
	return count;
}

static const struct way_out *first_of(const struct targets *targets, enum way_state state)
{
	for (size_t i = 0; i < targets->count; i++) {
		const struct way_out *target = &targets->target[i];
		if (state == WAY_BLOCKED || state == WAY_MAYBE_BLOCKED ? target->found && !target->connected
								       : target->connected && !target->starttls)
			return target;
	}
	return &targets->target[0];
}

static void way_report(struct doctor *doctor, const char *check, const struct targets *targets, unsigned port)
{
	struct way_count count = targets_count(targets);
	enum way_state state = judge_way(&count, port == PORT_SMTP);
	const struct way_out *first = first_of(targets, state);
	const char *host = first->host;
	switch (state) {
	case WAY_UNTRIED:
		doctor_report(doctor, check, DOCTOR_SKIP, "%s",
			targets->count > 0
				? "no host has an address that may be used"
				: "the store has no host that was good recently; --domain NAME tests with the hosts of a domain");
		return;
	case WAY_OPEN:
		doctor_report(doctor, check, DOCTOR_OK, "%u of %u hosts answer at port %u%s", count.connected,
			count.tried, port, port == PORT_SMTP ? " and offer STARTTLS" : "");
		return;
	case WAY_BLOCKED:
	case WAY_MAYBE_BLOCKED:
		doctor_report(doctor, check, state == WAY_BLOCKED ? DOCTOR_FAIL : DOCTOR_WARN,
			"port %u: none of %u hosts can be reached; %s: %s", port, count.tried, host,
			strerror(first->err));
		doctor_remedy(doctor, "%s",
			port == PORT_SMTP
				? "look at this machine's firewall and network, and at probe_bind; many providers block "
				  "outbound port 25 until you ask them to open it"
				: "look at this machine's firewall and network, and at fetch_proxy");
		return;
	case WAY_STRIPPED:
	case WAY_MAYBE_STRIPPED:
		doctor_report(doctor, check, state == WAY_STRIPPED ? DOCTOR_FAIL : DOCTOR_WARN,
			"%u hosts answer at port %u, and none offers STARTTLS%s; %s is one of them", count.connected,
			port, count.mangled > 0 ? " (replaced by XXXX)" : "", host);
		doctor_remedy(doctor,
			"a firewall or proxy on the way out removes STARTTLS: turn its SMTP inspection off (Cisco: "
			"`no inspect esmtp`)");
		return;
	case WAY_UNCLEAR:
		doctor_report(doctor, check, DOCTOR_WARN,
			"port %u: connections succeed, but no host talks SMTP; %s: %s", port, host, first->words);
		doctor_remedy(doctor, "read the replies of the hosts: this relay's address may be on a blocklist");
		return;
	}
}

/* The proxy makes the connections to policy hosts. */
static bool proxy_take(struct targets *https, const char *proxy)
{
	struct way_out target = {.proxy = true};
	unsigned port = 0;
	if (*proxy == '\0')
		return false;
	*https = (struct targets){.count = 0};
	if (sscanf(proxy, "http://%253[^:/]:%u", target.host, &port) == 2 && port <= UINT16_MAX) {
		target.port = (uint16_t)port;
		address_parse(&target.address, target.host);
		targets_offer(https, &target, 1);
	}
	return true;
}

void doctor_outbound(struct doctor *doctor)
{
	static struct targets https, smtp;
	const char *word = option_value(doctor->options, "domain");
	const struct settings *settings = doctor->settings;
	struct failure why = {0};
	struct domain domain;
	if (word && domain_parse(&domain, word, strlen(word))) {
		domain_choose(&https, &smtp, domain.name, settings);
	} else {
		struct store *store = store_open(settings->store_path, settings->store_max_bytes, STORE_GUEST, &why);
		int64_t now_ms = clock_mono_ms();
		if (store)
			policies_choose(&https, store, now_ms + CHOOSE_MS / 2);
		if (store)
			hops_choose(&smtp, store, now_ms + CHOOSE_MS);
		store_close(&store);
	}
	bool proxy = proxy_take(&https, settings->fetch_proxy);
	if (!doctor_wants(doctor, "https-out"))
		https.count = 0;
	if (!doctor_wants(doctor, "smtp-out"))
		smtp.count = 0;
	targets_try(&https, &smtp, settings);
	way_report(doctor, "https-out", &https, proxy && https.count > 0 ? https.target[0].port : PORT_HTTPS);
	way_report(doctor, "smtp-out", &smtp, PORT_SMTP);
}
