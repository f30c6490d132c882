/* The signs of a hop. */
#include "sign.h"

#include "age.h"
#include "ascii.h"

#include <stdio.h>
#include <string.h>

#define WORDS_SHOWN 100 /* characters of the hop's own words, and of an authority */
#define TLS_1_0 0x0301

/* One probe beside the good one before it. */
struct sight {
	struct signs_found *signs;
	const struct sign_probe *probe;
	const struct evidence *seen, *good;
	const struct look *look, *good_look; /* NULL: none, or the good one is too old */
};

static const struct probe_history *history_of(const struct hop_record *record, const struct evidence *seen)
{
	return seen->tlsa_id == 0 ? &record->pkix : &record->dane;
}

const struct evidence *sign_good_before(const struct hop_record *record, const struct evidence *seen)
{
	const struct evidence *good = &history_of(record, seen)->good;
	return schedule_age(good->at, seen->at) <= SIGN_GOOD_S ? good : NULL;
}

/* --- words -------------------------------------------------------------------------------------------------------- */

static void add_quoted(struct text *text, const char *string)
{
	text_quote(text, string, strlen(string), WORDS_SHOWN);
}

static void add_address(struct text *text, const char *address)
{
	text_add(text, address[0] != '\0' ? " at " : "");
	text_add(text, address);
}

static void add_protocol(struct text *text, uint16_t protocol)
{
	text_add(text, protocol < TLS_1_0 ? "SSL 3." : "TLS 1.");
	text_add_number(text, protocol < TLS_1_0 ? 0 : protocol - TLS_1_0);
}

/* Begins a detail: `mx=mx1.example.com DOES at 192.0.2.1`. */
static void begin(struct text *text, char detail[EVENT_DETAIL_SIZE], const struct sight *s, const char *does)
{
	text_init(text, detail, EVENT_DETAIL_SIZE);
	text_add(text, "mx=");
	add_quoted(text, s->probe->host);
	text_add(text, " ");
	text_add(text, does);
	if (reason_class(s->seen->reason) != REASON_GOOD) {
		text_add(text, " [");
		text_add(text, reason_name(s->seen->reason));
		text_add(text, "]");
	}
	add_address(text, s->seen->address);
}

static void add_good(struct text *text, const struct sight *s)
{
	text_add(text, "; last good ");
	text_add_time(text, s->good->at);
	add_address(text, s->good->address);
}

static void note(const struct sight *s, enum event_kind kind, enum event_severity severity, const struct text *detail)
{
	struct event_record *sign = sign_add(s->signs, kind, severity, s->probe->domain, detail->bytes, s->seen->at);
	if (!sign)
		return;
	snprintf(sign->host, sizeof sign->host, "%s", s->probe->host);
	sign->port = s->probe->port;
}

/* --- authorities and keys ----------------------------------------------------------------------------------------- */

/* Copies the value of one attribute (`O=`) of the leaf's issuer from the issuers that evidence has, which are in the form
 * of RFC 2253: `CN=R12,O=Let's Encrypt,C=US < CN=...`. Returns false if there is none. */
static bool issuer_attribute(char out[LOOK_NAME_SIZE], const char *issuers, const char *attribute)
{
	size_t len = strlen(attribute), filled = 0;
	bool begins = true, inside = false, found = false;
	for (const char *at = issuers; *at && strncmp(at, " < ", 3) != 0; at++) {
		if (begins && !found && strncmp(at, attribute, len) == 0) {
			inside = found = true;
			at += len - 1;
			begins = false;
			continue;
		}
		begins = *at == ',' || *at == '+';
		inside = inside && !begins;
		if (*at == '\\' && at[1])
			at++;
		if (inside && filled + 1 < LOOK_NAME_SIZE)
			out[filled++] = *at;
	}
	out[filled] = '\0';
	return filled > 0;
}

/* Names the authority that issued the hop's certificate: the organization, since authorities change their intermediate
 * certificates often; or else the issuer's own name. "": unknown. */
static void authority_of(char out[LOOK_NAME_SIZE], const struct evidence *seen, const struct look *look)
{
	if (look && look->authority[0] != '\0')
		snprintf(out, LOOK_NAME_SIZE, "%s", look->authority);
	else if (!issuer_attribute(out, seen->issuers, "O="))
		issuer_attribute(out, seen->issuers, "CN=");
}

struct authorities {
	char before[LOOK_NAME_SIZE], now[LOOK_NAME_SIZE];
	bool known, same;
};

/* Looks and evidence may write the same name in different ways, so both names are from looks, or both from evidence. */
static void authorities_find(struct authorities *a, const struct sight *s)
{
	bool looks = s->look && s->good_look && s->look->authority[0] && s->good_look->authority[0];
	authority_of(a->before, s->good, looks ? s->good_look : NULL);
	authority_of(a->now, s->seen, looks ? s->look : NULL);
	size_t len = strlen(a->now);
	a->known = a->before[0] != '\0' && len > 0;
	a->same = a->known && len == strlen(a->before) && ascii_same(a->before, a->now, len);
}

static void add_authority(struct text *text, const char *words, const char *name)
{
	text_add(text, words);
	if (name[0] != '\0')
		add_quoted(text, name);
	else
		text_add(text, "an unknown authority");
}

/* --- the signs ---------------------------------------------------------------------------------------------------- */

static bool is_ipv6(const char *address)
{
	return strchr(address, ':') != NULL;
}

/* If another address of the hop is still good, something acts on one address only. */
static void add_good_address(struct text *text, const struct sight *s)
{
	const char *other = s->seen->mta_address, *here = s->seen->address;
	if (other[0] == '\0' || strcmp(other, here) == 0)
		return;
	if (is_ipv6(other) != is_ipv6(here))
		text_add(text, is_ipv6(here) ? "; only over IPv6, since " : "; only over IPv4, since ");
	else
		text_add(text, "; only at this address, since ");
	text_add(text, other);
	text_add(text, " is still good");
}

static void starttls_lost(const struct sight *s)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	begin(&text, detail, s, reason_sentence(s->seen->reason));
	add_good_address(&text, s);
	add_good(&text, s);
	note(s, EVENT_STARTTLS_LOST, EVENT_ERROR, &text);
}

/* Returns whether a name in the certificate has the owner of the host. */
static bool names_owner(const char *names, const char *host)
{
	const char *owner = domain_registered(host);
	char name[EVIDENCE_NAMES_SIZE];
	for (const char *at = names; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
		size_t len = strcspn(at, " ");
		memcpy(name, at, len);
		name[len] = '\0';
		const char *registered = domain_registered(name);
		if (strlen(registered) == strlen(owner) && ascii_same(registered, owner, strlen(owner)))
			return true;
	}
	return false;
}

/* The authority's name in a certificate proves something only if the chain leads to a trusted root; an attacker can write
 * any name into a certificate of his own. A certificate without a fault but for its names, all of them another owner's, is
 * another owner's certificate. */
static enum event_severity broke_severity(const struct sight *s, const struct authorities *a)
{
	const struct evidence *seen = s->seen;
	if (seen->leaf != 0 && seen->leaf == s->good->leaf)
		return EVENT_WARNING;
	bool proven = seen->reason != REASON_CERT_UNTRUSTED && seen->reason != REASON_TLSA_MISMATCH;
	bool anothers = seen->reason == REASON_CERT_HOST_MISMATCH && !names_owner(seen->names, s->probe->host);
	return proven && !anothers && a->same ? EVENT_WARNING : EVENT_ERROR;
}

static void certificate_broke(const struct sight *s)
{
	struct authorities a;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	authorities_find(&a, s);
	begin(&text, detail, s, reason_sentence(s->seen->reason));
	if (s->seen->leaf != 0 && s->seen->leaf == s->good->leaf)
		text_add(&text, "; it is the certificate that was good before");
	add_authority(&text, "; issued by ", a.now);
	add_good_address(&text, s);
	add_good(&text, s);
	add_authority(&text, ", issued by ", a.before);
	note(s, EVENT_CERTIFICATE_BROKE, broke_severity(s, &a), &text);
}

/* Returns whether the good certificate was due for renewal: in the last third of its validity, or a little earlier. True
 * if its dates are unknown. */
static bool renewal_was_due(const struct evidence *good, int64_t now)
{
	int64_t validity_s = good->not_after - good->not_before;
	if (good->not_before == 0 || good->not_after == 0 || validity_s <= 0)
		return true;
	return now >= good->not_after - validity_s / 3 - SIGN_RENEWAL_S;
}

/* Design 12.8 explains what is a change and what a scheduled renewal. */
static void certificate_changed(const struct sight *s)
{
	struct authorities a;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	const struct evidence *seen = s->seen, *good = s->good;
	bool other = seen->leaf != 0 && good->leaf != 0 && seen->leaf != good->leaf;
	if (!other || schedule_age(seen->not_before, seen->at) > SIGN_YOUNG_S)
		return;
	authorities_find(&a, s);
	bool authority = a.known && !a.same;
	bool keys_known = s->look && s->good_look && s->look->spki[0] != '\0' && s->good_look->spki[0] != '\0';
	bool key = keys_known && strcmp(s->look->spki, s->good_look->spki) != 0;
	if (!authority && (!key || renewal_was_due(good, seen->at)))
		return;
	begin(&text, detail, s, authority ? "has a certificate of another authority" : "has a new key");
	add_authority(&text, "; issued by ", a.now);
	text_add(&text, ", valid since ");
	text_add_time(&text, seen->not_before);
	add_good(&text, s);
	add_authority(&text, ", issued by ", a.before);
	text_add(&text, ", valid until ");
	text_add_time(&text, good->not_after);
	note(s, EVENT_CERTIFICATE_CHANGED, EVENT_NOTICE, &text);
}

static void tls_lowered(const struct sight *s)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	bool too_old = s->seen->reason == REASON_TLS_TOO_OLD;
	if (!too_old && (s->seen->protocol == 0 || s->seen->protocol >= s->good->protocol))
		return;
	begin(&text, detail, s, too_old ? reason_sentence(REASON_TLS_TOO_OLD) : "uses an older version of TLS");
	if (s->seen->protocol != 0) {
		text_add(&text, ": ");
		add_protocol(&text, s->seen->protocol);
	}
	add_good(&text, s);
	if (s->good->protocol != 0) {
		text_add(&text, ", ");
		add_protocol(&text, s->good->protocol);
	}
	note(s, EVENT_TLS_LOWERED, too_old ? EVENT_WARNING : EVENT_NOTICE, &text);
}

/* Even with a good server, a single handshake may break off by accident. */
static void handshake_cut(const struct sight *s)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	if (history_of(s->probe->record, s->seen)->newest.reason != REASON_TLS_FAILED)
		return;
	begin(&text, detail, s, reason_sentence(s->seen->reason));
	add_good_address(&text, s);
	add_good(&text, s);
	note(s, EVENT_HOP_GONE_SILENT, EVENT_WARNING, &text);
}

/* A hop that was found bad after it was good has its own sign already. */
static void gone_silent(const struct sight *s)
{
	struct hop_record after = *s->probe->record;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	hop_record_learn(&after, s->seen);
	const struct probe_history *history = history_of(&after, s->seen);
	if (!history_is_silent(history, s->seen->at) || reason_class(history->conclusive.reason) != REASON_GOOD)
		return;
	begin(&text, detail, s, reason_sentence(s->seen->reason));
	text_add(&text, "; probes since ");
	text_add_time(&text, history->silent_since);
	text_add(&text, ": ");
	text_add_number(&text, history->silent_probes);
	add_good(&text, s);
	note(s, EVENT_HOP_GONE_SILENT, EVENT_NOTICE, &text);
}

/* Returns whether the text is a host name with at least two labels, and converts it. */
static bool host_name(struct domain *out, const char *text)
{
	return domain_parse(out, text, strlen(text)) && strchr(out->name, '.');
}

/* Large providers answer with another host of a pool each time. So only names of different owners are a change. */
static void ehlo_name_changed(const struct sight *s)
{
	struct domain before, now;
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	const char *name = s->look->ehlo_name;
	if (name[0] == '\0' || !host_name(&before, s->good_look->ehlo_name))
		return;
	if (host_name(&now, name) && strcmp(domain_registered(now.name), domain_registered(before.name)) == 0)
		return;
	begin(&text, detail, s, "gives another name in its reply to EHLO");
	text_add(&text, ": ");
	add_quoted(&text, name);
	text_add(&text, "; before, ");
	text_add_time(&text, s->good_look->at);
	add_address(&text, s->good_look->address);
	text_add(&text, ": ");
	add_quoted(&text, s->good_look->ehlo_name);
	note(s, EVENT_EHLO_NAME_CHANGED, EVENT_NOTICE, &text);
}

/* A host behind a device that has always rewritten its replies is no sign, unless STARTTLS is gone, too. */
static void smtp_rewritten(const struct sight *s)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	bool is_new = s->good_look && !s->good_look->rewritten;
	if (!s->look->rewritten || (!is_new && s->seen->reason != REASON_STARTTLS_MISSING))
		return;
	begin(&text, detail, s, "answers with keywords that were overwritten on the way");
	add_good(&text, s);
	text_add(&text, s->good_look && s->good_look->rewritten ? ", when they were overwritten, too" : "");
	note(s, EVENT_SMTP_REWRITTEN, EVENT_WARNING, &text);
}

static void hop_turned_bad(const struct sight *s)
{
	switch ((int)s->seen->reason) {
	case REASON_STARTTLS_MISSING:
	case REASON_STARTTLS_REFUSED:
	case REASON_STARTTLS_INJECTION:
		starttls_lost(s);
		break;
	case REASON_TLS_TOO_OLD:
		tls_lowered(s);
		break;
	case REASON_TLS_FAILED:
		handshake_cut(s);
		break;
	default: /* all other faults are of the certificate */
		certificate_broke(s);
		break;
	}
}

void sign_hop(struct signs_found *signs, const struct sign_probe *probe)
{
	const struct evidence *seen = probe->seen;
	struct sight s = {.signs = signs,
		.probe = probe,
		.seen = seen,
		.good = sign_good_before(probe->record, seen),
		.look = probe->look,
		.good_look = probe->good};
	/* A probe of another host shows nothing new about this one. */
	if (!s.good || seen->at == 0 || seen->seen_for[0] != '\0')
		return;
	if (s.good_look && schedule_age(s.good_look->at, seen->at) > SIGN_GOOD_S)
		s.good_look = NULL;
	switch (reason_class(seen->reason)) {
	case REASON_GOOD:
		certificate_changed(&s);
		tls_lowered(&s);
		break;
	case REASON_BAD:
		hop_turned_bad(&s);
		break;
	case REASON_INCONCLUSIVE:
		gone_silent(&s);
		break;
	case REASON_GENERAL:
		return;
	}
	if (s.look && s.good_look)
		ehlo_name_changed(&s);
	if (s.look)
		smtp_rewritten(&s);
}
