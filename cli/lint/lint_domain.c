/* lint domain: checks what a domain publishes, from the record to the certificates, and prints what its owner should do. */
#include "advice.h"
#include "clock.h"
#include "domains.h"
#include "lint.h"
#include "memory.h"
#include "output.h"
#include "policy_findings.h"
#include "record_json.h"
#include "report_record.h"
#include "survey.h"
#include "text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define SENTENCE_SIZE 1024
#define REMEDY_SIZE 2048
#define SHORT_MAX_AGE_S (7 * 86400) /* RFC 8461 3.2 expects weeks */
#define EXPIRES_SOON_S (14 * 86400) /* certificates are usually renewed earlier */
#define PATTERNS_SHOWN 20           /* patterns without a mail host that are named */

enum lint_result {
	LINT_OK,
	LINT_WARN,   /* mail flows and is protected, but the owner should look */
	LINT_FAIL,   /* senders that enforce the policy hold mail, or do not find the policy */
	LINT_SKIP,   /* the check does not apply */
	LINT_UNKNOWN /* the check could not be made */
};
static const char *const result_names[] = {"ok", "warn", "fail", "skip", "unknown"};

struct report {
	const struct survey *survey;
	const struct policy *policy; /* NULL: none was found, or it is invalid */
	bool json;
	json_t *checks;
	unsigned results[LINT_UNKNOWN + 1];
};

/* Reports the result of a check, and what to do about it. `remedy` may be "". Untrusted text in both must be quoted. */
static void report(struct report *report, const char *check, enum lint_result result, const char *remedy,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
static void report(
	struct report *report, const char *check, enum lint_result result, const char *remedy, const char *format, ...)
{
	char sentence[SENTENCE_SIZE];
	va_list list;
	va_start(list, format);
	vsnprintf(sentence, sizeof sentence, format, list);
	va_end(list);
	report->results[result]++;
	if (report->json) {
		json_t *object = json_made(json_object());
		json_put(object, "check", json_text(check));
		json_put(object, "result", json_text(result_names[result]));
		json_put(object, "finding", json_text(sentence));
		json_put(object, "remedy", json_text(remedy));
		json_add(report->checks, object);
		return;
	}
	printf("%-7s  %-11s  %s\n", result_names[result], check, sentence);
	if (*remedy)
		printf("         %s\n", remedy);
	fflush(stdout);
}

/* --- the records -------------------------------------------------------------------------------------------------- */

/* Reports a lookup that failed. Returns false if it did not fail. */
static bool lookup_failed(struct report *to, const char *check, const char *name, enum dns_outcome outcome)
{
	switch (outcome) {
	case DNS_OK:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return false;
	case DNS_FAILED:
		report(to, check, LINT_FAIL, "Check the domain's name servers: they must answer for this name.",
			"%s cannot be looked up: the name servers fail or refuse", name);
		break;
	case DNS_BOGUS:
		report(to, check, LINT_FAIL,
			"Check the signatures of the zone, for example with `delv`: senders that validate see no answer.",
			"%s cannot be looked up: DNSSEC validation fails", name);
		break;
	case DNS_TIMEOUT:
	case DNS_BROKEN:
		report(to, check, LINT_UNKNOWN, "Try again, and check the resolver of this machine.",
			"%s cannot be looked up from here: %s", name,
			outcome == DNS_TIMEOUT ? "no answer in time" : "no resolver answers");
		break;
	}
	return true;
}

static const struct survey_text *text_with(const struct survey_texts *texts, const char *beginning)
{
	size_t len = strlen(beginning);
	for (size_t i = 0; i < texts->count && i < SURVEY_TEXTS_MAX; i++)
		if (texts->text[i].len >= len && memcmp(texts->text[i].bytes, beginning, len) == 0)
			return &texts->text[i];
	return NULL;
}

/* Reports the mistake of the only MTA-STS record. */
static void record_mistake(struct report *to, const char *name)
{
	const struct survey_text *text = text_with(&to->survey->record, "v=STSv1");
	struct record record;
	struct span where;
	char place[LINT_PLACE_SIZE];
	enum record_error error =
		text ? record_parse_where(&record, text->bytes, text->len, &where) : RECORD_NO_VERSION;
	enum finding finding = finding_by_name(record_error_name(error));
	if (finding == FINDING_COUNT || !text)
		report(to, "record", LINT_FAIL, "", "the TXT record of %s is invalid", name);
	else
		report(to, "record", LINT_FAIL, finding_advice(finding), "%s: %s: %s", name,
			lint_place(place, finding, 0, where), finding_sentence(finding));
}

static void record_check(struct report *to)
{
	const struct survey *survey = to->survey;
	const struct survey_texts *texts = &survey->record;
	char name[DOMAIN_SIZE + sizeof "_mta-sts."], remedy[SENTENCE_SIZE];
	struct when ttl;
	snprintf(name, sizeof name, "_mta-sts.%s", survey->domain);
	if (lookup_failed(to, "record", name, texts->outcome))
		return;
	if (survey->record_reason == REASON_OK) {
		report(to, "record", LINT_OK, "", "%s has one valid record, id %s, TTL %s", name, survey->record_id,
			when_span(&ttl, texts->ttl_s));
	} else if (survey->record_reason == REASON_RECORD_MANY) {
		report(to, "record", LINT_FAIL, "Remove all but one: senders ignore the records otherwise.",
			"%s has more than one record that begins with v=STSv1", name);
	} else if (survey->record_reason == REASON_RECORD_INVALID) {
		record_mistake(to, name);
	} else {
		snprintf(remedy, sizeof remedy, "Publish a TXT record: %s. IN TXT \"v=STSv1; id=1;\"", name);
		report(to, "record", LINT_FAIL, remedy, "%s has no TXT record that begins with v=STSv1;%s", name,
			texts->count > 0 ? " it has other ones" : " senders look for no policy");
	}
}

static void reports_check(struct report *to)
{
	const struct survey_texts *texts = &to->survey->reports;
	char name[DOMAIN_SIZE + sizeof "_smtp._tls."], remedy[SENTENCE_SIZE];
	struct quote quote;
	struct span where;
	snprintf(name, sizeof name, "_smtp._tls.%s", to->survey->domain);
	snprintf(remedy, sizeof remedy, "Publish a TXT record: %s. IN TXT \"v=TLSRPTv1; rua=mailto:tls-reports@%s\"",
		name, to->survey->domain);
	if (texts->outcome != DNS_OK && texts->outcome != DNS_NODATA && texts->outcome != DNS_NXDOMAIN) {
		report(to, "tls-reports", LINT_WARN, "Check the domain's name servers.", "%s cannot be looked up: %s",
			name, dns_outcome_name(texts->outcome));
		return;
	}
	size_t found = 0;
	const struct survey_text *text = NULL;
	for (size_t i = 0; i < texts->count && i < SURVEY_TEXTS_MAX; i++) {
		if (report_record_parse(texts->text[i].bytes, texts->text[i].len, &where) == REPORT_RECORD_NONE)
			continue;
		text = &texts->text[i];
		found++;
	}
	enum report_record record = text ? report_record_parse(text->bytes, text->len, &where) : REPORT_RECORD_NONE;
	if (found > 1)
		report(to, "tls-reports", LINT_WARN, "Remove all but one: senders ignore the records otherwise.",
			"%s has %zu records that begin with v=TLSRPTv1", name, found);
	else if (record == REPORT_RECORD_OK)
		report(to, "tls-reports", LINT_OK, "", "%s: %s", name, quote_bytes(&quote, text->bytes, text->len));
	else if (record == REPORT_RECORD_NO_RUA)
		report(to, "tls-reports", LINT_WARN, remedy, "%s names no address for reports: it has no rua", name);
	else if (record == REPORT_RECORD_BAD_URI)
		report(to, "tls-reports", LINT_WARN, "Write rua=mailto:name@example.com or rua=https://....",
			"%s: %s is neither a mailto: nor an https: address", name,
			quote_bytes(&quote, where.at, where.len));
	else
		report(to, "tls-reports", LINT_WARN, remedy,
			"%s has no record: nobody reports failed deliveries to this domain (RFC 8460)", name);
}

/* --- the policy --------------------------------------------------------------------------------------------------- */

static void policy_host_check(struct report *to)
{
	const struct addresses *found = &to->survey->policy_host;
	char name[DOMAIN_SIZE + sizeof "mta-sts."], address[ADDRESS_TEXT_SIZE], list[SENTENCE_SIZE];
	struct text text;
	snprintf(name, sizeof name, "mta-sts.%s", to->survey->domain);
	text_init(&text, list, sizeof list);
	for (size_t i = 0; i < found->count; i++) {
		text_add(&text, i > 0 ? ", " : "");
		text_add(&text, address_format(&found->at[i], address));
	}
	if (found->count > 0)
		report(to, "policy-host", LINT_OK, "", "%s has %s", name, list);
	else if (!lookup_failed(to, "policy-host", name, found->worst))
		report(to, "policy-host", LINT_FAIL,
			"Give the name an address, or make it an alias of your policy host (CNAME).", "%s %s", name,
			addresses_lack(found));
}

/* Returns whether the policy host gave a policy, valid or not. */
static bool fetch_check(struct report *to)
{
	const struct policy_found *found = &to->survey->policy;
	const char *domain = to->survey->domain;
	char remedy[SENTENCE_SIZE];
	if (found->outcome == REASON_OK || found->outcome == REASON_POLICY_INVALID) {
		report(to, "https", LINT_OK, "",
			"https://mta-sts.%s/.well-known/mta-sts.txt: certificate, status, type and size are right (%u octets)",
			domain, found->text_len);
		return true;
	}
	if (found->outcome == REASON_POLICY_WEBPKI) {
		snprintf(remedy, sizeof remedy,
			"The policy host needs a certificate for mta-sts.%s from a public authority, sent with all intermediate "
			"certificates.",
			domain);
		report(to, "https", LINT_FAIL, remedy, "the certificate of mta-sts.%s: %s", domain, found->detail);
	} else if (found->unreached) {
		report(to, "https", LINT_UNKNOWN,
			"Check the policy host, and whether this machine may connect to port 443.",
			"the policy cannot be fetched: %s", found->detail);
	} else if (to->survey->policy_host.count > 0) {
		snprintf(remedy, sizeof remedy,
			"https://mta-sts.%s/.well-known/mta-sts.txt must answer with status 200 and Content-Type text/plain, "
			"without a redirect.",
			domain);
		report(to, "https", LINT_FAIL, remedy, "the policy cannot be fetched: %s", found->detail);
	}
	return false;
}

/* Reports each mistake in the text of the policy. */
static void findings_report(struct report *to, const struct policy_findings *findings)
{
	for (uint32_t i = 0; i < findings->place_count; i++) {
		const struct policy_place *place = &findings->place[i];
		char where[LINT_PLACE_SIZE];
		bool error = finding_class(place->finding) == FINDING_ERROR;
		report(to, "policy", error ? LINT_FAIL : LINT_WARN, finding_advice(place->finding), "%s: %s",
			lint_place(where, place->finding, place->line, place->value), finding_sentence(place->finding));
	}
}

static void mode_check(struct report *to, const struct policy *policy)
{
	switch (policy->mode) {
	case POLICY_ENFORCE:
		report(to, "mode", LINT_OK, "",
			"the mode is enforce: senders do not deliver over unprotected connections");
		break;
	case POLICY_TESTING:
		report(to, "mode", LINT_WARN,
			"When the reports show no failures for some weeks, write `mode: enforce`, and change the id.",
			"the mode is testing: senders report failures, but deliver all the same");
		break;
	case POLICY_NONE:
		report(to, "mode", LINT_WARN,
			"This is right while you give MTA-STS up. Otherwise write `mode: testing` or `mode: enforce`.",
			"the mode is none: senders deliver as without a policy");
		break;
	}
}

static void policy_check(struct report *to, const struct policy *policy, const struct policy_findings *findings)
{
	struct when span;
	findings_report(to, findings);
	if (!to->policy)
		return;
	report(to, "policy", LINT_OK, "", "the policy is valid: %u mx pattern%s", findings->published.count,
		findings->published.count == 1 ? "" : "s");
	mode_check(to, policy);
	bool is_short = policy->mode == POLICY_ENFORCE && policy->max_age_s < SHORT_MAX_AGE_S;
	report(to, "max-age", is_short ? LINT_WARN : LINT_OK,
		is_short
			? "Write a week or more: who can block the policy host for that long switches the protection off."
			: "",
		"max_age is %u (%s)", policy->max_age_s, when_span(&span, policy->max_age_s));
}

/* --- the mail hosts ----------------------------------------------------------------------------------------------- */

/* Reports the MX records. Returns whether there are mail hosts to check. */
static bool mx_check(struct report *to)
{
	const struct survey *survey = to->survey;
	const struct mx_set *mx = &survey->mx.set;
	const char *domain = survey->domain;
	if (survey->mx.outcome != REASON_OK) {
		report(to, "mx", survey->mx.outcome == REASON_RESOLVER ? LINT_UNKNOWN : LINT_FAIL,
			"Check the domain's name servers, and the resolver of this machine.",
			"the MX records of %s cannot be looked up", domain);
		return false;
	}
	switch (mx->state) {
	case MX_LISTED:
		report(to, "mx", LINT_OK, "", "%s has %u MX record%s%s", domain, mx->names.count,
			mx->names.count == 1 ? "" : "s", mx->secure ? ", secured by DNSSEC" : "");
		return true;
	case MX_IMPLICIT:
		report(to, "mx", LINT_OK, "", "%s has no MX records, so it is its own mail host", domain);
		return true;
	case MX_NULL:
		report(to, "mx", LINT_WARN, "Without mail the domain needs no policy.",
			"%s has a null MX: it takes no mail", domain);
		return false;
	case MX_NO_DOMAIN:
		report(to, "mx", LINT_FAIL, "", "the domain %s does not exist in DNS", domain);
		return false;
	case MX_TOO_LARGE:
		report(to, "mx", LINT_FAIL, "Publish fewer MX records.", "%s has more than %d MX records", domain,
			MX_SET_MAX);
		return false;
	case MX_UNKNOWN:
		break;
	}
	return false;
}

static bool host_allowed(struct report *to, const char *host)
{
	struct quote quote;
	bool raw = mx_name_is_not_host(host, strlen(host)); /* then it is quoted already */
	if (policy_allows(to->policy, host))
		return true;
	report(to, "mx-names", LINT_FAIL, "Add an mx line for this host to the policy, and change the id.",
		"%s is in the MX records, but no mx pattern of the policy matches it%s",
		raw ? host : quote_string(&quote, host),
		to->policy->mode == POLICY_ENFORCE ? ": senders do not deliver to it" : "");
	return false;
}

/* Returns whether a pattern matches one of the domain's mail hosts. */
static bool pattern_used(const struct survey *survey, const char *pattern)
{
	if (survey->mx.set.state == MX_IMPLICIT)
		return mx_matches(pattern, survey->domain);
	for (const char *host = NULL; (host = names_next(&survey->mx.set.names, host));)
		if (mx_matches(pattern, host))
			return true;
	return false;
}

static void mx_names_check(struct report *to, const struct policy_findings *findings)
{
	const struct survey *survey = to->survey;
	struct quote quote;
	bool all = true;
	unsigned unused = 0;
	if (!to->policy || to->policy->mode == POLICY_NONE)
		return;
	if (survey->mx.set.state == MX_IMPLICIT)
		all = host_allowed(to, survey->domain);
	for (const char *host = NULL; (host = names_next(&survey->mx.set.names, host));)
		all = host_allowed(to, host) && all;
	if (all)
		report(to, "mx-names", LINT_OK, "", "each mail host matches an mx pattern of the policy");
	for (const char *pattern = NULL; (pattern = names_next(&findings->published, pattern));) {
		if (pattern_used(survey, pattern) || ++unused > PATTERNS_SHOWN)
			continue;
		report(to, "mx-names", LINT_WARN, "Remove the line if the host is gone; a spare host may stay.",
			"the mx pattern %s matches no mail host", quote_string(&quote, pattern));
	}
	if (unused > PATTERNS_SHOWN)
		report(to, "mx-names", LINT_WARN, "", "%u more mx patterns match no mail host",
			unused - PATTERNS_SHOWN);
}

/* Reports evidence that is not good. `how` names what the host was judged by. */
static void evidence_report(struct report *to, const char *check, const struct survey_hop *hop,
	const struct evidence *seen, const char *how)
{
	bool bad = reason_class(seen->reason) == REASON_BAD || seen->reason == REASON_HOP_NO_ADDRESS;
	char remedy[REMEDY_SIZE];
	struct text text;
	struct quote quote;
	const struct advice_names names = {.domain = to->survey->domain, .host = hop->host};
	text_init(&text, remedy, sizeof remedy);
	advice_add(&text, *reason_there(seen->reason) ? reason_there(seen->reason) : reason_here(seen->reason), &names);
	report(to, check, bad ? LINT_FAIL : LINT_UNKNOWN, remedy, "%s%s %s [%s]%s%s", hop->host, how,
		reason_sentence(seen->reason), reason_name(seen->reason), *seen->text ? ": " : "",
		*seen->text ? quote_string(&quote, seen->text) : "");
}

static void certificate_check(struct report *to, const struct survey_hop *hop)
{
	const struct evidence *seen = &hop->pkix;
	int64_t left_s = seen->not_after - clock_wall_s();
	struct when date, span;
	char protocol[PROTOCOL_SIZE];
	if (seen->not_after != 0 && left_s < EXPIRES_SOON_S)
		report(to, "certificate", LINT_WARN, "Renew it now, and check why it was not renewed earlier.",
			"the certificate of %s expires in %s, on %s", hop->host, when_span(&span, left_s),
			when_date(&date, seen->not_after));
	if (evidence_by_wildcard_only(seen, hop->host))
		report(to, "certificate", LINT_WARN, "Add the host's own name to the certificate.",
			"the certificate of %s covers it only by a wildcard: Sendmail before 8.18.2 holds mail for it",
			hop->host);
	report(to, "host", LINT_OK, "", "%s offers STARTTLS with %s%s; the certificate is valid for this name until %s",
		hop->host, protocol_name(seen->protocol, protocol),
		seen->requiretls == REQUIRETLS_OFFERED ? ", and REQUIRETLS" : "", when_date(&date, seen->not_after));
}

/* The TLSA records of a host must match its certificate, or senders that do DANE hold mail (RFC 7672). */
static void dane_check(struct report *to, const struct survey_hop *hop)
{
	bool secure = to->survey->mx.set.secure || to->survey->mx.set.state == MX_IMPLICIT;
	if (!to->survey->validates)
		return;
	switch (hop->tlsa.state) {
	case TLSA_UNKNOWN:
	case TLSA_NONE:
		break;
	case TLSA_FAILED:
		report(to, "dane", LINT_FAIL,
			"Check the name servers of the host's zone: a query for TLSA must be answered.",
			"the TLSA records of %s cannot be looked up: senders that do DANE hold mail for it", hop->host);
		break;
	case TLSA_UNUSABLE:
		report(to, "dane", LINT_WARN, "Publish `3 1 1` records with the SHA-256 of the host's public key.",
			"no TLSA record of %s is usable for SMTP", hop->host);
		break;
	case TLSA_USABLE:
		if (hop->dane.reason != REASON_OK)
			evidence_report(to, "dane", hop, &hop->dane, ", by its TLSA records,");
		else
			report(to, "dane", secure ? LINT_OK : LINT_WARN,
				secure ? ""
				       : "Sign the domain's own zone, too: without that, senders ignore the TLSA records.",
				"%s matches its TLSA records%s", hop->host,
				secure ? "" : ", but DNSSEC does not secure the MX records");
		break;
	}
}

static void hops_check(struct report *to)
{
	const struct survey *survey = to->survey;
	bool any_tlsa = false;
	for (size_t i = 0; i < survey->hop_count; i++) {
		const struct survey_hop *hop = &survey->hop[i];
		if (hop->pkix.reason == REASON_OK)
			certificate_check(to, hop);
		else
			evidence_report(to, "host", hop, &hop->pkix, "");
		dane_check(to, hop);
		any_tlsa = any_tlsa || hop->tlsa.state > TLSA_NONE;
	}
	if (survey->hops_left_out > 0)
		report(to, "host", LINT_SKIP, "", "%zu more mail hosts are not probed", survey->hops_left_out);
	if (!survey->validates)
		report(to, "dane", LINT_SKIP, "", "DANE is not checked: the resolver here does not validate DNSSEC");
	else if (survey->hop_count > 0 && !any_tlsa)
		report(to, "dane", LINT_OK, "", "no mail host has TLSA records");
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static void all_check(struct report *to)
{
	const struct policy_found *found = &to->survey->policy;
	struct policy policy = {.mode = POLICY_NONE};
	struct policy_findings findings = {.place_count = 0};
	record_check(to);
	policy_host_check(to);
	if (fetch_check(to)) {
		bool valid = policy_parse(&policy, found->text ? found->text : "", found->text_len, &findings);
		to->policy = valid ? &policy : NULL;
		policy_check(to, &policy, &findings);
	}
	if (mx_check(to))
		mx_names_check(to, &findings);
	hops_check(to);
	reports_check(to);
	to->policy = NULL;
	policy_findings_free(&findings);
	policy_free(&policy);
}

static int report_end(struct report *to)
{
	enum lint_result result = to->results[LINT_FAIL] > 0      ? LINT_FAIL
				  : to->results[LINT_UNKNOWN] > 0 ? LINT_UNKNOWN
				  : to->results[LINT_WARN] > 0    ? LINT_WARN
								  : LINT_OK;
	if (to->json) {
		json_t *object = json_made(json_object());
		json_put(object, "domain", json_text(to->survey->domain));
		json_put(object, "result", json_text(result_names[result]));
		json_put(object, "checks", to->checks);
		json_print(object);
	}
	return result == LINT_FAIL ? STATUS_NO : result == LINT_UNKNOWN ? STATUS_UNSURE : STATUS_YES;
}

int lint_domain(const struct options *options, const char *word)
{
	struct question question;
	struct survey *survey = xcalloc(1, sizeof *survey);
	int status = domain_word(&question, word, PURPOSE_QUERY) ? 0 : EX_USAGE;
	if (status == 0)
		status = survey_begin(survey, options, question.domain);
	if (status == 0) {
		struct report to = {.survey = survey, .json = options->json};
		to.checks = options->json ? json_made(json_array()) : NULL;
		survey_look(survey);
		all_check(&to);
		status = report_end(&to);
		survey_end(survey);
	}
	free(survey);
	return status;
}
