#include "page_overview.h"

#include "html.h"
#include "overview.h"
#include "page_frame.h"
#include "page_plots.h"

#include <string.h>

json_t *page_overview_json(
	const struct page_parts *parts, const struct page_request *request, size_t rows, struct failure *why)
{
	(void)request;
	return overview_json(
		&(struct overview_parts){
			.check = parts->check, .store = parts->store, .census = parts->census, .rows = rows},
		why);
}

/* Says how many rows of a list are not shown, and which command lists them. */
static void more_add(struct text *out, const json_t *list, size_t shown, const char *command)
{
	int64_t more = member_number(list, "count") - (int64_t)shown;
	if (more > 0)
		html_add(out, "<p>and %d more: <code>%s</code></p>\n", more, command);
}

/* A list that is shown as a table. */
struct rows {
	const char *member; /* the array of rows in the list */
	const char *class;  /* of the box around the table: see the style sheet */
	const char *caption, *columns;
	void (*row_add)(struct text *out, const json_t *row, int64_t now);
	const char *command; /* it prints all rows */
};

static void rows_add(struct text *out, const json_t *list, const struct rows *kind, int64_t now)
{
	const json_t *rows = json_object_get(list, kind->member), *row;
	size_t i;
	html_add(out, "<div class=\"%s\">\n", kind->class);
	html_table(out, kind->caption, kind->columns);
	json_array_foreach(rows, i, row) kind->row_add(out, row, now);
	text_add(out, "</table>\n</div>\n");
	more_add(out, list, json_array_size(rows), kind->command);
}

/* --- summary ------------------------------------------------------------------------------------------------------ */

/* Adds a line with the number of a list. `bad`: such a number, if it is not 0, needs somebody's attention. */
static void count_add(struct text *out, const json_t *list, const char *href, const char *question, const char *thing,
	const char *things, bool bad)
{
	int64_t count = member_number(list, "count");
	html_add(out, "<dt><a href=\"%s\">%s</a></dt><dd>", href, question);
	if (count == 0)
		text_add(out, "<span class=\"good\">no</span></dd>\n");
	else
		html_add(out, bad ? "<span class=\"bad\">yes: %d %s</span></dd>\n" : "yes: %d %s</dd>\n", count,
			count == 1 ? thing : things);
}

/* Adds a line if something is shared. */
static void sharing_add(struct text *out, const json_t *sharing, int64_t now)
{
	if (!json_is_object(sharing))
		return;
	int64_t silent = member_number(sharing, "silent");
	bool works = json_is_true(json_object_get(sharing, "works"));
	text_add(out, "<dt>Do the relays share what they know?</dt><dd>");
	text_add(out, works ? "<span class=\"good\">yes</span>, since " : "<span class=\"bad\">no</span>, not since ");
	html_time(out, member_number(sharing, "since"), now);
	if (works)
		html_add(out, "; relays seen: %d", member_number(sharing, "relays"));
	else
		text_add(out, " (<code>stsgate fleet test</code> looks for the cause)");
	if (silent > 0)
		html_add(out, ", <span class=\"bad\">silent: %d</span> (<code>stsgate fleet list</code> names them)",
			silent);
	text_add(out, "</dd>\n");
}

static void summary_add(struct text *out, const json_t *object)
{
	const json_t *state = json_object_get(object, "state"), *condition;
	size_t i;
	bool healthy = json_is_true(json_object_get(state, "healthy"));
	text_add(out, "<dl>\n<dt>Does stsgated work well?</dt><dd>");
	text_add(out, healthy ? "<span class=\"good\">yes" : "<span class=\"bad\">no:");
	json_array_foreach(json_object_get(state, "conditions"), i, condition)
		html_add(out, " %s", json_string_value(condition));
	text_add(out, healthy ? "</span>" : "</span> (<code>stsgate doctor</code> looks for the cause)");
	html_add(out, ", mode %s, started ", member_text(state, "mode"));
	html_time(out, member_number(state, "started_at"), member_number(object, "now"));
	text_add(out, "</dd>\n");
	sharing_add(out, json_object_get(object, "sharing"), member_number(object, "now"));
	count_add(out, json_object_get(object, "waiting"), "#waiting", "Is mail waiting?", "domain", "domains", true);
	count_add(out, json_object_get(object, "would_wait"), "#would-wait", "Would other mail be delayed?", "domain",
		"domains", false);
	count_add(out, json_object_get(object, "signs"), "#signs", "Are there signs of an attack?", "sign", "signs",
		true);
	count_add(out, json_object_get(object, "overrides"), "#overrides", "Are overrides in force?", "override",
		"overrides", false);
	text_add(out, "</dl>\n");
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

/* Adds how often something happened, and when. */
static void times_add(struct text *out, const json_t *row, int64_t now)
{
	int64_t count = member_number(row, "count");
	html_add(out, count == 1 ? "<p>once, at " : "<p>%d times, first at ", count);
	if (count != 1) {
		html_time(out, member_number(row, "first_at"), now);
		text_add(out, ", last at ");
	}
	html_time(out, member_number(row, "last_at"), now);
	text_add(out, "</p>");
}

static void mail_add(struct text *out, const json_t *row, int64_t now)
{
	const char *advice = member_text(row, "advice"), *would = member_text(row, "would");
	text_add(out, "<tr><th scope=\"row\">");
	html_domain(out, member_text(row, "domain"));
	html_add(out, "</th><td>%s <span class=\"ago\">[%s]</span>", member_text(row, "sentence"),
		member_text(row, "reason"));
	if (*advice) {
		text_add(out, "<p>");
		html_prose(out, advice);
		text_add(out, "</p>");
	}
	html_add(out, "</td><td>%s: %s", member_text(row, "frontend"), member_text(row, "action"));
	if (strcmp(would, member_text(row, "action")) != 0)
		html_add(out, " (without mode = monitor: %s)", would);
	times_add(out, row, now);
	text_add(out, "</td></tr>\n");
}

static void mails_add(struct text *out, const json_t *list, int64_t now, const char *caption, const char *command)
{
	const struct rows mails = {
		"domains", "rows", caption, "Domain|Why, and what to do|What stsgate did", mail_add, command};
	rows_add(out, list, &mails, now);
}

static void waiting_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *list = json_object_get(object, "waiting");
	text_add(out, "<h2 id=\"waiting\">Is mail waiting, and why?</h2>\n");
	if (member_number(list, "count") == 0) {
		text_add(out, "<p>No. stsgate has delayed no mail in the last two hours.</p>\n");
		return;
	}
	mails_add(
		out, list, now, "Domains whose mail was delayed or held in the last two hours", "stsgate list --held");
	text_add(out,
		"<p><code>stsgate why DOMAIN</code> explains what happened. If you know that the cause is no attack, "
		"<code>stsgate override set DOMAIN pass --for 4h --reason TEXT</code> lets the domain's mail pass "
		"for a while.</p>\n");
}

static void would_wait_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *list = json_object_get(object, "would_wait");
	text_add(out, "<h2 id=\"would-wait\">Who would be delayed?</h2>\n");
	if (member_number(list, "count") == 0)
		text_add(out, "<p>Nobody: in the last two hours no mail passed that would wait without "
			      "<code>mode = monitor</code>, or under a testing policy if it were enforced.</p>\n");
	else
		mails_add(out, list, now,
			"Domains whose mail passed in the last two hours, but would wait without mode = monitor, or if "
			"their testing policy were enforced",
			"stsgate why DOMAIN");
}

static void sign_add(struct text *out, const json_t *row, int64_t now)
{
	const char *host = member_text(row, "host");
	text_add(out, "<tr><th scope=\"row\">");
	html_domain(out, member_text(row, "domain"));
	html_add(out, "</th><td><span class=\"%s\">%s</span>: %s",
		strcmp(member_text(row, "severity"), "error") == 0 ? "bad" : "", member_text(row, "severity"),
		member_text(row, "kind"));
	if (*host)
		html_add(out, "<br>%s", host);
	html_add(out, "</td><td>%s<p>", member_text(row, "detail"));
	html_prose(out, member_text(row, "sentence"));
	text_add(out, "</p><p>What to do: ");
	html_prose(out, member_text(row, "advice"));
	html_add(out, "</p></td><td>event %d", member_number(row, "number"));
	times_add(out, row, now);
	text_add(out, "</td></tr>\n");
}

static void signs_add(struct text *out, const json_t *object, int64_t now)
{
	static const struct rows signs = {"events", "rows", "Signs that are not over, the newest first",
		"Domain|Sign|What was seen, and what to do|When", sign_add, "stsgate events"};
	const json_t *list = json_object_get(object, "signs");
	text_add(out, "<h2 id=\"signs\">Are there signs of an attack?</h2>\n");
	if (member_number(list, "count") == 0) {
		text_add(out, "<p>No sign is open.</p>\n");
		return;
	}
	rows_add(out, list, &signs, now);
	text_add(out, "<p><code>stsgate events show NUMBER</code> prints the story of an event: what was there before, "
		      "what is there now, and what became of the mail.</p>\n");
}

static void override_add(struct text *out, const json_t *row, int64_t now)
{
	const char *domain = member_text(row, "domain"), *reason = member_text(row, "reason");
	text_add(out, "<tr><th scope=\"row\">");
	if (strcmp(domain, OVERRIDE_ALL) == 0)
		text_add(out, "<span class=\"bad\">all domains</span>");
	else
		html_domain(out, domain);
	html_add(out, "</th><td>%s</td><td>", member_text(row, "kind"));
	html_time(out, member_number(row, "ends_at"), now);
	text_add(out, "</td><td>");
	html_quote(out, member_text(row, "author"), strlen(member_text(row, "author")));
	if (*member_text(row, "node"))
		html_add(out, " on %s", member_text(row, "node"));
	text_add(out, "</td><td>");
	html_quote(out, reason, strlen(reason));
	html_add(out, "</td><td class=\"n\">%d</td></tr>\n", member_number(row, "uses"));
}

static void overrides_add(struct text *out, const json_t *object, int64_t now)
{
	static const struct rows overrides = {"overrides", "wide", "Overrides in force",
		"Domain|Kind|Ends|Set by|Because|#Uses", override_add, "stsgate override list"};
	const json_t *list = json_object_get(object, "overrides");
	text_add(out, "<h2 id=\"overrides\">Which overrides are in force?</h2>\n");
	if (member_number(list, "count") == 0) {
		text_add(out, "<p>None.</p>\n");
		return;
	}
	rows_add(out, list, &overrides, now);
	text_add(out, "<p><code>stsgate override clear DOMAIN</code> ends an override.</p>\n");
}

/* --- what the store holds ----------------------------------------------------------------------------------------- */

static void uncounted_add(struct text *out)
{
	text_add(out, "<p>Not counted yet: look again in a few seconds.</p>\n");
}

static void refresh_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *refresh = json_object_get(object, "refresh"), *domains = json_object_get(object, "domains");
	int64_t expiring = member_number(refresh, "expiring"), due = member_number(refresh, "due");
	text_add(out, "<h2 id=\"refresh\">Are policies fresh?</h2>\n");
	if (!json_is_object(refresh)) {
		uncounted_add(out);
		return;
	}
	html_add(out, "<dl>\n<dt>Policies that end within a day and could not be renewed</dt><dd>");
	html_add(out, expiring > 0 ? "<span class=\"bad\">%d</span>" : "%d", expiring);
	if (expiring > 0)
		text_add(out, ": <code>stsgate list --expiring 1d --failing</code>");
	html_add(out, "</dd>\n<dt>Domains whose last lookup or fetch failed</dt><dd>%d",
		member_number(refresh, "failing"));
	if (member_number(refresh, "failing") > 0)
		text_add(out, ": <code>stsgate list --failing</code>");
	html_add(out, "</dd>\n<dt>Domains that are due for a refresh</dt><dd>%d", due);
	if (due > 0) {
		text_add(out, ", the longest: ");
		html_domain(out, member_text(refresh, "oldest"));
		text_add(out, " since ");
		html_time(out, member_number(refresh, "oldest_due_at"), now);
	}
	html_add(out,
		"</dd>\n<dt>Domains in the store</dt><dd>%d: %d with a policy of mode enforce, %d testing, %d none, "
		"and %d without a policy</dd>\n</dl>\n",
		member_number(domains, "count"), member_number(domains, "enforce"), member_number(domains, "testing"),
		member_number(domains, "none"), member_number(domains, "no-policy"));
}

static void network_add(struct text *out, const json_t *row, int64_t now)
{
	(void)now;
	const char *name = member_text(row, "name");
	text_add(out, "<tr><th scope=\"row\">");
	if (member_number(row, "asn") != 0)
		html_add(out, "AS%d", member_number(row, "asn"));
	else
		html_add(out, "%s", member_text(row, "prefix"));
	text_add(out, "</th><td>");
	if (*name)
		html_quote(out, name, strlen(name));
	html_add(out, "</td><td>%s</td><td class=\"n\">%d</td><td class=\"n\">%d</td><td class=\"n\">%d</td></tr>\n",
		member_text(row, "country"), member_number(row, "hops"), member_number(row, "good"),
		member_number(row, "bad"));
}

static void hops_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *hops = json_object_get(object, "hops"), *list = json_object_get(object, "networks");
	static const struct rows networks = {"networks", "wide",
		"The networks with the most mail hosts. A mail host counts where it was when it was last good.",
		"Network|Name|Country|#Mail hosts|#Good now|#Bad now", network_add, "stsgate stats --networks"};
	text_add(out, "<h2 id=\"hops\">Are mail hosts well?</h2>\n");
	if (!json_is_object(hops)) {
		uncounted_add(out);
		return;
	}
	html_add(out, "<dl>\n<dt>Good</dt><dd>%d</dd>\n<dt>Bad</dt><dd>%d</dd>\n<dt>Unknown</dt><dd>%d</dd>\n</dl>\n",
		member_number(hops, "good"), member_number(hops, "bad"), member_number(hops, "unknown"));
	if (json_array_size(json_object_get(list, "networks")) == 0) {
		text_add(out, "<p>No mail host has been good yet, so no network is known.</p>\n");
		return;
	}
	rows_add(out, list, &networks, now);
}

/* --- reports ------------------------------------------------------------------------------------------------------ */

static void report_add(struct text *out, const json_t *row, int64_t now)
{
	text_add(out, "<tr><th scope=\"row\">");
	html_domain(out, member_text(row, "domain"));
	text_add(out, "</th><td>");
	html_quote(out, member_text(row, "address"), strlen(member_text(row, "address")));
	html_add(out, "</td><td>%s</td><td>%s</td><td class=\"n\">%d</td><td>", member_text(row, "state"),
		member_text(row, "detail"), member_number(row, "attempts"));
	html_time(out, member_number(row, "next_at"), now);
	text_add(out, "</td></tr>\n");
}

static void report_counts_add(struct text *out, const json_t *list, int64_t now)
{
	html_add(out, "<dl>\n<dt>Sent in the last days</dt><dd>%d</dd>\n<dt>Due and not sent yet</dt><dd>%d",
		member_number(list, "sent"), member_number(list, "waiting"));
	if (member_number(list, "oldest_due_at") != 0) {
		text_add(out, ", the oldest since ");
		html_time(out, member_number(list, "oldest_due_at"), now);
	}
	text_add(out, "</dd>\n</dl>\n");
}

static void reports_add(struct text *out, const json_t *object, int64_t now)
{
	static const struct rows failed = {"failed", "wide", "Reports that were not sent, or not yet",
		"Domain|To|State|Why|#Attempts|Next attempt", report_add, "stsgate report list"};
	const json_t *list = json_object_get(object, "reports");
	text_add(out, "<h2 id=\"reports\">Are TLS reports sent?</h2>\n");
	if (json_is_true(json_object_get(list, "sends")))
		report_counts_add(out, list, now);
	else
		html_add(out, "<p>No: stsgate sends no reports under its settings (<code>tlsrpt = %s</code>).</p>\n",
			member_text(list, "tlsrpt"));
	if (json_array_size(json_object_get(list, "failed")) > 0)
		rows_add(out, list, &failed, now);
}

void page_overview_html(struct text *out, const json_t *object)
{
	int64_t now = member_number(object, "now");
	page_begin(out, "Status of this relay", member_text(json_object_get(object, "state"), "host"), now);
	summary_add(out, object);
	waiting_add(out, object, now);
	signs_add(out, object, now);
	would_wait_add(out, object, now);
	overrides_add(out, object, now);
	refresh_add(out, object, now);
	hops_add(out, object, now);
	reports_add(out, object, now);
	page_plots_html(out, json_object_get(object, "plots"));
	page_end(out);
}
