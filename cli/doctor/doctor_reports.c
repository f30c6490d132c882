/* doctor: the settings of TLS reports, and the key that signs them. */
#include "doctor_reports.h"

#include "dkim.h"
#include "dkim_record.h"
#include "dns_wait.h"
#include "domain.h"
#include "memory.h"
#include "output.h"
#include "privileges.h"
#include "rdata.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define ANSWER_MS 5000
#define TEXT_MAX 4096 /* octets of a TXT record; a longer one is ignored */
#define NAME_SIZE (2 * DOMAIN_SIZE + 16)

/* --- settings ----------------------------------------------------------------------------------------------------- */

static void collect_report(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;
	bool from = settings->report_from[0] != '\0', organization = settings->report_organization[0] != '\0';
	if (settings->tlsrpt_socket[0] == '\0' && settings->report_probes == REPORT_PROBES_OFF) {
		doctor_report(doctor, "tlsrpt", DOCTOR_WARN,
			"with an empty tlsrpt_socket and report_probes = off, only policies that cannot be fetched are counted");
		doctor_remedy(doctor, "set tlsrpt_socket, and let Postfix report to it; or set report_probes = all");
	} else if (from != organization) {
		doctor_report(doctor, "tlsrpt", DOCTOR_WARN, "%s is empty, so no reports are sent",
			from ? "report_organization" : "report_from");
		doctor_remedy(doctor, "set both report_from and report_organization, or neither");
	} else if (!from) {
		doctor_report(doctor, "tlsrpt", DOCTOR_OK,
			"sessions are counted; no reports are sent, because report_from and report_organization are empty");
	} else {
		doctor_report(doctor, "tlsrpt", DOCTOR_OK, "sessions are counted, and %s sends the reports by %s",
			settings->report_from, settings->report_smtp);
	}
}

void doctor_report_settings(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;
	bool reports = settings->report_from[0] != '\0' || settings->report_organization[0] != '\0' ||
		       settings->report_dkim_key[0] != '\0';
	if (settings->tlsrpt == TLSRPT_COLLECT) {
		collect_report(doctor);
	} else if (reports) {
		doctor_report(doctor, "tlsrpt", DOCTOR_WARN, "tlsrpt = %s: the settings of reports have no effect",
			settings->tlsrpt == TLSRPT_FEED ? "feed" : "off");
		doctor_remedy(doctor,
			"set tlsrpt = collect and restart stsgated; or remove report_from, report_organization and "
			"report_dkim_key");
	} else if (settings->tlsrpt == TLSRPT_FEED) {
		doctor_report(doctor, "tlsrpt", DOCTOR_OK, "the collector at %s gets what stsgated finds out",
			settings->tlsrpt_socket);
	} else {
		doctor_report(doctor, "tlsrpt", DOCTOR_SKIP, "tlsrpt = off");
	}
}

/* --- the key ------------------------------------------------------------------------------------------------------ */

enum key_state key_judge(const struct dkim_key *key, struct span text)
{
	struct dkim_record record;
	if (!dkim_record_read(&record, text))
		return KEY_OTHER;
	if (record.revoked)
		return KEY_REVOKED;
	if (!dkim_key_is(key, (struct span){record.key, strlen(record.key)}))
		return KEY_OTHER;
	if (!record.sha256)
		return KEY_NO_SHA256;
	if (!dkim_record_serves(&record, "tlsrpt"))
		return KEY_NOT_FOR_THIS;
	if (record.testing)
		return KEY_FOR_TESTS;
	return dkim_record_names(&record, "tlsrpt") ? KEY_PUBLISHED : KEY_FOR_ALL;
}

/* Returns the domain in whose name reports are sent and signed. Returns NULL, and reports why under the name `check`, if reports are not
 * sent or report_dkim_key is empty. */
static const char *signing_domain(struct doctor *doctor, const char *check)
{
	const struct settings *settings = doctor->settings;
	const char *at = strchr(settings->report_from, '@');
	bool reports = settings->tlsrpt == TLSRPT_COLLECT && at;
	if (reports && settings->report_dkim_key[0] != '\0')
		return at + 1;
	doctor_report(doctor, check, DOCTOR_SKIP, reports ? "report_dkim_key is empty" : "no reports are sent");
	return NULL;
}

void doctor_report_key(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;
	const char *file = settings->report_dkim_key, *domain = signing_domain(doctor, "report-key");
	struct failure why = {0};
	struct quote quote;
	struct stat st;
	if (!domain)
		return;
	quote_string(&quote, file);
	struct dkim_key *key = dkim_key_read(file, domain, settings->report_dkim_selector, &why);
	int bits = key ? dkim_key_bits(key) : 0;
	struct identity daemon;
	bool other = privileges_find(&daemon, settings, NULL) && daemon.uid != geteuid();
	if (!key && why.code == EX_NOINPUT && other) {
		doctor_report(doctor, "report-key", DOCTOR_SKIP, "only root can try to read %s as stsgated's user",
			quote.text);
	} else if (!key && why.code == EX_NOINPUT) {
		doctor_report(doctor, "report-key", DOCTOR_WARN, "report_dkim_key: %s", why.text);
		doctor_remedy(doctor,
			"let the user %s read the file and enter each directory above it, for example with chgrp and "
			"mode 0640",
			settings->user);
	} else if (!key) {
		doctor_report(doctor, "report-key", DOCTOR_WARN, "report_dkim_key: %s", why.text);
		doctor_remedy(doctor,
			"make one with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out FILE`");
	} else if (stat(file, &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH))) {
		doctor_report(doctor, "report-key", DOCTOR_WARN, "every user of this machine can read or change %s",
			quote.text);
		doctor_remedy(doctor, "chmod o-rw %s", quote.text);
	} else if (bits > 0 && bits < DKIM_RSA_BITS_RECOMMENDED) {
		doctor_report(doctor, "report-key", DOCTOR_WARN, "%s is an RSA key of only %d bits", quote.text, bits);
		doctor_remedy(doctor, "make a key of %d bits, with a new selector", DKIM_RSA_BITS_RECOMMENDED);
	} else if (bits > 0) {
		doctor_report(doctor, "report-key", DOCTOR_OK, "%s is an RSA key of %d bits", quote.text, bits);
	} else {
		doctor_report(doctor, "report-key", DOCTOR_OK, "%s is an Ed25519 key, which not all receivers know",
			quote.text);
	}
	dkim_key_free(&key);
}

/* --- DNS ---------------------------------------------------------------------------------------------------------- */

/* Returns the best of the records. */
static enum key_state answer_judge(const struct dkim_key *key, const struct dns_answer *answer)
{
	enum key_state best = KEY_OTHER;
	for (size_t i = 0; i < answer->count; i++) {
		char text[TEXT_MAX];
		long len = rdata_txt(text, sizeof text, answer->rr[i].data, answer->rr[i].len);
		enum key_state state = len >= 0 ? key_judge(key, (struct span){text, (size_t)len}) : KEY_OTHER;
		if (i == 0 || state < best)
			best = state;
	}
	return best;
}

static void state_report(struct doctor *doctor, enum key_state state, const char *name)
{
	static const char *const findings[] = {
		[KEY_PUBLISHED] = "has the key of report_dkim_key, for reports (s=tlsrpt)",
		[KEY_FOR_ALL] =
			"has the key of report_dkim_key, for all services; some receivers want the word tlsrpt in s=",
		[KEY_NOT_FOR_THIS] =
			"has the right key, but its s= does not allow tlsrpt: receivers may ignore the reports",
		[KEY_FOR_TESTS] = "has the right key, but its flag t=y lets receivers treat signatures as absent",
		[KEY_NO_SHA256] = "has the right key, but its h= does not allow sha256",
		[KEY_OTHER] = "does not have the key of report_dkim_key: receivers ignore the reports",
		[KEY_REVOKED] = "says that the key is revoked: receivers ignore the reports",
	};
	bool good = state == KEY_PUBLISHED || state == KEY_FOR_ALL;
	doctor_report(doctor, "report-dns", good ? DOCTOR_OK : DOCTOR_WARN, "%s %s", name, findings[state]);
}

static void record_remedy(struct doctor *doctor, const struct dkim_key *key, const char *name)
{
	char public[DKIM_PUBLIC_SIZE];
	dkim_key_public(key, public);
	doctor_remedy(doctor, "publish at %s a TXT record: v=DKIM1; k=%s; s=tlsrpt:email; p=%s", name,
		dkim_key_bits(key) > 0 ? "rsa" : "ed25519", public);
}

/* Reports what the TXT records of the selector say. `answer` NULL: there is none. */
static void answer_report(
	struct doctor *doctor, const struct dkim_key *key, const char *name, const struct dns_answer *answer)
{
	if (!answer ||
		(answer->outcome != DNS_OK && answer->outcome != DNS_NODATA && answer->outcome != DNS_NXDOMAIN)) {
		doctor_report(doctor, "report-dns", DOCTOR_SKIP, "the TXT record of %s cannot be looked up: %s", name,
			dns_outcome_name(answer ? answer->outcome : DNS_BROKEN));
		return;
	}
	if (answer->outcome != DNS_OK) {
		doctor_report(
			doctor, "report-dns", DOCTOR_WARN, "%s has no TXT record: receivers ignore the reports", name);
		record_remedy(doctor, key, name);
		return;
	}
	enum key_state state = answer_judge(key, answer);
	state_report(doctor, state, name);
	if (state != KEY_PUBLISHED && state != KEY_FOR_ALL)
		record_remedy(doctor, key, name);
}

static void dns_check(struct doctor *doctor, const struct dkim_key *key, const char *domain)
{
	const struct settings *settings = doctor->settings;
	const struct dns_options options = {
		.servers = (const char *const *)settings->dns_servers.item,
		.server_count = settings->dns_servers.count,
		.validate = DNS_VALIDATE_OFF,
	};
	char name[NAME_SIZE];
	struct dns_wait *wait = NULL;
	struct failure why = {0};
	snprintf(name, sizeof name, "%s._domainkey.%s", settings->report_dkim_selector, domain);
	struct loops *loops = loops_new(1, &why);
	struct dns *dns = loops ? dns_new(&options, loops, &why) : NULL;
	if (dns)
		wait = dns_wait_begin(dns, loops->at[0], name, DNS_TXT, ANSWER_MS);
	answer_report(doctor, key, name, wait ? dns_wait_answer(wait, 2 * ANSWER_MS) : NULL);
	dns_wait_drop(&wait);
	dns_free(&dns);
	loops_free(&loops);
}

void doctor_report_dns(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;
	const char *domain = signing_domain(doctor, "report-dns");
	if (!domain || !doctor_wants(doctor, "report-dns"))
		return;
	struct dkim_key *key = dkim_key_read(settings->report_dkim_key, domain, settings->report_dkim_selector, NULL);
	if (key)
		dns_check(doctor, key, domain);
	else
		doctor_report(doctor, "report-dns", DOCTOR_SKIP, "report_dkim_key cannot be read");
	dkim_key_free(&key);
}
