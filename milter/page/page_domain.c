#include "page_domain.h"

#include "clock.h"
#include "html.h"
#include "json_value.h"
#include "page_frame.h"
#include "page_hosts.h"
#include "query_shown.h"
#include "verdict_record.h"
#include "why_found.h"
#include "words.h"

#include <stdio.h>
#include <string.h>

#define LETTER_LINE_SIZE 4096 /* a line is longer than 72 characters only if a word is */

/* --- the object --------------------------------------------------------------------------------------------------- */

/* Shortens a list to `rows` rows, and adds to `left_out` how many rows are gone. */
static void list_cut(json_t *list, const char *name, size_t rows, json_t *left_out)
{
	size_t all = json_array_size(list);
	for (size_t i = all; i > rows; i--)
		json_array_remove(list, i - 1);
	json_put(left_out, name, json_made(json_integer(all > rows ? (json_int_t)(all - rows) : 0)));
}

static json_t *why_of(const struct page_parts *parts, const struct config *config, const struct question *question,
	struct failure *failure)
{
	struct why why;
	bool read = why_read(&why, parts->store, config->settings, NULL, question->domain, failure);
	json_t *object = read ? why_json(&why) : NULL;
	why_free(&why);
	return object;
}

/* Returns whether the store has an entry of the domain. */
static bool entry_exists(struct store *store, const char *domain)
{
	struct entry entry;
	struct store_view *view = store_view_begin(store, NULL);
	bool found = view && store_view_entry(view, domain, &entry) == STORE_FOUND;
	if (found)
		entry_free(&entry);
	store_view_end(&view);
	return found;
}

/* Adds what is known about a domain. Returns false if the store cannot be read. */
static bool facts_put(json_t *object, const struct page_parts *parts, const struct config *config,
	const struct question *question, size_t rows, struct failure *failure)
{
	json_t *why = why_of(parts, config, question, failure), *left_out = json_made(json_object());
	json_t *stored = why ? stored_json(parts->store, config, question, question->domain, failure) : NULL;
	if (stored) {
		list_cut(json_object_get(why, "verdicts"), "verdicts", rows, left_out);
		list_cut(json_object_get(stored, "signs"), "signs", rows, left_out);
		list_cut(json_object_get(stored, "mx"), "mx", rows, left_out);
		list_cut(json_object_get(json_object_get(stored, "policy"), "mx"), "patterns", rows, left_out);
	}
	json_put(object, "known", json_boolean(entry_exists(parts->store, question->domain)));
	json_put(object, "why", why);
	json_put(object, "stored", stored);
	json_put(object, "left_out", left_out);
	return stored;
}

json_t *page_domain_json(
	const struct page_parts *parts, const struct page_request *request, size_t rows, struct failure *why)
{
	struct question question;
	struct quote quote;
	struct config *config = check_config(parts->check);
	json_t *object = json_made(json_object());
	question_from_domain(&question, request->name, request->name_len, PURPOSE_QUERY);
	bool valid = question.has_domain && !question.unreadable, read = true;
	json_put(object, "now", json_when(clock_wall_s()));
	json_put(object, "version", json_text(PACKAGE_VERSION));
	json_put(object, "host", json_text(config->host));
	json_put(object, "asked", json_text(quote_bytes(&quote, request->name, request->name_len)));
	json_put(object, "domain", valid ? json_text(question.domain) : NULL);
	if (valid)
		read = facts_put(object, parts, config, &question, rows, why);
	config_unref(&config);
	if (read)
		return object;
	json_decref(object);
	return NULL;
}

/* --- what happens to mail ----------------------------------------------------------------------------------------- */

static bool is_known(const json_t *object)
{
	return json_is_true(json_object_get(object, "known"));
}

/* Appends how many rows of a list are not shown, and which command shows them. */
static void more_add(struct text *out, const json_t *object, const char *list, const char *command)
{
	int64_t more = member_number(json_object_get(object, "left_out"), list);
	if (more > 0)
		html_add(out, "<p>and %d more: <code>%s %s</code></p>\n", more, command, member_text(object, "domain"));
}

static void verdict_add(struct text *out, const json_t *stored, int64_t now)
{
	const char *verdict = member_text(stored, "verdict"), *reason = member_text(stored, "reason");
	const char *hop = strcmp(reason, "ok") == 0 ? "a mail host" : member_text(stored, "hop");
	bool bad = strcmp(verdict, "fail-enforce") == 0 || strcmp(verdict, "defer") == 0;
	text_add(out, bad ? "<span class=\"bad\">" : "<span class=\"good\">");
	html_add(out, "%s</span>%s: %s%s%s <span class=\"ago\">[%s]</span>", verdict,
		json_is_false(json_object_get(stored, "final")) ? ", as far as the store knows" : "", hop,
		*hop ? " " : "", member_text(stored, "sentence"), reason);
	if (member_number(stored, "evidence_at") != 0) {
		text_add(out, ", from evidence of ");
		html_time(out, member_number(stored, "evidence_at"), now);
	}
	if (!bad && json_is_true(json_object_get(stored, "map_holds")))
		text_add(out, "; <span class=\"bad\">an MTA that asks the map keeps the mail in its queue</span>");
}

/* Returns whether another front end only accepted the message: what the map answers at delivery is a verdict of its own. */
static bool is_left_to_map(const json_t *verdict)
{
	const char *action = member_text(verdict, "action");
	return strcmp(member_text(verdict, "frontend"), "map") != 0 &&
	       (strcmp(action, "accept") == 0 || strcmp(action, "tag") == 0);
}

/* Returns the newest verdict for which mail waits, as verdict_record_waits() counts for the overview. Without one: the newest
 * that left it to the map whether mail waits, or NULL. */
static const json_t *delaying_verdict(const json_t *why, int64_t now)
{
	const json_t *one, *left = NULL;
	size_t i;
	json_array_foreach(json_object_get(why, "verdicts"), i, one)
	{
		if (!json_is_true(json_object_get(one, "delays")) ||
			member_number(one, "last_at") <= now - VERDICT_WAITS_S)
			continue;
		if (!is_left_to_map(one))
			return one;
		if (!left)
			left = one;
	}
	return left;
}

static void waits_item(struct text *out, const json_t *why, int64_t now)
{
	const json_t *verdict = delaying_verdict(why, now);
	page_item(out, "Is its mail waiting?");
	if (!verdict)
		text_add(out, "<span class=\"good\">no verdict of the last two hours delays it</span>");
	else if (json_is_true(json_object_get(why, "repaired")))
		text_add(out,
			"<span class=\"good\">only until the MTA tries again</span>, because its mail host was found "
			"good after the newest verdict");
	else if (is_left_to_map(verdict))
		text_add(out, "no verdict of the map delays it, but the map must still decide at delivery");
	else
		text_add(out, "<span class=\"bad\">probably</span>");
	if (verdict) {
		html_add(out, ": %s, ", member_text(verdict, "happened"));
		html_time(out, member_number(verdict, "last_at"), now);
	}
	text_add(out, "</dd>\n");
}

static void policy_in_force(struct text *out, const json_t *stored, int64_t now)
{
	const json_t *policy = json_object_get(stored, "policy");
	int64_t expires_at = member_number(policy, "expires_at");
	page_item(out, "Which policy is in force?");
	if (expires_at <= now) {
		text_add(out, "none</dd>\n");
		return;
	}
	html_add(out, "mode %s, until ", member_text(policy, "mode"));
	html_time(out, expires_at, now);
	text_add(out, "</dd>\n");
}

static void override_item(struct text *out, const json_t *stored, int64_t now)
{
	const json_t *override = json_object_get(stored, "override");
	const char *reason = member_text(override, "reason"), *author = member_text(override, "author"),
		   *node = member_text(override, "node");
	if (!json_is_object(override))
		return;
	page_item(out, "Override in force");
	html_add(out, "<span class=\"bad\">%s</span> until ", member_text(override, "kind"));
	html_time(out, member_number(override, "ends_at"), now);
	text_add(out, ", set by ");
	html_quote(out, author, strlen(author));
	if (*node)
		html_add(out, " on %s", node);
	text_add(out, ": ");
	html_quote(out, reason, strlen(reason));
	text_add(out, ". The front ends obey it; what follows is judged as without it.</dd>\n");
}

static void summary_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *stored = json_object_get(object, "stored"), *degraded = json_object_get(stored, "degraded"), *one;
	size_t i, signs = json_array_size(json_object_get(stored, "signs"));
	text_add(out, "<dl>\n");
	page_item(out, "What happens to a message now?");
	if (is_known(object))
		verdict_add(out, stored, now);
	else
		text_add(out,
			"The store has no entry of this domain: the first message to it starts the lookups. Nothing "
			"is looked up for this page.");
	text_add(out, "</dd>\n");
	waits_item(out, json_object_get(object, "why"), now);
	policy_in_force(out, stored, now);
	page_item(out, "Are there signs of an attack?");
	text_add(out, signs > 0 ? "<a class=\"bad\" href=\"#signs\">yes</a></dd>\n"
				: "<span class=\"good\">no</span></dd>\n");
	override_item(out, stored, now);
	if (json_array_size(degraded) > 0) {
		page_item(out, "This machine");
		json_array_foreach(degraded, i, one)
			html_add(out, "%s<span class=\"bad\">%s</span>", i > 0 ? ", " : "", json_string_value(one));
		text_add(out, "</dd>\n");
	}
	text_add(out, "</dl>\n");
}

/* --- what happened ------------------------------------------------------------------------------------------------ */

static void deed_items(struct text *out, const json_t *record)
{
	const char *would = member_text(record, "without_monitor");
	page_item(out, "What happened");
	text_add(out, json_is_true(json_object_get(record, "delays")) ? "<span class=\"bad\">" : "<span>");
	html_add(out, "%s</span>", member_text(record, "happened"));
	if (*would)
		html_add(out, "; without <code>mode = monitor</code> it would have %s", would);
	text_add(out, "</dd>\n");
	page_item(out, "The mail");
	html_add(out, "%s</dd>\n", member_text(record, "where"));
}

static void reason_items(struct text *out, const json_t *record)
{
	const json_t *policy = json_object_get(record, "policy");
	const char *override = member_text(record, "override"), *id = member_text(policy, "id");
	page_item(out, "Reason");
	page_result(out, member_text(record, "hop"), record);
	text_add(out, "</dd>\n");
	if (json_is_object(policy)) {
		page_item(out, "Policy");
		html_add(out, "mode %s, id %s</dd>\n", member_text(policy, "mode"), *id ? id : "unknown");
	}
	if (strcmp(override, "none") != 0) {
		page_item(out, "Override");
		html_add(out, "%s was in force</dd>\n", override);
	}
}

static void record_add(struct text *out, const json_t *record, int64_t now)
{
	const json_t *ids = json_object_get(record, "queue_ids"), *id;
	size_t i;
	text_add(out, "<h3>");
	html_time(out, member_number(record, "last_at"), now);
	html_add(out, " %s: %s</h3>\n<dl>\n", member_text(record, "frontend"), member_text(record, "verdict"));
	deed_items(out, record);
	reason_items(out, record);
	if (member_number(record, "count") > 1) {
		page_item(out, "Seen");
		html_add(out, "%d times since ", member_number(record, "count"));
		html_time(out, member_number(record, "first_at"), now);
		text_add(out, "</dd>\n");
	}
	if (json_array_size(ids) > 0) {
		page_item(out, "Queue ids");
		json_array_foreach(ids, i, id)
			html_add(out, "%s<code>%s</code>", i > 0 ? " " : "", json_string_value(id));
		text_add(out, "</dd>\n");
	}
	text_add(out, "</dl>\n");
}

static void records_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *list = json_object_get(json_object_get(object, "why"), "verdicts"), *record;
	size_t i;
	text_add(out, "<h2 id=\"mail\">What happened to its mail, and why?</h2>\n");
	if (json_array_size(list) == 0) {
		text_add(out,
			"<p>Nothing: stsgate has not delayed, held or tagged mail to this domain lately. If mail waits "
			"all the same, the MTA's own log has the reason. If it goes to a smart host, look at the "
			"page of that host's domain.</p>\n");
		return;
	}
	text_add(out, "<p>Verdicts that delayed, held or tagged mail, or found a failure; the newest first.</p>\n");
	json_array_foreach(list, i, record) record_add(out, record, now);
	more_add(out, object, "verdicts", "stsgate why");
}

/* --- signs -------------------------------------------------------------------------------------------------------- */

static void sign_add(struct text *out, const json_t *event, int64_t now)
{
	html_add(out, "<h3>%s, %s, since ", member_text(event, "kind"), member_text(event, "severity"));
	html_time(out, member_number(event, "first_at"), now);
	text_add(out, "</h3>\n<dl>\n");
	page_item(out, "What was seen");
	html_add(out, "%s</dd>\n", member_text(event, "detail"));
	page_item(out, "What it means");
	html_prose(out, member_text(event, "sentence"));
	text_add(out, "</dd>\n");
	page_item(out, "What to do");
	html_prose(out, member_text(event, "advice"));
	text_add(out, "</dd>\n");
	page_item(out, "Its story");
	html_add(out, "<code>stsgate events show %d</code></dd>\n</dl>\n", member_number(event, "number"));
}

static void signs_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *list = json_object_get(json_object_get(object, "stored"), "signs"), *event;
	size_t i;
	if (json_array_size(list) == 0)
		return;
	text_add(out, "<h2 id=\"signs\">Which signs of an attack are there?</h2>\n");
	json_array_foreach(list, i, event) sign_add(out, event, now);
	more_add(out, object, "signs", "stsgate events --domain");
}

/* --- what can be done --------------------------------------------------------------------------------------------- */

/* Appends a text of stsgate's own in several lines. */
static void lines_add(struct text *out, const char *text)
{
	struct span rest = {text, strlen(text)};
	while (rest.len > 0) {
		char line[LETTER_LINE_SIZE];
		struct span one = span_until(&rest, '\n');
		snprintf(line, sizeof line, "%.*s", (int)one.len, one.at);
		html_text(out, line);
		text_add(out, "\n");
	}
}

/* Returns what the advice is about: the newest verdict that delayed mail, unless its cause is gone; else the verdict now;
 * NULL: nothing is known. */
static const json_t *advised(const json_t *object)
{
	const json_t *why = json_object_get(object, "why");
	const json_t *newest = json_array_get(json_object_get(why, "verdicts"), 0);
	if (newest && json_is_false(json_object_get(why, "repaired")))
		return newest;
	return is_known(object) ? json_object_get(object, "stored") : NULL;
}

static void commands_add(struct text *out, const json_t *commands)
{
	const json_t *command;
	size_t i;
	json_array_foreach(commands, i, command) html_add(out, "<dt>To %s</dt><dd><code>%s</code></dd>\n",
		member_text(command, "purpose"), member_text(command, "command"));
}

static void remedies_add(struct text *out, const json_t *object)
{
	const json_t *about = advised(object), *stored = json_object_get(object, "stored");
	const char *domain = member_text(object, "domain"), *hop = member_text(about, "hop");
	const char *letter = member_text(stored, "letter");
	text_add(out, "<h2 id=\"do\">What can be done?</h2>\n");
	if (json_array_size(json_object_get(stored, "signs")) > 0)
		text_add(out, "<p class=\"bad\">There are signs of an attack. Look into them before you let mail pass: "
			      "an attacker may be waiting for it.</p>\n");
	text_add(out, "<dl>\n");
	page_advice(out, "Here", member_text(about, "advice"), domain, hop);
	page_advice(out, "Tell its postmaster", member_text(about, "tell_postmaster"), domain, hop);
	commands_add(out, json_object_get(json_object_get(object, "why"), "commands"));
	text_add(out, "</dl>\n");
	if (!*letter)
		return;
	text_add(out, "<details>\n<summary>A paragraph for the domain's postmaster</summary>\n<pre>");
	lines_add(out, letter);
	text_add(out, "</pre>\n</details>\n");
}

/* --- what the domain publishes ------------------------------------------------------------------------------------ */

static void record_item(struct text *out, const json_t *record, int64_t now)
{
	page_item(out, "Record");
	html_add(out, "%s",
		member_number(record, "checked_at") == 0 ? "not looked up yet" : member_text(record, "outcome"));
	if (*member_text(record, "id"))
		html_add(out, ", id %s", member_text(record, "id"));
	if (member_number(record, "checked_at") != 0) {
		bool secure = strcmp(member_text(record, "dnssec"), "secure") == 0;
		html_add(out, "%s by DNSSEC, looked up ", secure ? ", secured" : ", not secured");
		html_time(out, member_number(record, "checked_at"), now);
	}
	text_add(out, "</dd>\n");
}

static void fetch_item(struct text *out, const json_t *fetch, int64_t now)
{
	const char *detail = member_text(fetch, "detail");
	page_item(out, "Newest fetch");
	if (member_number(fetch, "tried_at") == 0) {
		text_add(out, "not tried yet</dd>\n");
		return;
	}
	bool fetched = strcmp(member_text(fetch, "outcome"), "fetched") == 0;
	text_add(out, fetched ? "<span>" : "<span class=\"bad\">");
	html_add(out, "%s%s%s</span>, ", member_text(fetch, "outcome"), *detail ? ": " : "", detail);
	html_time(out, member_number(fetch, "tried_at"), now);
	if (member_number(fetch, "failures") > 1)
		html_add(out, ", %d failures in a row", member_number(fetch, "failures"));
	text_add(out, "</dd>\n");
}

static void policy_items(struct text *out, const json_t *object, const json_t *policy, int64_t now)
{
	const json_t *pattern;
	int64_t more = member_number(json_object_get(object, "left_out"), "patterns");
	size_t i;
	if (!json_is_object(policy))
		return;
	page_item(out, "Policy");
	html_add(out, "mode %s, id %s, max_age %d s, fetched ", member_text(policy, "mode"),
		*member_text(policy, "id") ? member_text(policy, "id") : "unknown", member_number(policy, "max_age"));
	html_time(out, member_number(policy, "fetched_at"), now);
	text_add(out, "</dd>\n");
	page_item(out, "Its mail hosts");
	json_array_foreach(json_object_get(policy, "mx"), i, pattern)
		html_add(out, "%s<code>%s</code>", i > 0 ? ", " : "", json_string_value(pattern));
	if (more > 0)
		html_add(out, " and %d more", more);
	text_add(out, "</dd>\n");
}

static void published_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *stored = json_object_get(object, "stored");
	text_add(out, "<h2 id=\"policy\">What does the domain publish?</h2>\n<dl>\n");
	record_item(out, json_object_get(stored, "record"), now);
	fetch_item(out, json_object_get(stored, "fetch"), now);
	policy_items(out, object, json_object_get(stored, "policy"), now);
	text_add(out, "</dl>\n");
}

static void facts_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *stored = json_object_get(object, "stored");
	published_add(out, object, now);
	text_add(out, "<h2 id=\"hosts\">Are its mail hosts well?</h2>\n");
	page_mx(out, stored);
	more_add(out, object, "mx", "stsgate show");
	page_hosts(out, stored, member_text(advised(object), "reason"), now);
	page_networks(out, stored, now);
}

/* --- the front ends ----------------------------------------------------------------------------------------------- */

static void answer_add(struct text *out, const char *who, const char *answer, const char *then)
{
	page_item(out, who);
	html_add(out, "<code>%s</code>%s%s</dd>\n", answer, *then ? ": " : "", then);
}

static void answers_add(struct text *out, const json_t *stored)
{
	const json_t *milter = json_object_get(stored, "milter"), *mta = json_object_get(stored, "mta");
	const json_t *maps = json_object_get(stored, "maps");
	const char *reply = member_text(milter, "reply"), *header = member_text(milter, "header");
	text_add(out,
		"<h2 id=\"answers\">What would the front ends answer?</h2>\n"
		"<p>These answers follow from what is in the store. Before a front end answers, it looks up again what "
		"is too old.</p>\n<dl>\n");
	answer_add(out, "Milter",
		*reply    ? reply
		: *header ? header
			  : member_text(milter, "action"),
		member_text(mta, "milter"));
	answer_add(out, "Policy delegation", member_text(stored, "delegation"), "");
	answer_add(out, "Map postfix", member_text(maps, "postfix"), member_text(mta, "postfix"));
	answer_add(out, "Map sts", member_text(maps, "sts"), member_text(mta, "sendmail"));
	text_add(out, "</dl>\n");
}

/* --- the page ----------------------------------------------------------------------------------------------------- */

static void impossible_html(struct text *out, const json_t *object)
{
	html_add(out,
		"<p>No domain with the name <code>%s</code> can have a policy. Ask for what follows the @ of an address, "
		"for example <code>/domain/example.com</code>.</p>\n",
		member_text(object, "asked"));
}

void page_domain_html(struct text *out, const json_t *object)
{
	const char *domain = member_text(object, "domain");
	const json_t *stored = json_object_get(object, "stored");
	int64_t now = member_number(object, "now");
	page_begin(out, *domain ? domain : "No such domain", member_text(object, "host"), now);
	if (!*domain) {
		impossible_html(out, object);
		page_end(out);
		return;
	}
	summary_add(out, object, now);
	records_add(out, object, now);
	signs_add(out, object, now);
	remedies_add(out, object);
	if (is_known(object))
		facts_add(out, object, now);
	answers_add(out, stored);
	page_end(out);
}
