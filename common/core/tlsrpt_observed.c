#include "tlsrpt_observed.h"

#include "ascii.h"
#include "policy_strings.h"
#include "text.h"

#include <string.h>

#define CACHED "+cached-policy"

/* --- words -------------------------------------------------------------------------------------------------------- */

const char *tlsrpt_chain_name(int32_t chain)
{
	/* The numbers belong to OpenSSL's ABI. The probe ignores CRLs and OCSP, whose errors are left out. */
	static const struct {
		int32_t chain;
		const char *name;
	} rows[] = {
		{2, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT"},
		{6, "X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY"},
		{7, "X509_V_ERR_CERT_SIGNATURE_FAILURE"},
		{9, "X509_V_ERR_CERT_NOT_YET_VALID"},
		{10, "X509_V_ERR_CERT_HAS_EXPIRED"},
		{13, "X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD"},
		{14, "X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD"},
		{18, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"},
		{19, "X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN"},
		{20, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY"},
		{21, "X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE"},
		{22, "X509_V_ERR_CERT_CHAIN_TOO_LONG"},
		{23, "X509_V_ERR_CERT_REVOKED"},
		{25, "X509_V_ERR_PATH_LENGTH_EXCEEDED"},
		{26, "X509_V_ERR_INVALID_PURPOSE"},
		{27, "X509_V_ERR_CERT_UNTRUSTED"},
		{28, "X509_V_ERR_CERT_REJECTED"},
		{32, "X509_V_ERR_KEYUSAGE_NO_CERTSIGN"},
		{34, "X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION"},
		{37, "X509_V_ERR_INVALID_NON_CA"},
		{39, "X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE"},
		{41, "X509_V_ERR_INVALID_EXTENSION"},
		{47, "X509_V_ERR_PERMITTED_VIOLATION"},
		{48, "X509_V_ERR_EXCLUDED_VIOLATION"},
		{49, "X509_V_ERR_SUBTREE_MINMAX"},
		{51, "X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE"},
		{62, "X509_V_ERR_HOSTNAME_MISMATCH"},
		{65, "X509_V_ERR_DANE_NO_MATCH"},
		{66, "X509_V_ERR_EE_KEY_TOO_SMALL"},
		{67, "X509_V_ERR_CA_KEY_TOO_SMALL"},
		{68, "X509_V_ERR_CA_MD_TOO_WEAK"},
		{79, "X509_V_ERR_INVALID_CA"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].chain == chain)
			return rows[i].name;
	return NULL;
}

/* Returns the length of ` after 12 ms`, if the text begins with such words: libcurl's times differ each time. */
static size_t time_len(const char *text)
{
	static const char before[] = " after ", behind[] = " ms";
	if (strncmp(text, before, sizeof before - 1) != 0)
		return 0;
	size_t len = sizeof before - 1;
	while (ascii_is_digit(text[len]))
		len++;
	return strncmp(text + len, behind, sizeof behind - 1) == 0 ? len + sizeof behind - 1 : 0;
}

/* Adds words for people, without quotes and control characters, and so that equal failures have equal words. */
static void words_add(struct text *text, const char *words)
{
	while (*words) {
		size_t time = time_len(words);
		words += time;
		if (time == 0 && *words != '"')
			text_add_bytes(text, ascii_is_printable(*words) ? words : "?", 1);
		words += time == 0;
	}
}

static bool is_host_octet(char c)
{
	return ascii_is_alnum(c) || (c && strchr(".-_:[]", c));
}

/* Copies the name that a peer gives itself, if it looks like a host name or an address. */
static void helo_copy(char out[DOMAIN_SIZE], const char *name)
{
	size_t len = 0;
	while (is_host_octet(name[len]))
		len++;
	if (len > 0 && len < DOMAIN_SIZE && name[len] == '\0')
		memcpy(out, name, len + 1);
}

/* --- policies ----------------------------------------------------------------------------------------------------- */

static void session_init(struct tlsrpt_session *out, const struct facts *facts)
{
	memset(out, 0, sizeof *out);
	memcpy(out->domain, facts->question.domain, sizeof out->domain);
}

static void string_add(void *arg, struct span line)
{
	struct names *strings = arg;
	if (strings->count < TLSRPT_STRINGS_MAX)
		names_add(strings, line.at, line.len);
}

/* Adds a policy of type sts with the lines and patterns of the policy in force. */
static struct tlsrpt_policy *sts_add(
	struct tlsrpt_session *out, const struct facts *facts, const struct policy *in_force)
{
	struct tlsrpt_policy *policy = tlsrpt_session_add(out, TLSRPT_STS, facts->question.domain);
	struct policy whole = *in_force; /* owns nothing */
	whole.text = facts->entry.policy_text;
	whole.text_len = facts->entry.policy_text_len;
	policy_strings(&whole, string_add, &policy->strings);
	for (const char *mx = policy_pattern_next(&whole, NULL); mx; mx = policy_pattern_next(&whole, mx))
		string_add(&policy->patterns, (struct span){mx, strlen(mx)});
	return policy;
}

static struct tlsrpt_policy *tlsa_add(struct tlsrpt_session *out, const struct tlsrpt_hop *hop)
{
	struct tlsrpt_policy *policy = tlsrpt_session_add(out, TLSRPT_TLSA, hop->base);
	for (const char *record = names_next(&hop->records, NULL); record; record = names_next(&hop->records, record))
		string_add(&policy->strings, (struct span){record, strlen(record)});
	return policy;
}

/* --- fetches ------------------------------------------------------------------------------------------------------ */

bool tlsrpt_observe_fetch(
	struct tlsrpt_session *out, const struct facts *facts, enum reason outcome, const char *detail)
{
	const struct policy *cached = facts_policy(facts);
	struct tlsrpt_failure failure = {.result = tlsrpt_result_of(outcome)};
	struct text text;
	if (failure.result == TLSRPT_RESULTS)
		return false;
	if (cached && cached->mode == POLICY_NONE)
		cached = NULL;
	text_init(&text, failure.reason, sizeof failure.reason - (cached ? strlen(CACHED) : 0));
	words_add(&text, detail);
	text.size = sizeof failure.reason;
	text_add(&text, cached ? CACHED : "");
	session_init(out, facts);
	struct tlsrpt_policy *policy =
		cached ? sts_add(out, facts, cached) : tlsrpt_session_add(out, TLSRPT_STS, facts->question.domain);
	policy->failed = !cached;
	tlsrpt_policy_add(policy, &failure);
	return true;
}

/* --- probes ------------------------------------------------------------------------------------------------------- */

/* Writes why the probe failed: OpenSSL's name of a certificate's fault, the fault of TLS in OpenSSL's words, or else the name of
 * the reason. What the type of the result says already is not repeated. */
static void reason_write(char out[TLSRPT_REASON_SIZE], const struct evidence *seen)
{
	const char *chain = tlsrpt_chain_name(seen->chain);
	bool tls = seen->reason == REASON_TLS_TOO_OLD || seen->reason == REASON_TLS_FAILED;
	struct text text;
	text_init(&text, out, TLSRPT_REASON_SIZE);
	if (tls) {
		text_add(
			&text, seen->reason == REASON_TLS_FAILED ? "tls-handshake-failure" : reason_name(seen->reason));
		text_add(&text, seen->text[0] ? ": " : "");
		words_add(&text, seen->text);
	} else if (seen->chain != 0 && chain) {
		text_add(&text, chain);
	} else if (strcmp(reason_name(seen->reason), tlsrpt_result_name(tlsrpt_result_of(seen->reason))) != 0) {
		text_add(&text, reason_name(seen->reason));
	}
}

void tlsrpt_hop_free(struct tlsrpt_hop *hop)
{
	names_free(&hop->records);
	*hop = (struct tlsrpt_hop){.at = 0};
}

/* Notes what the report says about a failed probe. */
static void failure_fill(struct tlsrpt_failure *failure, const struct tlsrpt_probe *probe, bool allow_private)
{
	const struct evidence *seen = probe->seen;
	const struct look *look = probe->look;
	struct address from;
	memcpy(failure->mx_name, probe->host, strlen(probe->host) + 1);
	memcpy(failure->mx_address, seen->address, sizeof failure->mx_address);
	if (look)
		helo_copy(failure->mx_helo, look->ehlo_name);
	if (look && address_parse(&from, look->from) && (allow_private || address_is_global(&from)))
		memcpy(failure->sender_address, look->from, sizeof failure->sender_address);
	reason_write(failure->reason, seen);
}

bool tlsrpt_observe_hop(struct tlsrpt_hop *out, const struct tlsrpt_probe *probe, bool allow_private)
{
	const struct evidence *seen = probe->seen;
	enum reason_class class = reason_class(seen->reason);
	enum tlsrpt_result result = tlsrpt_result_of(seen->reason);
	memset(out, 0, sizeof *out);
	if (seen->at == 0 || seen->seen_for[0] || class == REASON_INCONCLUSIVE ||
		(class != REASON_GOOD && result == TLSRPT_RESULTS))
		return false;
	out->at = seen->at;
	memcpy(out->host, probe->host, strlen(probe->host) + 1);
	out->port = probe->port;
	out->dane = seen->tlsa_id != 0;
	if (out->dane) {
		memcpy(out->base, probe->base, strlen(probe->base) + 1);
		names_copy(&out->records, probe->records);
	}
	out->failure.result = result;
	if (result != TLSRPT_RESULTS)
		failure_fill(&out->failure, probe, allow_private);
	return true;
}

/* Returns the policy whose sessions count, or NULL. */
static const struct policy *counted_policy(const struct facts *facts, enum tlsrpt_scope scope)
{
	const struct policy *policy = facts_policy(facts);
	bool testing = policy && policy->mode == POLICY_TESTING;
	/* With the override `enforce` the map binds the MTA to the testing policy, so the MTA reports these sessions. */
	bool reported = facts->override.kind == OVERRIDE_ENFORCE;
	if (scope == TLSRPT_SCOPE_TESTING)
		return testing && !reported ? policy : NULL;
	return scope == TLSRPT_SCOPE_ALL && policy && policy->mode != POLICY_NONE ? policy : NULL;
}

bool tlsrpt_observe_session(
	struct tlsrpt_session *out, const struct facts *facts, enum tlsrpt_scope scope, const struct tlsrpt_hop *hop)
{
	const struct policy *in_force = counted_policy(facts, scope);
	if (hop->dane ? scope != TLSRPT_SCOPE_ALL : !in_force)
		return false;
	session_init(out, facts);
	struct tlsrpt_policy *policy = hop->dane ? tlsa_add(out, hop) : sts_add(out, facts, in_force);
	policy->failed = hop->failure.result != TLSRPT_RESULTS;
	if (policy->failed)
		tlsrpt_policy_add(policy, &hop->failure);
	return true;
}

bool tlsrpt_observe_outside(
	struct tlsrpt_session *out, const struct facts *facts, enum tlsrpt_scope scope, const char *host)
{
	const struct policy *in_force = counted_policy(facts, scope);
	struct tlsrpt_failure failure = {.result = tlsrpt_result_of(REASON_MX_NOT_IN_POLICY)};
	struct text text;
	if (!in_force || policy_allows(in_force, host))
		return false;
	session_init(out, facts);
	struct tlsrpt_policy *policy = sts_add(out, facts, in_force);
	text_init(&text, failure.reason, sizeof failure.reason);
	text_add(&text, reason_name(REASON_MX_NOT_IN_POLICY));
	if (!mx_name_is_not_host(host, strlen(host)))
		memcpy(failure.mx_name, host, strlen(host) + 1);
	policy->failed = true;
	tlsrpt_policy_add(policy, &failure);
	return true;
}
