#include "page_hosts.h"

#include "advice.h"

#include <string.h>

#define ADVICE_SIZE 2048

/* --- parts of facts ----------------------------------------------------------------------------------------------- */

void page_item(struct text *out, const char *label)
{
	html_add(out, "<dt>%s</dt><dd>", label);
}

/* Appends an item with untrusted text, unless there is none. */
static void quoted_item(struct text *out, const char *label, const char *text)
{
	if (!*text)
		return;
	page_item(out, label);
	html_quote(out, text, strlen(text));
	text_add(out, "</dd>\n");
}

void page_result(struct text *out, const char *subject, const json_t *object)
{
	const char *reason = member_text(object, "reason");
	text_add(out, strcmp(reason, "ok") == 0 ? "<span class=\"good\">" : "<span class=\"bad\">");
	html_add(out, "%s%s%s</span> <span class=\"ago\">[%s]</span>", subject, *subject ? " " : "",
		member_text(object, "sentence"), reason);
}

void page_advice(struct text *out, const char *label, const char *advice, const char *domain, const char *host)
{
	char filled[ADVICE_SIZE];
	struct text text;
	const struct advice_names names = {advice_name(domain), advice_name(host)};
	if (!*advice)
		return;
	text_init(&text, filled, sizeof filled);
	advice_add(&text, advice, &names);
	page_item(out, label);
	html_prose(out, filled);
	text_add(out, "</dd>\n");
}

/* --- MX records --------------------------------------------------------------------------------------------------- */

static const json_t *hop_of(const json_t *stored, const char *host)
{
	const json_t *hop;
	size_t i;
	json_array_foreach(json_object_get(stored, "hops"), i,
		hop) if (*host && strcmp(member_text(hop, "host"), host) == 0) return hop;
	return NULL;
}

static void mx_add(struct text *out, const json_t *mx, const json_t *hop)
{
	const json_t *preference = json_object_get(mx, "preference"), *allowed = json_object_get(mx, "allowed");
	text_add(out, "<tr><td class=\"n\">");
	if (json_is_integer(preference))
		text_add_number(out, (uint64_t)json_integer_value(preference));
	html_add(out, "</td><th scope=\"row\">%s</th><td>", member_text(mx, "host"));
	if (json_is_true(allowed))
		html_add(out, "<span class=\"good\">yes</span>, by <code>%s</code>", member_text(mx, "pattern"));
	else
		text_add(out, json_is_false(allowed) ? "<span class=\"bad\">no</span>" : "no policy");
	html_add(out, "</td><td>%s</td></tr>\n", hop ? member_text(hop, "reason") : "not checked yet");
}

void page_mx(struct text *out, const json_t *stored)
{
	const json_t *list = json_object_get(stored, "mx"), *mx;
	bool secure = strcmp(member_text(stored, "mx_dnssec"), "secure") == 0;
	size_t i;
	if (json_array_size(list) == 0) {
		html_add(out, "<p>MX records: %s.</p>\n", member_text(stored, "mx_state"));
		return;
	}
	text_add(out, "<div class=\"wide\">\n");
	html_table(out, secure ? "MX records, secured by DNSSEC" : "MX records, not secured by DNSSEC",
		"#Preference|Mail host|Does the policy allow it?|Result of its newest check");
	json_array_foreach(list, i, mx) mx_add(out, mx, hop_of(stored, member_text(mx, "host")));
	text_add(out, "</table>\n</div>\n");
}

/* --- evidence ----------------------------------------------------------------------------------------------------- */

static void address_item(struct text *out, const json_t *seen)
{
	int64_t asn = member_number(seen, "asn");
	const char *country = member_text(seen, "country");
	if (!*member_text(seen, "address"))
		return;
	page_item(out, "Address");
	html_add(out, "%s", member_text(seen, "address"));
	if (asn != 0)
		html_add(out, " in AS%d%s%s%s", asn, *country ? " (" : "", country, *country ? ")" : "");
	if (*member_text(seen, "seen_for"))
		html_add(out, ", seen there for the host %s, whose certificate also covers this host",
			member_text(seen, "seen_for"));
	text_add(out, "</dd>\n");
}

static void tls_item(struct text *out, const json_t *seen)
{
	const char *protocol = member_text(seen, "protocol");
	const json_t *starttls = json_object_get(seen, "starttls"), *requiretls = json_object_get(seen, "requiretls");
	if (!*protocol && json_is_null(starttls))
		return;
	page_item(out, "TLS");
	text_add(out, json_is_false(starttls) ? "no STARTTLS" : json_is_true(starttls) ? "STARTTLS" : "from the start");
	if (*protocol)
		html_add(out, ", %s %s", protocol, member_text(seen, "cipher"));
	if (!json_is_null(requiretls))
		text_add(out, json_is_true(requiretls) ? ", REQUIRETLS offered" : ", no REQUIRETLS");
	text_add(out, "</dd>\n");
}

static void certificate_items(struct text *out, const json_t *seen)
{
	const json_t *names = json_object_get(seen, "certificate_names"), *name;
	size_t i;
	if (json_array_size(names) > 0) {
		page_item(out, "Certificate for");
		json_array_foreach(names, i, name)
		{
			text_add(out, i > 0 ? ", " : "");
			html_quote(out, json_string_value(name), json_string_length(name));
		}
		text_add(out, "</dd>\n");
	}
	quoted_item(out, "Issued by", member_text(seen, "issuers"));
	if (member_number(seen, "not_after") == 0)
		return;
	page_item(out, "Valid");
	if (member_number(seen, "not_before") != 0) {
		text_add(out, "from ");
		html_time(out, member_number(seen, "not_before"), 0);
		text_add(out, " ");
	}
	text_add(out, "until ");
	html_time(out, member_number(seen, "not_after"), 0);
	if (member_number(seen, "chain_error") != 0)
		html_add(out, ", error %d of OpenSSL", member_number(seen, "chain_error"));
	text_add(out, "</dd>\n");
}

static void staple_item(struct text *out, const json_t *seen)
{
	const char *staple = member_text(seen, "staple");
	bool demanded = json_is_true(json_object_get(seen, "staple_demanded"));
	if (strcmp(staple, "none") == 0 && !demanded)
		return;
	page_item(out, "Staple (OCSP)");
	html_add(out, "%s%s", staple, demanded ? ", the certificate demands one" : "");
	text_add(out, "</dd>\n");
}

/* Appends the facts that one probe has found. */
static void evidence_items(struct text *out, const json_t *seen, int64_t now)
{
	page_item(out, "Newest result");
	page_result(out, "", seen);
	text_add(out, ", ");
	html_time(out, member_number(seen, "at"), now);
	text_add(out, "</dd>\n");
	if (*member_text(seen, "seen_by")) {
		page_item(out, "Seen by");
		html_add(out, "relay %s, so it counts for half of its life</dd>\n", member_text(seen, "seen_by"));
	}
	address_item(out, seen);
	tls_item(out, seen);
	certificate_items(out, seen);
	staple_item(out, seen);
	quoted_item(out, "Message", member_text(seen, "text"));
	if (!*member_text(seen, "mta_address"))
		return;
	page_item(out, "Still delivers");
	html_add(out, "an MTA that uses the map, to address %s</dd>\n", member_text(seen, "mta_address"));
}

/* Appends an older result, in one line, unless it is the newest one. */
static void older_item(struct text *out, const char *label, const json_t *seen, const json_t *newest, int64_t now)
{
	if (!json_is_object(seen) || member_number(seen, "at") == member_number(newest, "at"))
		return;
	page_item(out, label);
	page_result(out, "", seen);
	text_add(out, ", ");
	html_time(out, member_number(seen, "at"), now);
	html_add(out, "%s%s</dd>\n", *member_text(seen, "address") ? " at " : "", member_text(seen, "address"));
}

/* --- hosts -------------------------------------------------------------------------------------------------------- */

/* The host that is described. */
struct view {
	const char *domain, *host, *said;
	int64_t now;
};

/* Appends what was found in one of the two ways in which certificates are verified. Advice about the reason `said` is on the
 * page already. */
static void history_add(struct text *out, const char *way, const json_t *history, const struct view *view)
{
	const json_t *newest = json_object_get(history, "newest");
	if (!json_is_object(newest))
		return;
	page_item(out, "Checked against");
	html_add(out, "%s</dd>\n", way);
	evidence_items(out, newest, view->now);
	older_item(out, "Newest proof", json_object_get(history, "conclusive"), newest, view->now);
	older_item(out, "Last good", json_object_get(history, "good"), newest, view->now);
	if (member_number(history, "silent_since") != 0) {
		page_item(out, "No answer since");
		html_time(out, member_number(history, "silent_since"), view->now);
		text_add(out, "</dd>\n");
	}
	if (strcmp(member_text(newest, "reason"), view->said) == 0)
		return;
	page_advice(out, "Advice", member_text(newest, "advice"), view->domain, view->host);
	page_advice(out, "Tell its postmaster", member_text(newest, "tell_postmaster"), view->domain, view->host);
}

static void tlsa_item(struct text *out, const json_t *tlsa, int64_t now)
{
	if (!json_is_object(tlsa) || member_number(tlsa, "checked_at") == 0)
		return;
	page_item(out, "TLSA records");
	html_add(out, "%s", member_text(tlsa, "state"));
	if (member_number(tlsa, "records") > 0)
		html_add(out, ", %d of %d usable", member_number(tlsa, "usable"), member_number(tlsa, "records"));
	text_add(out, ", looked up ");
	html_time(out, member_number(tlsa, "checked_at"), now);
	text_add(out, "</dd>\n");
}

static void revocation_item(struct text *out, const json_t *revocation, int64_t now)
{
	if (!json_is_object(revocation))
		return;
	const char *state = member_text(revocation, "state");
	page_item(out, "Revocation list");
	html_add(out, "%s", state);
	if (strcmp(state, "revoked") == 0) {
		text_add(out, " since ");
		html_time(out, member_number(revocation, "revoked_at"), now);
	}
	if (*member_text(revocation, "why")) {
		text_add(out, ": ");
		html_quote(out, member_text(revocation, "why"), strlen(member_text(revocation, "why")));
	}
	text_add(out, "</dd>\n");
}

/* Appends how many of the other relays of the site see the host bad. */
static void others_item(struct text *out, const json_t *hop, int64_t now)
{
	if (member_number(hop, "others_looked") == 0)
		return;
	page_item(out, "Other relays");
	html_add(out, "%d of %d see this host bad, as of ", member_number(hop, "others_bad"),
		member_number(hop, "others_looked"));
	html_time(out, member_number(hop, "others_at"), now);
	text_add(out, "</dd>\n");
}

static void host_add(struct text *out, const json_t *hop, const struct view *view)
{
	html_add(out, "<h3>%s, port %d</h3>\n<dl>\n", view->host, member_number(hop, "port"));
	history_add(out, "the certificate authorities", hop, view);
	history_add(out, "its TLSA records", json_object_get(hop, "dane"), view);
	if (strcmp(member_text(hop, "reason"), "not-yet-checked") == 0)
		text_add(out, "<dt>Newest result</dt><dd>not checked yet</dd>\n");
	others_item(out, hop, view->now);
	tlsa_item(out, json_object_get(hop, "tlsa"), view->now);
	revocation_item(out, json_object_get(hop, "revocation"), view->now);
	if (json_is_true(json_object_get(hop, "left_to_mta")))
		text_add(out, "<dt>Holds mail</dt><dd>no: the MTA delivers there over TLS that it verifies itself "
			      "(mta_enforces)</dd>\n");
	text_add(out, "</dl>\n");
}

void page_hosts(struct text *out, const json_t *stored, const char *said, int64_t now)
{
	const json_t *hop;
	size_t i;
	json_array_foreach(json_object_get(stored, "hops"), i, hop)
		host_add(out, hop, &(struct view){member_text(stored, "domain"), member_text(hop, "host"), said, now});
}

/* --- networks ----------------------------------------------------------------------------------------------------- */

void page_networks(struct text *out, const json_t *stored, int64_t now)
{
	const json_t *list = json_object_get(stored, "networks"), *network;
	size_t i;
	if (json_array_size(list) == 0)
		return;
	text_add(out, "<div class=\"wide\">\n");
	html_table(out, "Networks in which its mail hosts have been good",
		"Network|Newest address is in|Country|First seen|Last seen");
	json_array_foreach(list, i, network)
	{
		int64_t asn = member_number(network, "asn");
		text_add(out, "<tr><th scope=\"row\">");
		html_add(out, asn != 0 ? "AS%d" : "unknown", asn);
		html_add(out, "</th><td>%s</td><td>%s</td><td>", member_text(network, "prefix"),
			member_text(network, "country"));
		html_time(out, member_number(network, "first_at"), now);
		text_add(out, "</td><td>");
		html_time(out, member_number(network, "last_at"), now);
		text_add(out, "</td></tr>\n");
	}
	text_add(out, "</table>\n</div>\n");
}
