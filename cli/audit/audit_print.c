/* audit: the table of domains, the totals, and the advice. */
#include "audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_NAMED 5 /* domains that the advice names */

struct totals {
	uint64_t domains[TALLY_RESULTS], messages[TALLY_RESULTS];
	uint64_t all_domains, all_messages;
	uint64_t mode[POLICY_ENFORCE + 1];
};

static void totals_count(struct totals *totals, const struct tally *tally)
{
	*totals = (struct totals){.all_domains = tally->count};
	for (size_t i = 0; i < tally->count; i++) {
		const struct tally_row *row = tally->rows[i];
		totals->domains[row->result]++;
		totals->messages[row->result] += tally_messages(row);
		totals->all_messages += tally_messages(row);
		totals->mode[row->mode] += row->has_policy;
	}
}

struct share {
	char text[16];
};

/* Formats a part of the whole as `0.2 %`. Something never becomes `0.0 %`, and a part never `100.0 %`. */
static const char *share_text(struct share *share, uint64_t part, uint64_t whole)
{
	double percent = whole > 0 ? 100.0 * (double)part / (double)whole : 0;
	if (part > 0 && percent < 0.1)
		snprintf(share->text, sizeof share->text, "<0.1 %%");
	else if (part < whole && percent > 99.9)
		snprintf(share->text, sizeof share->text, ">99.9 %%");
	else
		snprintf(share->text, sizeof share->text, "%.1f %%", percent);
	return share->text;
}

/* --- advice ------------------------------------------------------------------------------------------------------- */

static const char *plural(uint64_t count)
{
	return count == 1 ? "domain" : "domains";
}

/* Adds the names of the first rows with this result: `: a.example, b.example, ...`. */
static void names_add_text(struct text *text, const struct tally *tally, enum tally_result result)
{
	unsigned named = 0;
	for (size_t i = 0; i < tally->count; i++) {
		if (tally->rows[i]->result != result)
			continue;
		if (named == FIRST_NAMED) {
			text_add(text, ", ...");
			return;
		}
		text_add(text, named++ == 0 ? ": " : ", ");
		text_add(text, tally->rows[i]->name);
	}
}

static void share_add(struct text *text, const struct audit_input *input, uint64_t part, uint64_t whole)
{
	struct share share;
	if (!input->log)
		return;
	text_add(text, " (");
	text_add(text, share_text(&share, part, whole));
	text_add(text, " of the messages)");
}

static void result_add(struct text *text, const struct audit_input *input, const struct totals *totals,
	enum tally_result result, const char *what, const char *then)
{
	uint64_t count = totals->domains[result];
	if (count == 0)
		return;
	text_add_number(text, (int64_t)count);
	text_add(text, " ");
	text_add(text, plural(count));
	share_add(text, input, totals->messages[result], totals->all_messages);
	text_add(text, what);
	names_add_text(text, &input->tally, result);
	text_add(text, then);
}

/* Returns whether the audit knows that no mail would be delayed. */
static bool is_ready(const struct audit_input *input, const struct totals *totals)
{
	return totals->domains[TALLY_DELAYED] == 0 && totals->domains[TALLY_UNCHECKED] == 0 && input->left_out == 0;
}

static void level_advice(struct text *text, bool ready, bool delays)
{
	if (ready)
		text_add(text, "default_level = verify would delay none of this mail.\n");
	else if (!delays)
		text_add(text, "Keep default_level = none until the other domains have been checked.\n");
	else
		text_add(text,
			"Use default_level = verify only if this mail may wait: the MTA returns it to its senders when its "
			"queue gives up. To let a domain out: exempt_domains, or stsgate override set DOMAIN pass.\n");
}

#define ADVICE_SIZE (3 * (FIRST_NAMED + 1) * DOMAIN_SIZE + 2048)

/* Writes the advice: lines that each end with a newline. */
static void advice_write(struct text *text, const struct audit_input *input, const struct totals *totals, bool monitor)
{
	const char *of = input->log ? "of this log" : "of this list";
	result_add(text, input, totals, TALLY_TESTING_FAILS,
		" would fail a policy in mode testing, which delays no mail", ".\n");
	result_add(text, input, totals, TALLY_UNCHECKED, " could not be checked; try again later", ".\n");
	if (input->left_out > 0)
		text_add(text, "There were more domains than one audit can hold: audit the rest separately.\n");
	result_add(text, input, totals, TALLY_DELAYED, " would be delayed; look first at", ".\n");
	if (totals->domains[TALLY_DELAYED] == 0) {
		text_add(text, is_ready(input, totals) ? "No domain " : "No other domain ");
		text_add(text, of);
		text_add(text, " would be delayed.\n");
	}
	if (input->level)
		level_advice(text, is_ready(input, totals), totals->domains[TALLY_DELAYED] > 0);
	else if (!monitor)
		text_add(text, "The settings have mode = enforce already.\n");
	else if (is_ready(input, totals))
		text_add(text, "It is time to change mode = monitor to mode = enforce.\n");
	else
		text_add(text, "Keep mode = monitor until you know why.\n");
	if (input->relay[0] == '\0' || input->many_relays || input->tally.count < 3)
		return;
	text_add(text, "All mail of this log went to one host, ");
	text_add(text, input->relay);
	text_add(text,
		": this seems to be a relay host (relayhost, smart host). Then only the policy of that next hop counts: "
		"check the next hop that the MTA's configuration names, and not these domains.\n");
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void row_print(const struct audit_input *input, const struct tally_row *row)
{
	printf("%-32s ", row->name);
	if (input->log)
		printf("%8" PRIu64 " ", tally_messages(row));
	printf("%-8s %-12s %-26s %s", row->has_policy ? policy_mode_name(row->mode) : "-", verdict_name(row->verdict),
		row->reason == REASON_OK ? "-" : reason_name(row->reason), row->hop ? row->hop : "-");
	bool by_map = row->map_holds && row->verdict != VERDICT_FAIL_ENFORCE && row->verdict != VERDICT_DEFER;
	if (by_map)
		printf(" (only the map holds it: %s)", row->map);
	putchar('\n');
}

/* Returns whether the domain has published a record or a policy that cannot be used. The table shows such a domain, because
 * its mail is not protected although its owner wants that. */
static bool is_broken(const struct tally_row *row)
{
	static const enum reason reasons[] = {REASON_RECORD_INVALID, REASON_RECORD_MANY, REASON_POLICY_FETCH,
		REASON_POLICY_INVALID, REASON_POLICY_WEBPKI, REASON_POLICY_WAIT};
	bool broken = false;
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		broken = broken || row->reason == reasons[i];
	return broken;
}

static void rows_print(const struct audit_input *input)
{
	bool headed = false;
	for (size_t i = 0; i < input->tally.count; i++) {
		const struct tally_row *row = input->tally.rows[i];
		if (row->result == TALLY_NO_POLICY && !is_broken(row))
			continue;
		if (!headed)
			printf("%-32s %s%-8s %-12s %-26s %s\n", "DOMAIN", input->log ? "MESSAGES " : "", "MODE",
				"VERDICT", "REASON", "MAIL HOST");
		headed = true;
		row_print(input, row);
	}
	if (headed)
		putchar('\n');
}

static void total_print(
	const struct audit_input *input, const char *what, uint64_t domains, uint64_t messages, uint64_t all)
{
	struct share share;
	printf("%-40s %8" PRIu64, what, domains);
	if (input->log)
		printf(" %10" PRIu64 " %8s", messages, share_text(&share, messages, all));
	putchar('\n');
}

static void totals_print(const struct audit_input *input, const struct totals *totals)
{
	static const char *const labels[TALLY_RESULTS] = {[TALLY_DELAYED] = "would be delayed",
		[TALLY_UNCHECKED] = "could not be checked",
		[TALLY_TESTING_FAILS] = "would fail a policy in mode testing",
		[TALLY_SATISFIED] = "with a policy, not delayed",
		[TALLY_NO_POLICY] = "without a policy"};
	printf("%-40s %8s%s\n", "", "DOMAINS", input->log ? "   MESSAGES    SHARE" : "");
	for (int i = 0; i < TALLY_RESULTS; i++)
		total_print(input, labels[i], totals->domains[i], totals->messages[i], totals->all_messages);
	total_print(input, "all", totals->all_domains, totals->all_messages, totals->all_messages);
	printf("\npolicies: enforce %" PRIu64 ", testing %" PRIu64 ", none %" PRIu64 "\n", totals->mode[POLICY_ENFORCE],
		totals->mode[POLICY_TESTING], totals->mode[POLICY_NONE]);
	if (input->without_domain > 0)
		printf("recipients without a domain that can have a policy: %" PRIu64 "\n", input->without_domain);
	if (input->left_out > 0)
		printf("left out, because there were more than %d domains: %" PRIu64 "\n", TALLY_ROWS_MAX,
			input->left_out);
	for (size_t i = 0; i < AUDIT_TLS_WORDS && input->tls[i].count > 0; i++)
		printf("%s%s %" PRIu64, i == 0 ? "TLS in the log: " : ", ", input->tls[i].word, input->tls[i].count);
	if (input->tls[0].count > 0)
		putchar('\n');
	putchar('\n');
}

void audit_print_text(const struct audit_input *input, bool monitor)
{
	static char advice[ADVICE_SIZE];
	struct totals totals;
	struct text text;
	totals_count(&totals, &input->tally);
	text_init(&text, advice, sizeof advice);
	advice_write(&text, input, &totals, monitor);
	rows_print(input);
	totals_print(input, &totals);
	fputs(advice, stdout);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

json_t *audit_row_json(const struct tally_row *row)
{
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(row->name));
	json_put(object, "result", json_text(tally_result_name(row->result)));
	json_put(object, "messages", json_integer((json_int_t)tally_messages(row)));
	json_put(object, "sent", json_integer((json_int_t)row->count[MAILLOG_SENT]));
	json_put(object, "deferred", json_integer((json_int_t)row->count[MAILLOG_DEFERRED]));
	json_put(object, "bounced", json_integer((json_int_t)row->count[MAILLOG_BOUNCED]));
	json_put(object, "policy", row->has_policy ? json_text(policy_mode_name(row->mode)) : NULL);
	json_put(object, "verdict", json_text(verdict_name(row->verdict)));
	json_put(object, "reason", json_text(reason_name(row->reason)));
	json_put(object, "mail_host", json_text(row->hop));
	json_put(object, "map", json_text(row->map));
	json_put(object, "map_holds", json_boolean(row->map_holds));
	json_put(object, "default_level", json_boolean(row->level));
	json_put(object, "checked_at", json_when(row->at));
	return object;
}

/* Prints `"name":value` and frees the value. */
static void member_print(const char *name, json_t *value)
{
	char *text = json_dumps(value, JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	printf(",\"%s\":%s", name, text ? text : "null");
	free(text);
	json_decref(value);
}

static json_t *results_json(const struct totals *totals)
{
	json_t *object = json_made(json_object());
	for (int i = 0; i < TALLY_RESULTS; i++) {
		json_t *one = json_made(json_object());
		json_put(one, "domains", json_integer((json_int_t)totals->domains[i]));
		json_put(one, "messages", json_integer((json_int_t)totals->messages[i]));
		json_put(object, tally_result_name((enum tally_result)i), one);
	}
	return object;
}

static json_t *log_json(const struct audit_input *input)
{
	json_t *object = json_made(json_object()), *tls = json_made(json_object());
	for (size_t i = 0; i < AUDIT_TLS_WORDS && input->tls[i].count > 0; i++)
		json_put(tls, input->tls[i].word, json_integer((json_int_t)input->tls[i].count));
	json_put(object, "without_domain", json_integer((json_int_t)input->without_domain));
	json_put(object, "only_relay", json_text(input->many_relays ? "" : input->relay));
	json_put(object, "tls", tls);
	return object;
}

void audit_print_json(const struct audit_input *input, bool monitor)
{
	static char advice[ADVICE_SIZE];
	struct totals totals;
	struct text text;
	json_t *modes = json_made(json_object());
	totals_count(&totals, &input->tally);
	text_init(&text, advice, sizeof advice);
	advice_write(&text, input, &totals, monitor);
	puts("{\"domains\":[");
	for (size_t i = 0; i < input->tally.count; i++) {
		fputs(i > 0 ? "," : "", stdout);
		json_print(audit_row_json(input->tally.rows[i]));
	}
	puts("]");
	for (int i = POLICY_ENFORCE; i >= POLICY_NONE; i--)
		json_put(modes, policy_mode_name((enum policy_mode)i), json_integer((json_int_t)totals.mode[i]));
	member_print("results", results_json(&totals));
	member_print("policies", modes);
	member_print("log", input->log ? log_json(input) : json_null());
	member_print("invalid", json_integer((json_int_t)input->invalid));
	member_print("left_out", json_integer((json_int_t)input->left_out));
	member_print("ready", json_boolean(is_ready(input, &totals)));
	member_print("advice", json_text(advice));
	puts("}");
}

/* --- CSV (RFC 4180) ----------------------------------------------------------------------------------------------- */

/* Prints a field. No domain, and no word of stsgate, begins with a character with which a formula of a spreadsheet begins. */
static void field_print(const char *text, const char *end)
{
	bool quoted = strpbrk(text, ",\"\r\n") != NULL;
	fputs(quoted ? "\"" : "", stdout);
	for (; *text; text++)
		printf(*text == '"' ? "\"\"" : "%c", *text);
	fputs(quoted ? "\"" : "", stdout);
	fputs(end, stdout);
}

void audit_print_csv(const struct audit_input *input, bool monitor)
{
	static char advice[ADVICE_SIZE];
	struct totals totals;
	struct text text;
	fputs("domain,result,messages,sent,deferred,bounced,policy,verdict,reason,mail_host,map\r\n", stdout);
	for (size_t i = 0; i < input->tally.count; i++) {
		const struct tally_row *row = input->tally.rows[i];
		field_print(row->name, ",");
		field_print(tally_result_name(row->result), ",");
		printf("%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", tally_messages(row),
			row->count[MAILLOG_SENT], row->count[MAILLOG_DEFERRED], row->count[MAILLOG_BOUNCED]);
		field_print(row->has_policy ? policy_mode_name(row->mode) : "", ",");
		field_print(verdict_name(row->verdict), ",");
		field_print(reason_name(row->reason), ",");
		field_print(row->hop ? row->hop : "", ",");
		field_print(row->map, "\r\n");
	}
	totals_count(&totals, &input->tally);
	text_init(&text, advice, sizeof advice);
	advice_write(&text, input, &totals, monitor);
	fputs(advice, stderr);
}
