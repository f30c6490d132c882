#include "page_overview.h"

#include "html.h"
#include "overview.h"
#include "page_frame.h"

#include <string.h>

json_t *page_overview_json(
	const struct page_parts *parts, const struct page_request *request, size_t rows, struct failure *why)
{
	(void)request;
	return overview_json(&(struct overview_parts){.check = parts->check, .store = parts->store, .rows = rows}, why);
}

/* Says how many rows of a list are not shown, and which command lists them. */
static void more_add(struct text *out, const json_t *list, size_t shown, const char *command)
{
	int64_t more = member_number(list, "count") - (int64_t)shown;
	if (more > 0)
		html_add(out, "<p>and %d more: <code>%s</code></p>\n", more, command);
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

static void summary_add(struct text *out, const json_t *object)
{
	const json_t *state = json_object_get(object, "state"), *condition;
	size_t i;
	html_add(out, "<dl>\n<dt>Does stsgated work well?</dt><dd>");
	if (json_is_true(json_object_get(state, "healthy")))
		text_add(out, "<span class=\"good\">yes</span>");
	else
		text_add(out, "<span class=\"bad\">no:");
	json_array_foreach(json_object_get(state, "conditions"), i, condition)
		html_add(out, " %s", json_string_value(condition));
	html_add(out, json_is_true(json_object_get(state, "healthy")) ? ", " : "</span>, ");
	html_add(out, "mode %s, started ", member_text(state, "mode"));
	html_time(out, member_number(state, "started_at"), member_number(object, "now"));
	text_add(out, "</dd>\n");
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
	text_add(out, "</td><td>");
	html_time(out, member_number(row, "first_at"), now);
	text_add(out, "</td><td>");
	html_time(out, member_number(row, "last_at"), now);
	html_add(out, "</td><td class=\"n\">%d</td></tr>\n", member_number(row, "count"));
}

static void mails_add(struct text *out, const json_t *list, int64_t now, const char *caption, const char *command)
{
	const json_t *rows = json_object_get(list, "domains"), *row;
	size_t i;
	text_add(out, "<div class=\"wide\">\n");
	html_table(out, caption, "Domain|Why, and what to do|What stsgate did|First|Last|#Times");
	json_array_foreach(rows, i, row) mail_add(out, row, now);
	text_add(out, "</table>\n</div>\n");
	more_add(out, list, json_array_size(rows), command);
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
	text_add(out, "</p></td><td>");
	html_time(out, member_number(row, "first_at"), now);
	text_add(out, "</td><td>");
	html_time(out, member_number(row, "last_at"), now);
	html_add(out, "</td><td class=\"n\">%d</td><td class=\"n\"><code>%d</code></td></tr>\n",
		member_number(row, "count"), member_number(row, "number"));
}

static void signs_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *list = json_object_get(object, "signs"), *rows = json_object_get(list, "events"), *row;
	size_t i;
	text_add(out, "<h2 id=\"signs\">Are there signs of an attack?</h2>\n");
	if (member_number(list, "count") == 0) {
		text_add(out, "<p>No sign is open.</p>\n");
		return;
	}
	text_add(out, "<div class=\"wide\">\n");
	html_table(out, "Signs that are not over, the newest first",
		"Domain|Sign|What was seen, and what to do|First|Last|#Times|#Event");
	json_array_foreach(rows, i, row) sign_add(out, row, now);
	text_add(out, "</table>\n</div>\n");
	more_add(out, list, json_array_size(rows), "stsgate events");
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
	text_add(out, "</td><td>");
	html_quote(out, reason, strlen(reason));
	html_add(out, "</td><td class=\"n\">%d</td></tr>\n", member_number(row, "uses"));
}

static void overrides_add(struct text *out, const json_t *object, int64_t now)
{
	const json_t *list = json_object_get(object, "overrides"), *rows = json_object_get(list, "overrides"), *row;
	size_t i;
	text_add(out, "<h2 id=\"overrides\">Which overrides are in force?</h2>\n");
	if (member_number(list, "count") == 0) {
		text_add(out, "<p>None.</p>\n");
		return;
	}
	text_add(out, "<div class=\"wide\">\n");
	html_table(out, "Overrides in force", "Domain|Kind|Ends|Set by|Because|#Uses");
	json_array_foreach(rows, i, row) override_add(out, row, now);
	text_add(out, "</table>\n</div>\n");
	more_add(out, list, json_array_size(rows), "stsgate override list");
	text_add(out, "<p><code>stsgate override clear DOMAIN</code> ends an override.</p>\n");
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
	page_end(out);
}
