/* fixture DIRECTORY STORY: makes a store for the tests of the status page, and DIRECTORY/networks.db.
 *
 *   empty     nothing
 *   everyday  10000 domains; mail to some of them waits or would wait; overrides, reports, refreshes that fail
 *   attack    an attacker removes STARTTLS and shows a wrong certificate
 *   hostile   texts of strangers that are markup, control characters or change the direction of writing
 *   crowded   more than a page shows, with long texts */
#include "town.h"

#include "age.h"
#include "clock.h"
#include "question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STORE_BYTES (UINT64_C(1) << 28)
#define HOUR 3600
#define MINUTE 60

static struct failure why;

/* --- verdicts --------------------------------------------------------------------------------------------------- */

struct happened {
	enum verdict_door door;
	const char *domain, *hop;
	enum verdict_kind kind;
	enum reason reason;
	enum deed deed, would;
	int64_t first_ago_s, last_ago_s;
	unsigned count;
	const char *id;
};

static bool verdict_put(struct store *store, const struct happened *one)
{
	struct verdict verdict = {
		.kind = one->kind, .reason = one->reason, .has_policy = true, .policy_id = "20261101T080000"};
	verdict.mode = one->kind == VERDICT_FAIL_TESTING ? POLICY_TESTING : POLICY_ENFORCE;
	verdict.policy_expires_at = clock_wall_s() + 86400;
	snprintf(verdict.domain, sizeof verdict.domain, "%s", one->domain);
	snprintf(verdict.hop, sizeof verdict.hop, "%s", one->hop);
	for (unsigned i = 0; i < one->count; i++) {
		struct verdict_record record;
		int64_t span_s = one->first_ago_s - one->last_ago_s;
		int64_t ago_s = one->count > 1 ? one->first_ago_s - span_s * i / (one->count - 1) : one->last_ago_s;
		char id[VERDICT_QUEUE_ID_MAX + 1];
		verdict_record_init(&record, one->door, &verdict, clock_wall_s() - ago_s);
		record.deed = one->deed;
		record.would = one->would;
		record.monitor = one->deed != one->would;
		snprintf(id, sizeof id, one->id ? "%s%u" : "", one->id ? one->id : "", i);
		verdict_record_queue_id(&record, (struct span){id, strlen(id)});
		if (!store_note_verdicts(store, &record, 1, &why))
			return false;
	}
	return true;
}

static bool verdicts_put(struct store *store, const struct happened *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!verdict_put(store, &all[i]))
			return false;
	return true;
}

static bool households_settle(struct store *store, const struct household *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!town_settle(store, &all[i], &why))
			return false;
	return true;
}

static bool offices_open(struct store *store, const struct post_office *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!town_open(store, &all[i], &why))
			return false;
	return true;
}

/* --- reports ---------------------------------------------------------------------------------------------------- */

static bool tally_put(
	struct store *store, int64_t day, const char *domain, const char *uri, unsigned sessions, unsigned failed)
{
	struct tlsrpt_tally tally;
	uint64_t refused;
	tlsrpt_tally_init(&tally, day, domain);
	for (unsigned i = 0; i < sessions; i++) {
		struct tlsrpt_session session = {.count = 0};
		const struct tlsrpt_failure failure = {
			.result = TLSRPT_STARTTLS_NOT_SUPPORTED, .mx_name = "mx.example"};
		snprintf(session.domain, sizeof session.domain, "%s", domain);
		snprintf(session.record, sizeof session.record, "v=TLSRPTv1; rua=%s", uri);
		struct tlsrpt_policy *policy = tlsrpt_session_add(&session, TLSRPT_NO_POLICY_FOUND, domain);
		policy->failed = i < failed;
		if (policy->failed)
			tlsrpt_policy_add(policy, &failure);
		tlsrpt_tally_add(&tally, &session);
		tlsrpt_session_free(&session);
	}
	bool added = store_add_tallies(store, &tally, 1, day * TALLY_DAY_S + TALLY_DAY_S / 2, &refused, &why);
	tlsrpt_tally_free(&tally);
	return added;
}

static bool report_put(
	struct store *store, const char *domain, const char *uri, enum tlsrpt_outcome outcome, const char *detail)
{
	struct report_address address;
	struct tlsrpt_send row;
	size_t refused;
	int64_t now = clock_wall_s(), day = tlsrpt_day(now), due = day * TALLY_DAY_S + HOUR;
	/* Also in the first hours of a day it has waited long enough for an alert, and not so long that it is given up. */
	if (due > now - 7 * HOUR)
		due = now - 7 * HOUR;
	if (!report_address_read(&address, uri, strlen(uri)))
		abort();
	tlsrpt_send_init(&row, (int32_t)day - 1, domain, &address, "aaaaaaaaaaaaaaaaaaaa", due);
	if (detail) {
		tlsrpt_send_begin(&row, due);
		tlsrpt_send_end(&row, outcome, detail, due + 1);
	}
	return store_add_tlsrpt_sends(store, &row, 1, &refused, &why) && tally_put(store, day - 1, domain, uri, 40, 3);
}

/* --- everyday --------------------------------------------------------------------------------------------------- */

static bool overrides_set(struct store *store, const struct override *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!store_set_override(store, &all[i], NULL, &why))
			return false;
	return true;
}

static bool everyday_overrides(struct store *store)
{
	int64_t now = clock_wall_s();
	const struct override all[] = {
		{.kind = OVERRIDE_PASS,
			.domain = "supplier.example",
			.begins_at = now - 30 * HOUR,
			.ends_at = now + 42 * HOUR,
			.author = "anna",
			.node = "relay2.example",
			.reason = "ticket 4711: the supplier renews its certificate on Thursday",
			.uses = 17,
			.used_at = now - HOUR},
		{.kind = OVERRIDE_ENFORCE,
			.domain = "partner.example",
			.begins_at = now - 5 * HOUR,
			.ends_at = now + 500 * HOUR,
			.author = "r\xc3\xa9my",
			.reason = "they asked us to"},
		{.kind = OVERRIDE_PIN,
			.domain = "notary.example",
			.begins_at = now - HOUR,
			.ends_at = now + 71 * HOUR,
			.asn = {64498, 64501},
			.author = "anna",
			.reason = "moved? see ticket 4720"},
	};
	return overrides_set(store, all, COUNT(all));
}

static bool everyday_reports(struct store *store)
{
	return report_put(store, "harbour-bakery-0000.example", "mailto:tls@harbour-bakery-0000.example", TLSRPT_DONE,
		       "") &&
	       report_put(store, "supplier.example", "mailto:postmaster@supplier.example", TLSRPT_LATER,
		       "connection refused") &&
	       report_put(
		       store, "clinic.example", "https://tlsrpt.clinic.example/in", TLSRPT_NEVER, "HTTP status 410") &&
	       report_put(store, "partner.example", "mailto:tls@partner.example", TLSRPT_DONE, NULL);
}

static const struct household everyday_households[] = {
	{.domain = "clinic.example",
		.host = {"mx1.clinic.example", "mx2.clinic.example"},
		.mode = POLICY_ENFORCE,
		.due_ago_s = -DAY_S},
	{.domain = "supplier.example", .host = {"mail.supplier.example"}, .mode = POLICY_ENFORCE, .due_ago_s = -DAY_S},
	{.domain = "partner.example", .host = {"mail.partner.example"}, .mode = POLICY_TESTING, .due_ago_s = -DAY_S},
	{.domain = "notary.example", .host = {"mx2.mx.hosterei.example"}, .mode = POLICY_ENFORCE, .due_ago_s = -DAY_S},
	{.domain = "xn--bcher-kva.example",
		.host = {"mx1.in.northpost.example"},
		.mode = POLICY_ENFORCE,
		.due_ago_s = -DAY_S},
	{.domain = "archive.example",
		.host = {"mx3.relay.campus.example"},
		.mode = POLICY_ENFORCE,
		.fetched_ago_s = 6 * DAY_S + 12 * HOUR,
		.failures = 31,
		.fetch_detail = "HTTP status 503",
		.due_ago_s = -HOUR},
	{.domain = "orchard.example",
		.host = {"mx1.relay.campus.example"},
		.mode = POLICY_ENFORCE,
		.fetched_ago_s = 3 * DAY_S,
		.failures = 9,
		.fetch_detail = "certificate expired",
		.due_ago_s = -2 * HOUR},
};

static const struct post_office everyday_offices[] = {
	{"mx1.clinic.example", "203.0.113.97", 64501, "GB", REASON_STARTTLS_MISSING, 2 * MINUTE, NULL, NULL,
		"250 mx1.clinic.example"},
	{"mx2.clinic.example", "203.0.113.98", 64501, "GB", REASON_CERT_EXPIRED, 2 * MINUTE, NULL, NULL,
		"certificate has expired"},
	{"mail.supplier.example", "203.0.113.99", 64501, "GB", REASON_CERT_EXPIRED, 4 * MINUTE, NULL, NULL,
		"certificate has expired"},
	{"mail.partner.example", "192.0.2.65", 64499, "NL", REASON_CERT_HOST_MISMATCH, 9 * MINUTE,
		"www.partner.example partner.example", NULL, "hostname mismatch"},
};

static const struct happened everyday_verdicts[] = {
	{DOOR_MILTER, "clinic.example", "mx1.clinic.example", VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING,
		DEED_QUARANTINE, DEED_QUARANTINE, 5 * HOUR, 2 * MINUTE, 23, "4dKx2P1zX"},
	{DOOR_MAP, "clinic.example", "mx1.clinic.example", VERDICT_DEFER, REASON_STARTTLS_MISSING, DEED_TEMP, DEED_TEMP,
		4 * HOUR, 7 * MINUTE, 12, NULL},
	{DOOR_DELEGATION, "xn--bcher-kva.example", "", VERDICT_DEFER, REASON_MX_LOOKUP, DEED_DEFER, DEED_DEFER,
		40 * MINUTE, 12 * MINUTE, 6, "5dKy9Q"},
	{DOOR_MAP, "orchard.example", "mx1.relay.campus.example", VERDICT_FAIL_ENFORCE, REASON_CERT_EXPIRED, DEED_TEMP,
		DEED_TEMP, 2 * HOUR, 50 * MINUTE, 3, NULL},
	{DOOR_MILTER, "partner.example", "mail.partner.example", VERDICT_FAIL_TESTING, REASON_CERT_HOST_MISMATCH,
		DEED_TAG, DEED_TAG, 20 * HOUR, 9 * MINUTE, 8, "6dKz"},
	{DOOR_MILTER, "supplier.example", "mail.supplier.example", VERDICT_FAIL_ENFORCE, REASON_CERT_EXPIRED,
		DEED_ACCEPT, DEED_DEFER, 30 * HOUR, HOUR, 17, "7dKa"},
};

static const struct town_trouble everyday_troubles[] = {
	{REASON_HOP_TIMEOUT, VERDICT_DEFER, 11 * HOUR, 10 * HOUR, 6},
	{REASON_CERT_EXPIRED, VERDICT_FAIL_ENFORCE, 20 * HOUR, 14 * HOUR, 2},
	{REASON_FIRST_CONTACT, VERDICT_DEFER, 24 * HOUR, 0, 3},
};

static bool everyday_make(struct store *store)
{
	return town_day(store, 400, everyday_troubles, COUNT(everyday_troubles), &why) &&
	       town_found(store, 10000, &why) &&
	       households_settle(store, everyday_households, COUNT(everyday_households)) &&
	       offices_open(store, everyday_offices, COUNT(everyday_offices)) &&
	       verdicts_put(store, everyday_verdicts, COUNT(everyday_verdicts)) && everyday_overrides(store) &&
	       everyday_reports(store);
}

/* --- signs ------------------------------------------------------------------------------------------------------ */

struct seen_sign {
	enum event_kind kind;
	const char *domain, *host, *detail;
	enum reason reason; /* of the probe now */
	int64_t first_ago_s, last_ago_s;
	unsigned delayed;
	const char *greeting, *ehlo, *chain;
};

static void sign_look(struct look *look, const struct seen_sign *sign, int64_t at)
{
	look->at = at;
	look->asn = 64501;
	snprintf(look->address, sizeof look->address, "203.0.113.98");
	snprintf(look->greeting, sizeof look->greeting, "%s", sign->greeting);
	snprintf(look->ehlo, sizeof look->ehlo, "%s", sign->ehlo);
	snprintf(look->chain, sizeof look->chain, "%s", sign->chain);
	snprintf(look->as_name, sizeof look->as_name, "%s", sign->detail);
}

static bool sign_put(struct store *store, const struct seen_sign *sign)
{
	int64_t now = clock_wall_s();
	struct event_record event;
	event_record_init(&event, sign->kind, sign->domain, sign->detail, now - sign->first_ago_s);
	event.last_at = now - sign->last_ago_s;
	event.count = 1 + (uint32_t)((sign->first_ago_s - sign->last_ago_s) / (10 * MINUTE));
	event.port = sign->host[0] ? QUESTION_PORT : 0;
	snprintf(event.host, sizeof event.host, "%s", sign->host);
	struct story *story = story_new(&event);
	story->before =
		(struct evidence){.at = now - DAY_S, .protocol = 0x0304, .address = "203.0.113.98", .asn = 64501};
	story->now =
		(struct evidence){.at = event.last_at, .reason = sign->reason, .address = "203.0.113.98", .asn = 64501};
	sign_look(&story->before_look, sign, now - DAY_S);
	sign_look(&story->now_look, sign, event.last_at);
	snprintf(story->clock, sizeof story->clock, "seems right");
	story->mail[FATE_DELAYED] = sign->delayed;
	bool noted = store_note_sign(store, &event, story, &why);
	free(story);
	return noted;
}

static bool signs_put(struct store *store, const struct seen_sign *all, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!sign_put(store, &all[i]))
			return false;
	return true;
}

/* --- attack ----------------------------------------------------------------------------------------------------- */

static const struct household attack_households[] = {
	{.domain = "bank.example",
		.host = {"mx1.bank.example", "mx2.bank.example"},
		.mode = POLICY_ENFORCE,
		.due_ago_s = -DAY_S},
	{.domain = "ministry.example", .host = {"mail.ministry.example"}, .mode = POLICY_ENFORCE, .due_ago_s = -DAY_S},
};

static const struct post_office attack_offices[] = {
	{"mx1.bank.example", "203.0.113.98", 64501, "GB", REASON_STARTTLS_MISSING, MINUTE, NULL, NULL,
		"250 mx1.bank.example"},
	{"mx2.bank.example", "203.0.113.98", 64501, "GB", REASON_STARTTLS_MISSING, MINUTE, NULL, NULL,
		"250 mx2.bank.example"},
	{"mail.ministry.example", "203.0.113.99", 64501, "GB", REASON_CERT_UNTRUSTED, 3 * MINUTE,
		"mail.ministry.example", "CN=Fortress Inspection CA < CN=Fortress Root",
		"self-signed certificate in certificate chain"},
};

static const struct seen_sign attack_signs[] = {
	{EVENT_STARTTLS_LOST, "bank.example", "mx1.bank.example",
		"mx1.bank.example offered STARTTLS until 11:02 and no longer does", REASON_STARTTLS_MISSING,
		43 * MINUTE, MINUTE, 31, "220 mx1.bank.example ESMTP", "250-mx1.bank.example\n250 XXXXXXXA", ""},
	{EVENT_SMTP_REWRITTEN, "bank.example", "mx1.bank.example", "keywords in the reply to EHLO are overwritten by X",
		REASON_STARTTLS_MISSING, 43 * MINUTE, MINUTE, 31, "220 ***************",
		"250-mx1.bank.example\n250 XXXXXXXA", ""},
	{EVENT_CERTIFICATE_BROKE, "ministry.example", "mail.ministry.example",
		"mail.ministry.example presents a certificate of \"Fortress Inspection CA\"", REASON_CERT_UNTRUSTED,
		38 * MINUTE, 3 * MINUTE, 9, "220 mail.ministry.example ESMTP",
		"250-mail.ministry.example\n250 STARTTLS", "CN=mail.ministry.example; CN=Fortress Inspection CA"},
	{EVENT_HOP_MOVED, "bank.example", "mx2.bank.example",
		"all mail hosts are in AS 64501, which is new for the domain", REASON_OK, 42 * MINUTE, 42 * MINUTE, 0,
		"220 mx2.bank.example", "250 mx2.bank.example", ""},
};

static const struct happened attack_verdicts[] = {
	{DOOR_MILTER, "bank.example", "mx1.bank.example", VERDICT_FAIL_ENFORCE, REASON_STARTTLS_MISSING, DEED_DEFER,
		DEED_DEFER, 43 * MINUTE, MINUTE, 31, "4aTtAcK"},
	{DOOR_MILTER, "ministry.example", "mail.ministry.example", VERDICT_FAIL_ENFORCE, REASON_CERT_UNTRUSTED,
		DEED_QUARANTINE, DEED_QUARANTINE, 38 * MINUTE, 3 * MINUTE, 9, "4bTtAcK"},
};

static const struct town_trouble attack_troubles[] = {
	{REASON_STARTTLS_MISSING, VERDICT_FAIL_ENFORCE, 43 * MINUTE, 0, 31},
	{REASON_CERT_UNTRUSTED, VERDICT_FAIL_ENFORCE, 38 * MINUTE, 0, 9},
};

static bool attack_make(struct store *store)
{
	return town_day(store, 60, attack_troubles, COUNT(attack_troubles), &why) && town_found(store, 300, &why) &&
	       households_settle(store, attack_households, COUNT(attack_households)) &&
	       offices_open(store, attack_offices, COUNT(attack_offices)) &&
	       signs_put(store, attack_signs, COUNT(attack_signs)) &&
	       verdicts_put(store, attack_verdicts, COUNT(attack_verdicts));
}

/* --- hostile ---------------------------------------------------------------------------------------------------- */

/* RLO turns the direction of writing; the octets at the end are no UTF-8. */
#define MARKUP "</td></title><script>alert('PWNED')</script><img src=http://evil.example/x onerror=alert(1)>"
#define QUOTES "\" onmouseover=\"alert(2)\" style='position:fixed' x=`"
#define CONTROLS                                                                                                       \
	"a\x1b[2Jb\rc\nd\x07\xe2\x80\xae"                                                                              \
	"evil\xe2\x80\xac"                                                                                             \
	"\xc3\x28"

static const struct household hostile_households[] = {
	{.domain = "hostile.example",
		.host = {"mx1.hostile.example", "mx2.hostile.example", "\"<script>alert(3)</script>.hostile.example\""},
		.mode = POLICY_ENFORCE,
		.fetched_ago_s = 3 * DAY_S,
		.failures = 7,
		.fetch_detail = "HTTP status 404 <b onclick=alert(4)>bold</b>",
		.due_ago_s = -HOUR,
		.line = "x-note: <script>alert(5)</script> &amp; \"quoted\" \xe2\x80\xaegnp\r\n"},
};

static const struct post_office hostile_offices[] = {
	{"mx1.hostile.example", "203.0.113.98", 64501, "GB", REASON_CERT_UNTRUSTED, MINUTE, MARKUP " " QUOTES,
		QUOTES " < " CONTROLS, MARKUP},
	{"mx2.hostile.example", "203.0.113.99", 64501, "GB", REASON_CERT_HOST_MISMATCH, MINUTE, CONTROLS, MARKUP,
		CONTROLS QUOTES},
};

static const struct seen_sign hostile_signs[] = {
	{EVENT_CERTIFICATE_BROKE, "hostile.example", "mx1.hostile.example", "certificate of \"" MARKUP "\"",
		REASON_CERT_UNTRUSTED, 43 * MINUTE, MINUTE, 31, "220 " MARKUP, "250-" CONTROLS "\n250 " QUOTES,
		MARKUP "; " QUOTES},
};

static const struct happened hostile_verdicts[] = {
	{DOOR_MILTER, "hostile.example", "mx1.hostile.example", VERDICT_FAIL_ENFORCE, REASON_CERT_UNTRUSTED,
		DEED_QUARANTINE, DEED_QUARANTINE, 43 * MINUTE, MINUTE, 3, "<b>'&\""},
};

static bool hostile_make(struct store *store)
{
	int64_t now = clock_wall_s();
	const struct override all[] = {{.kind = OVERRIDE_TAG,
		.domain = "hostile.example",
		.begins_at = now - HOUR,
		.ends_at = now + HOUR,
		.author = "<script>alert(6)</script>",
		.reason = "\xe2\x80\xae"
			  "txet " MARKUP}};
	return households_settle(store, hostile_households, COUNT(hostile_households)) &&
	       offices_open(store, hostile_offices, COUNT(hostile_offices)) &&
	       signs_put(store, hostile_signs, COUNT(hostile_signs)) &&
	       verdicts_put(store, hostile_verdicts, COUNT(hostile_verdicts)) &&
	       overrides_set(store, all, COUNT(all)) &&
	       report_put(store, "hostile.example", "https://tlsrpt.hostile.example/in?a='%3Cb%3E&b=(1)", TLSRPT_LATER,
		       "HTTP status 500 <script>alert(7)</script>");
}

/* --- crowded ---------------------------------------------------------------------------------------------------- */

#define CROWD_HELD 600
#define CROWD_SIGNS 250
#define CROWD_NAME "held-%03u.a-rather-long-name-of-a-domain.of-which-there-are-many.in-the-store-of-this-relay.example"

/* More of everything than a page shows, with texts as long as they may be. */
static bool crowded_make(struct store *store)
{
	char detail[EVENT_DETAIL_SIZE], domain[DOMAIN_SIZE];
	memset(detail, '<', sizeof detail - 1);
	detail[sizeof detail - 1] = '\0';
	for (unsigned i = 0; i < CROWD_HELD; i++) {
		snprintf(domain, sizeof domain, CROWD_NAME, i);
		const struct happened held = {DOOR_MILTER, domain, domain, VERDICT_FAIL_ENFORCE, REASON_CERT_UNTRUSTED,
			DEED_QUARANTINE, DEED_QUARANTINE, HOUR, MINUTE, 1, "<<<<<<<<<<<<<<<<<<"};
		const struct seen_sign sign = {EVENT_CERTIFICATE_BROKE, domain, domain, detail, REASON_CERT_UNTRUSTED,
			HOUR, MINUTE, 1, detail, detail, detail};
		if (!verdict_put(store, &held) || (i < CROWD_SIGNS && !sign_put(store, &sign)))
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------------------------------------------------------- */

static bool empty_make(struct store *store)
{
	(void)store;
	return true;
}

static const struct {
	const char *name;
	bool (*make)(struct store *store);
} stories[] = {{"empty", empty_make}, {"everyday", everyday_make}, {"attack", attack_make}, {"hostile", hostile_make},
	{"crowded", crowded_make}};

static int fixture_make(const char *directory, bool (*make)(struct store *store))
{
	char networks[4096];
	snprintf(networks, sizeof networks, "%s/networks.db", directory);
	town_map(networks);
	struct store *store = store_open(directory, STORE_BYTES, STORE_OWNER, &why);
	bool made = store && make(store);
	if (!made)
		fprintf(stderr, "fixture: %s\n", why.text);
	store_close(&store);
	return made ? EX_OK : EX_OSERR;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < COUNT(stories); i++)
		if (strcmp(argv[2], stories[i].name) == 0)
			return fixture_make(argv[1], stories[i].make);
	fprintf(stderr, "usage: fixture DIRECTORY empty|everyday|attack|hostile|crowded\n");
	return EX_USAGE;
}
