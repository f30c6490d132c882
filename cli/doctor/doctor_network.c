/* doctor: the resolvers, and the key of reports. This group has given up root. It asks each server for the keys of the trust anchor's zone: the
 * root's, unless the site has a zone of its own. That is a large, signed answer, and no third party learns of it. */
#include "clock.h"
#include "dns.h"
#include "doctor.h"
#include "doctor_judge.h"
#include "doctor_reports.h"
#include "memory.h"
#include "nameserver.h"
#include "text.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define TYPE_DNSKEY 48
#define ANSWER_MS 3000
#define WAYS 3
#define LIST_SIZE 400

struct server;
/* One question to a server, on a thread of its own. */
struct question_way {
	const struct server *server;
	enum nameserver_way way;
	struct server_answer answer;
	int64_t took_ms;
	pthread_t thread;
	bool started;
};
/* One server, and what it did. */
struct server {
	struct nameserver at;
	const char *zone;
	struct question_way way[WAYS];
	struct server_seen seen;
};
struct servers {
	size_t count;
	struct server server[NAMESERVERS_MAX];
};

/* --- observing ---------------------------------------------------------------------------------------------------- */

static void *way_observe(void *arg)
{
	struct question_way *way = arg;
	struct nameserver_reply *reply = xcalloc(1, sizeof *reply);
	int64_t begun_ms = clock_mono_ms();
	if (nameserver_ask(&way->server->at, way->server->zone, TYPE_DNSKEY, way->way, ANSWER_MS, reply))
		way->answer = (struct server_answer){
			true, reply->truncated, reply->authentic, reply->rcode, reply->records, reply->signatures};
	way->took_ms = clock_mono_ms() - begun_ms;
	free(reply);
	return NULL;
}

/* Asks all servers in all ways at the same time. */
static void servers_observe(struct servers *servers, const struct settings_list *configured, const char *zone)
{
	struct nameserver found[NAMESERVERS_MAX];
	servers->count = nameservers_find(configured, found);
	for (size_t i = 0; i < servers->count * WAYS; i++) {
		struct server *server = &servers->server[i / WAYS];
		struct question_way *way = &server->way[i % WAYS];
		if (i % WAYS == 0) /* threads read it from here on */
			*server = (struct server){.at = found[i / WAYS], .zone = zone};
		*way = (struct question_way){.server = server, .way = (enum nameserver_way)(i % WAYS)};
		way->started = pthread_create(&way->thread, NULL, way_observe, way) == 0;
	}
	for (size_t i = 0; i < servers->count * WAYS; i++)
		if (servers->server[i / WAYS].way[i % WAYS].started)
			pthread_join(servers->server[i / WAYS].way[i % WAYS].thread, NULL);
	for (size_t i = 0; i < servers->count; i++) {
		struct server *server = &servers->server[i];
		server->seen = (struct server_seen){server->way[NAMESERVER_PLAIN].answer,
			server->way[NAMESERVER_EDNS].answer, server->way[NAMESERVER_TCP].answer};
	}
}

/* Returns whether the product's own validation works with these servers. Its log lines would disturb the output. */
static bool validation_try(const struct dns_options *options)
{
	struct failure why = {0};
	int before = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(nowhere, STDERR_FILENO);
	struct loops *loops = loops_new(1, &why);
	struct dns *dns = loops ? dns_new(options, loops, &why) : NULL;
	bool validates = dns && dns_validates(dns);
	dup2(before, STDERR_FILENO);
	return validates; /* the process ends soon and frees both */
}

/* --- reporting ---------------------------------------------------------------------------------------------------- */

static const char *rcode_words(unsigned rcode)
{
	static const char *const words[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
	return rcode < sizeof words / sizeof *words ? words[rcode] : "another error";
}

static unsigned server_rcode(const struct server_seen *seen)
{
	if (seen->plain.answered && seen->plain.rcode != 0)
		return seen->plain.rcode;
	return seen->edns.answered && seen->edns.rcode != 0 ? seen->edns.rcode : seen->tcp.rcode;
}

/* `worse`: the result for a server that does not work; a failure if no other does. */
static void server_report(struct doctor *doctor, const struct server *server, enum doctor_result worse)
{
	const char *text = server->at.text;
	switch (judge_server(&server->seen)) {
	case SERVER_DEAD:
		doctor_report(doctor, "resolver", worse, "%s does not answer", text);
		doctor_remedy(doctor,
			"look at dns_servers or /etc/resolv.conf, at the resolver itself, and at a firewall in "
			"between (port 53, UDP and TCP)");
		return;
	case SERVER_ERRS:
		doctor_report(doctor, "resolver", worse, "%s answers %s to the question for %s DNSKEY", text,
			rcode_words(server_rcode(&server->seen)), server->zone);
		doctor_remedy(doctor,
			"look at the resolver: its log, its access rules, its clock and its way to the Internet");
		return;
	case SERVER_WELL:
	case SERVER_SMALL:
	case SERVER_NO_LARGE:
	case SERVER_NO_UDP:
	case SERVER_NO_TCP:
		break;
	}
	doctor_report(doctor, "resolver", DOCTOR_OK, "%s answers after %lld ms", text,
		(long long)server->way[NAMESERVER_PLAIN].took_ms);
}

static void large_report(struct doctor *doctor, const struct server *server)
{
	const char *text = server->at.text;
	switch (judge_server(&server->seen)) {
	case SERVER_DEAD:
	case SERVER_ERRS:
		return;
	case SERVER_WELL:
		doctor_report(doctor, "resolver-large", DOCTOR_OK, "%s: large answers pass, over UDP and TCP", text);
		return;
	case SERVER_SMALL:
		doctor_report(doctor, "resolver-large", DOCTOR_SKIP,
			"%s has no DNSSEC keys of the zone `%s`: there is no large answer to test with", text,
			server->zone);
		return;
	case SERVER_NO_LARGE:
		doctor_report(doctor, "resolver-large", DOCTOR_FAIL, "%s: large answers do not arrive, over UDP or TCP",
			text);
		break;
	case SERVER_NO_UDP:
		doctor_report(doctor, "resolver-large", DOCTOR_WARN,
			"%s: large answers do not arrive over UDP: lookups wait for a timeout, then use TCP", text);
		break;
	case SERVER_NO_TCP:
		doctor_report(doctor, "resolver-large", DOCTOR_WARN,
			"%s: no answer over TCP: answers of more than %d octets are lost", text, NAMESERVER_UDP_SIZE);
		break;
	}
	doctor_remedy(doctor,
		"let DNS pass over UDP with fragments and over TCP (port 53) between this machine and the resolver");
}

static void dnssec_report(struct doctor *doctor, enum dnssec_state state, const char *zone)
{
	enum doctor_result bad = doctor->settings->dnssec == DNS_VALIDATE_ON ? DOCTOR_FAIL : DOCTOR_WARN;
	switch (state) {
	case DNSSEC_VALID:
		doctor_report(doctor, "dnssec", DOCTOR_OK, "signatures of %s pass, and validate here", zone);
		return;
	case DNSSEC_NO_ANSWER:
		doctor_report(doctor, "dnssec", DOCTOR_SKIP, "no resolver answers");
		return;
	case DNSSEC_UNSURE:
		doctor_report(doctor, "dnssec", bad,
			"no resolver has answered with the keys of %s: nothing can be validated", zone);
		doctor_remedy(
			doctor, "look at the resolver; behind a private root set dns_trust_anchor, or dnssec = off");
		return;
	case DNSSEC_STRIPPED:
		doctor_report(doctor, "dnssec", bad,
			"a resolver removes the signatures of %s: answers cannot be validated", zone);
		doctor_remedy(doctor,
			"use a validating resolver, such as unbound on this machine (dns_servers), or set dnssec = "
			"off and mta_dane = no");
		return;
	case DNSSEC_BOGUS:
		doctor_report(doctor, "dnssec", bad, "signatures of %s pass, but do not validate here", zone);
		doctor_remedy(doctor,
			"look at this machine's clock, then at the trust anchor (dns_trust_anchor, or the package "
			"dns-root-data)");
		return;
	}
}

/* The MTA asks the resolvers of resolv.conf, and its DANE believes their AD bit. */
static void authentic_report(struct doctor *doctor, const struct servers *servers)
{
	char list[LIST_SIZE];
	struct text text;
	size_t without = 0;
	text_init(&text, list, sizeof list);
	for (size_t i = 0; i < servers->count; i++) {
		const struct server_seen *seen = &servers->server[i].seen;
		if (seen->edns.authentic || seen->tcp.authentic || judge_server(seen) == SERVER_DEAD)
			continue;
		text_add(&text, without++ > 0 ? ", " : "");
		text_add(&text, servers->server[i].at.text);
	}
	if (without == 0) {
		doctor_report(doctor, "resolver-ad", DOCTOR_OK, "the resolvers of the MTA validate answers themselves");
		return;
	}
	doctor_report(doctor, "resolver-ad", DOCTOR_WARN,
		"%s in /etc/resolv.conf does not validate answers (no AD bit), so the MTA cannot do DANE", list);
	doctor_remedy(doctor,
		"let the MTA use a validating resolver; until then set mta_dane = no, or the map's answer dane-only "
		"holds mail");
}

static void resolvers_check(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;
	char zone[DNS_ZONE_SIZE];
	const struct dns_options options = {
		.servers = (const char *const *)settings->dns_servers.item,
		.server_count = settings->dns_servers.count,
		.validate = DNS_VALIDATE_AUTO,
		.trust_anchor = *settings->dns_trust_anchor ? settings->dns_trust_anchor : NULL,
	};
	struct servers *own = xcalloc(1, sizeof *own), *mta = own;
	struct server_seen seen[NAMESERVERS_MAX];
	size_t well = 0;
	dns_anchor_zone(&options, zone);
	servers_observe(own, &settings->dns_servers, zone);
	for (size_t i = 0; i < own->count; i++) {
		enum server_state state = judge_server(&own->server[i].seen);
		seen[i] = own->server[i].seen;
		well += state != SERVER_DEAD && state != SERVER_ERRS;
	}
	for (size_t i = 0; i < own->count; i++)
		server_report(doctor, &own->server[i], well > 0 ? DOCTOR_WARN : DOCTOR_FAIL);
	for (size_t i = 0; i < own->count; i++)
		large_report(doctor, &own->server[i]);
	if (settings->dnssec == DNS_VALIDATE_OFF) {
		doctor_report(
			doctor, "dnssec", DOCTOR_SKIP, "dnssec = off: answers are not validated, and there is no DANE");
		return;
	}
	enum dnssec_state state = judge_dnssec(seen, own->count, validation_try(&options));
	dnssec_report(doctor, state, zone);
	if (!settings->mta_dane || state != DNSSEC_VALID) {
		doctor_report(doctor, "resolver-ad", DOCTOR_SKIP,
			settings->mta_dane ? "answers are not validated here" : "mta_dane = no");
		return;
	}
	if (settings->dns_servers.count > 0) {
		mta = xcalloc(1, sizeof *mta);
		servers_observe(mta, NULL, zone);
	}
	authentic_report(doctor, mta);
}

void doctor_network(struct doctor *doctor)
{
	resolvers_check(doctor);
	doctor_report_dns(doctor);
}
