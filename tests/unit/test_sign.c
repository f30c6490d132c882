/* core/sign: what the result of a probe shows beside the good probe before it, and what it does not. The scenario cases
 * design-12.* cover the signs of domains. */
#include "sign.h"

#include "age.h"
#include "cm.h"

#include <stdio.h>
#include <string.h>

#define NOW 1900000000
#define DAYS(n) ((n) * (int64_t)DAY_S)
#define OLD_LEAF 0x1111
#define NEW_LEAF 0x2222

/* What differs from the usual: a good probe a day ago, of a certificate that Let's Encrypt issued for 90 days, 10 days
 * ago, and the same today. */
struct row {
	const char *what;
	const char *signs; /* expected: `KIND/SEVERITY`, blank-separated */
	const char *says;  /* a part of the first detail; NULL: anything */

	enum reason reason;
	int64_t good_days;       /* since the good probe; 0: 1; -1: there was none */
	int64_t old_days;        /* since the old certificate was issued; 0: 10 */
	int64_t old_valid_days;  /* 0: 90 */
	bool other;              /* another certificate now */
	int64_t new_hours;       /* since it was issued; 0: 2 */
	bool same_key;           /* of the other certificate */
	const char *before, *by; /* the authorities; NULL: Let's Encrypt */
	const char *names;       /* in the certificate now; NULL: the host's own */
	bool no_good_look, no_look;
	uint16_t protocol; /* 0: TLS 1.3 */
	const char *ehlo_before, *ehlo;
	bool rewritten_before, rewritten;
	bool dane;
	bool seen_for;
	enum reason newest; /* of the probe before; REASON_OK: the good one */
	uint16_t silent;    /* probes before that were silent, over five minutes each */
};

static const struct row rows[] = {
	{.what = "nothing is different", .signs = ""},
	{.what = "never good", .signs = "", .good_days = -1, .reason = REASON_STARTTLS_MISSING},
	{.what = "good too long ago", .signs = "", .good_days = 91, .reason = REASON_STARTTLS_MISSING},
	{.what = "STARTTLS lost",
		.signs = "starttls-lost/error",
		.good_days = 90,
		.reason = REASON_STARTTLS_MISSING,
		.says = "mx=mx1.example.com offers no STARTTLS [starttls-not-supported] at 192.0.2.1; last good "},
	{.what = "STARTTLS lost under DANE",
		.signs = "starttls-lost/error",
		.reason = REASON_STARTTLS_MISSING,
		.dane = true},
	{.what = "of another host", .signs = "", .reason = REASON_OK, .protocol = 0x0303, .seen_for = true},

	{.what = "the same certificate has expired",
		.signs = "certificate-broke/warning",
		.reason = REASON_CERT_EXPIRED,
		.says = "; it is the certificate that was good before; issued by "},
	{.what = "the same certificate is no longer trusted",
		.signs = "certificate-broke/warning",
		.reason = REASON_CERT_UNTRUSTED},
	{.what = "another certificate of the same authority has expired",
		.signs = "certificate-broke/warning",
		.reason = REASON_CERT_EXPIRED,
		.other = true},
	{.what = "one of another authority has expired",
		.signs = "certificate-broke/error",
		.reason = REASON_CERT_EXPIRED,
		.other = true,
		.by = "Evil Trust",
		.says = "issued by \"Evil Trust\"; last good "},
	{.what = "an untrusted one that names the same authority",
		.signs = "certificate-broke/error",
		.reason = REASON_CERT_UNTRUSTED,
		.other = true},
	{.what = "one that matches no TLSA record",
		.signs = "certificate-broke/error",
		.reason = REASON_TLSA_MISMATCH,
		.other = true,
		.dane = true},
	{.what = "the TLSA records have changed",
		.signs = "certificate-broke/warning",
		.reason = REASON_TLSA_MISMATCH,
		.dane = true},
	{.what = "one for another host of the owner",
		.signs = "certificate-broke/warning",
		.reason = REASON_CERT_HOST_MISMATCH,
		.other = true,
		.names = "www.example.com imap.example.net"},
	{.what = "one for another owner",
		.signs = "certificate-broke/error",
		.reason = REASON_CERT_HOST_MISMATCH,
		.other = true,
		.names = "mx.evil.example example.org"},
	{.what = "one for nobody",
		.signs = "certificate-broke/error",
		.reason = REASON_CERT_HOST_MISMATCH,
		.other = true,
		.names = ""},
	{.what = "evidence names the authorities",
		.signs = "certificate-broke/warning",
		.reason = REASON_CERT_EXPIRED,
		.other = true,
		.no_look = true,
		.no_good_look = true},
	{.what = "evidence names another authority",
		.signs = "certificate-broke/error",
		.reason = REASON_CERT_EXPIRED,
		.other = true,
		.no_look = true,
		.no_good_look = true,
		.by = "Evil, Inc.",
		.says = "issued by \"Evil, Inc.\""},
	{.what = "unknown authorities",
		.signs = "certificate-broke/error",
		.reason = REASON_CERT_EXPIRED,
		.other = true,
		.before = "",
		.by = "",
		.says = "issued by an unknown authority"},

	{.what = "renewed in time", .signs = "", .other = true, .old_days = 60},
	{.what = "renewed two days early", .signs = "", .other = true, .old_days = 58},
	{.what = "renewed too early",
		.signs = "certificate-changed/notice",
		.other = true,
		.old_days = 57,
		.says = "mx=mx1.example.com has a new key at 192.0.2.1; issued by \"Let's Encrypt\", valid since "},
	{.what = "renewed too early with the same key", .signs = "", .other = true, .same_key = true},
	{.what = "renewed after it had expired", .signs = "", .other = true, .old_days = 91},
	{.what = "six days: renewed after two", .signs = "", .other = true, .old_days = 2, .old_valid_days = 6},
	{.what = "another authority",
		.signs = "certificate-changed/notice",
		.other = true,
		.by = "Evil Trust",
		.says = "mx=mx1.example.com has a certificate of another authority at 192.0.2.1; issued by \"Evil "
			"Trust\""},
	{.what = "another authority when it was due",
		.signs = "certificate-changed/notice",
		.other = true,
		.by = "Evil Trust",
		.old_days = 80},
	{.what = "another authority with the same key",
		.signs = "certificate-changed/notice",
		.other = true,
		.by = "Evil Trust",
		.same_key = true},
	{.what = "the authority in other letters", .signs = "", .other = true, .old_days = 80, .by = "LET'S ENCRYPT"},
	{.what = "an older certificate of a pool", .signs = "", .other = true, .by = "Evil Trust", .new_hours = 49},
	{.what = "no look of the good probe: keys are unknown", .signs = "", .other = true, .no_good_look = true},
	{.what = "no look: the authority differs",
		.signs = "certificate-changed/notice",
		.other = true,
		.no_good_look = true,
		.by = "Evil Trust"},

	{.what = "lower",
		.signs = "tls-lowered/notice",
		.protocol = 0x0303,
		.says = "at 192.0.2.1: TLS 1.2; last good "},
	{.what = "too low",
		.signs = "tls-lowered/warning",
		.protocol = 0x0302,
		.reason = REASON_TLS_TOO_OLD,
		.says = "[tls-too-old] at 192.0.2.1: TLS 1.1; last good "},

	{.what = "one cut handshake", .signs = "", .reason = REASON_TLS_FAILED},
	{.what = "two cut handshakes",
		.signs = "hop-gone-silent/warning",
		.reason = REASON_TLS_FAILED,
		.newest = REASON_TLS_FAILED},
	{.what = "a cut handshake after another fault",
		.signs = "",
		.reason = REASON_TLS_FAILED,
		.newest = REASON_STARTTLS_MISSING},
	{.what = "silent once", .signs = "", .reason = REASON_HOP_TIMEOUT},
	{.what = "silent twice", .signs = "", .reason = REASON_HOP_TIMEOUT, .silent = 1},
	{.what = "silent",
		.signs = "hop-gone-silent/notice",
		.reason = REASON_HOP_TIMEOUT,
		.silent = 2,
		.says = "does not answer in time [hop-timeout] at 192.0.2.1; probes since "},
	{.what = "without an address", .signs = "hop-gone-silent/notice", .reason = REASON_HOP_NO_ADDRESS},
	{.what = "silent after a fault",
		.signs = "",
		.reason = REASON_HOP_TIMEOUT,
		.silent = 2,
		.newest = REASON_STARTTLS_MISSING},
	{.what = "a local failure", .signs = "", .reason = REASON_HOP_INTERNAL, .silent = 2},

	{.what = "another host of the pool",
		.signs = "",
		.ehlo_before = "a.pool.example.com",
		.ehlo = "B.Pool.example.COM"},
	{.what = "another owner's name",
		.signs = "ehlo-name-changed/notice",
		.ehlo = "mx.evil.example",
		.says = "gives another name in its reply to EHLO at 192.0.2.1: mx.evil.example; before, "},
	{.what = "a name that is none",
		.signs = "ehlo-name-changed/notice",
		.ehlo = "local\x1bhost",
		.says = ": \"local\\x1bhost\"; before, "},
	{.what = "a name where there was none", .signs = "", .ehlo_before = "[192.0.2.1]", .ehlo = "mx.evil.example"},
	{.what = "no reply to EHLO", .signs = "", .ehlo = ""},
	{.what = "another name, and no STARTTLS",
		.signs = "starttls-lost/error ehlo-name-changed/notice",
		.reason = REASON_STARTTLS_MISSING,
		.ehlo = "firewall.example.net"},

	{.what = "rewritten", .signs = "smtp-rewritten/warning", .rewritten = true},
	{.what = "always rewritten", .signs = "", .rewritten = true, .rewritten_before = true},
	{.what = "always rewritten, and STARTTLS lost",
		.signs = "starttls-lost/error smtp-rewritten/warning",
		.reason = REASON_STARTTLS_MISSING,
		.rewritten = true,
		.rewritten_before = true},
	{.what = "rewritten, but nothing is known about before", .signs = "", .rewritten = true, .no_good_look = true},
	{.what = "rewritten no more", .signs = "", .rewritten_before = true},
};

/* The form of RFC 2253: some characters have a backslash before them. */
static void issuers_write(char out[EVIDENCE_ISSUERS_SIZE], const char *authority)
{
	size_t len = (size_t)snprintf(out, EVIDENCE_ISSUERS_SIZE, "CN=R12%s", authority[0] ? ",O=" : "");
	if (!authority[0]) {
		out[0] = '\0';
		return;
	}
	for (; *authority && len + 40 < EVIDENCE_ISSUERS_SIZE; authority++) {
		if (*authority == ',')
			out[len++] = '\\';
		out[len++] = *authority;
	}
	snprintf(out + len, EVIDENCE_ISSUERS_SIZE - len, ",C=US < CN=Root,O=Another");
}

static void look_of(struct look *look, const struct evidence *seen, bool same_key, const char *by)
{
	memset(look, 0, sizeof *look);
	look->at = seen->at;
	memcpy(look->address, seen->address, sizeof look->address);
	snprintf(look->spki, sizeof look->spki, "%s", same_key ? "aaaa" : "bbbb");
	snprintf(look->authority, sizeof look->authority, "%s", by);
}

static void run(const struct row *row, struct signs_found *signs)
{
	static struct hop_record record;
	static struct look before, now;
	const char *old_by = row->before ? row->before : "Let's Encrypt", *by = row->by ? row->by : "Let's Encrypt";
	memset(&record, 0, sizeof record);
	int64_t good_days = row->good_days ? row->good_days : 1;
	int64_t old_days = row->old_days ? row->old_days : 10, valid = row->old_valid_days ? row->old_valid_days : 90;
	struct evidence good = {.at = NOW - DAYS(good_days),
		.reason = REASON_OK,
		.protocol = 0x0304,
		.leaf = OLD_LEAF,
		.not_before = NOW - DAYS(old_days),
		.not_after = NOW - DAYS(old_days) + DAYS(valid),
		.tlsa_id = row->dane ? 7 : 0,
		.address = "192.0.2.1"};
	issuers_write(good.issuers, old_by);
	struct evidence seen = good;
	seen.at = NOW;
	seen.reason = row->reason;
	seen.protocol = row->protocol ? row->protocol : 0x0304;
	snprintf(seen.names, sizeof seen.names, "%s", row->names ? row->names : "mx1.example.com");
	if (row->other) {
		seen.leaf = NEW_LEAF;
		seen.not_before = NOW - 3600 * (row->new_hours ? row->new_hours : 2);
		seen.not_after = seen.not_before + DAYS(90);
		issuers_write(seen.issuers, by);
	}
	if (row->seen_for)
		snprintf(seen.seen_for, sizeof seen.seen_for, "mx2.example.com");
	if (good_days > 0)
		hop_record_learn(&record, &good);
	struct evidence between = good;
	if (row->newest != REASON_OK) {
		between.at = NOW - 3600;
		between.reason = row->newest;
		hop_record_learn(&record, &between);
	}
	for (uint16_t i = row->silent; i > 0; i--) {
		between.at = NOW - 300 * i;
		between.reason = row->reason;
		hop_record_learn(&record, &between);
	}
	look_of(&before, &good, true, old_by);
	snprintf(before.ehlo_name, sizeof before.ehlo_name, "%s",
		row->ehlo_before ? row->ehlo_before : "mx1.example.com");
	before.rewritten = row->rewritten_before;
	look_of(&now, &seen, !row->other || row->same_key, row->other ? by : old_by);
	snprintf(now.ehlo_name, sizeof now.ehlo_name, "%s", row->ehlo ? row->ehlo : "mx1.example.com");
	now.rewritten = row->rewritten;
	signs->count = 0;
	sign_hop(signs, &(struct sign_probe){.domain = "example.com",
				.host = "mx1.example.com",
				.port = 25,
				.record = &record,
				.good = row->no_good_look ? NULL : &before,
				.seen = &seen,
				.look = row->no_look ? NULL : &now});
}

static void hops_show_signs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		static struct signs_found signs;
		char seen[256] = "";
		size_t len = 0;
		run(&rows[i], &signs);
		for (size_t k = 0; k < signs.count; k++) {
			const struct event_record *sign = &signs.sign[k];
			len += (size_t)snprintf(seen + len, sizeof seen - len, "%s%s/%s", k > 0 ? " " : "",
				event_name(sign->kind), event_severity_name(sign->severity));
			assert_string_equal(sign->domain, "example.com");
			assert_string_equal(sign->host, "mx1.example.com");
			assert_int_equal(sign->port, 25);
			assert_int_equal(sign->first_at, NOW);
		}
		if (strcmp(seen, rows[i].signs) != 0)
			fail_msg("%s: `%s`, not `%s`", rows[i].what, seen, rows[i].signs);
		if (rows[i].says && !strstr(signs.sign[0].detail, rows[i].says))
			fail_msg("%s: %s", rows[i].what, signs.sign[0].detail);
	}
}

/* Whatever the hop writes, the detail has it in quotes, cut to fit. */
static void words_are_quoted(void **state)
{
	static struct signs_found signs;
	char name[LOOK_NAME_SIZE], names[EVIDENCE_NAMES_SIZE];
	(void)state;
	memset(name, 0x1b, sizeof name - 1);
	name[sizeof name - 1] = '\0';
	memset(names, 'a', sizeof names - 1);
	names[sizeof names - 1] = '\0';
	run(&(struct row){.reason = REASON_CERT_HOST_MISMATCH, .other = true, .by = name, .names = names, .ehlo = name},
		&signs);
	assert_int_equal(signs.count, 2);
	for (size_t i = 0; i < signs.count; i++) {
		assert_null(strchr(signs.sign[i].detail, '?'));
		assert_null(strchr(signs.sign[i].detail, 0x1b));
		assert_non_null(strstr(signs.sign[i].detail, "\\x1b...\""));
		assert_non_null(strstr(signs.sign[i].detail, "192.0.2.1"));
	}
}

/* More signs than there is room for. */
static void signs_are_bounded(void **state)
{
	static struct signs_found signs;
	(void)state;
	for (size_t i = 0; i < SIGNS_MAX; i++)
		assert_non_null(sign_add(&signs, EVENT_HOP_MOVED, EVENT_NOTICE, "example.com", "x", NOW));
	assert_null(sign_add(&signs, EVENT_HOP_MOVED, EVENT_NOTICE, "example.com", "x", NOW));
	assert_int_equal(signs.count, SIGNS_MAX);
}

/* The manual explains each sign, and nothing else but refresh-failing, which may be part of an attack, too. */
static void signs_are_explained(void **state)
{
	(void)state;
	for (enum event_kind kind = 0; kind < EVENT_KIND_COUNT; kind++) {
		const struct sign_words *words = sign_words(kind);
		if ((words != NULL) != (event_is_sign(kind) || kind == EVENT_REFRESH_FAILING))
			fail_msg("%s", event_name(kind));
		if (words)
			assert_true(words->means[0] && words->check[0] && words->inform[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hops_show_signs),
		cmocka_unit_test(words_are_quoted),
		cmocka_unit_test(signs_are_bounded),
		cmocka_unit_test(signs_are_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
