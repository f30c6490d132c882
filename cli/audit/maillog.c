#include "maillog.h"

#include "ascii.h"

static struct span span_after(struct span span, size_t len)
{
	return (struct span){span.at + len, span.len - len};
}

static bool span_begins(struct span span, const char *word)
{
	size_t len = strlen(word);
	return span.len >= len && memcmp(span.at, word, len) == 0;
}

/* Takes what stands before the first `end` off the span, together with `end`. Returns false if there is no `end`. */
static bool take_until(struct span *from, char end, struct span *out)
{
	struct span rest = *from, part = span_until(&rest, end);
	if (part.len == from->len)
		return false;
	*out = part;
	*from = rest;
	return true;
}

/* --- fields ------------------------------------------------------------------------------------------------------- */

/* Returns the length of the address or value at the start of the text: up to a comma that stands outside of quotes and
 * angle brackets. With `blank`, only a comma before a blank counts. A quote or bracket that never ends does not count as
 * one. */
static size_t part_len(struct span text, bool blank)
{
	bool quoted = false, angled = false, ended = false;
	size_t plain = text.len, i = 0;
	for (; i < text.len && !ended; i++) {
		char c = text.at[i];
		bool comma = c == ',' && (!blank || (i + 1 < text.len && text.at[i + 1] == ' '));
		if (comma && plain == text.len)
			plain = i;
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '<' || c == '>'))
			angled = c == '<';
		else if (comma && !quoted && !angled)
			ended = true;
	}
	if (ended)
		return i - 1;
	return quoted || angled ? plain : text.len;
}

/* Takes the next `name=value` off the text. Fields are separated by a comma and a blank. The last field of a delivery is
 * the status, which is followed by a reply of the other side: stop there. */
static bool field_next(struct span *text, struct span *name, struct span *value)
{
	if (!take_until(text, '=', name))
		return false;
	*value = (struct span){text->at, part_len(*text, true)};
	*text = span_after(*text, value->len);
	if (text->len > 0)
		*text = span_after(*text, text->len > 1 ? 2 : 1);
	return true;
}

struct fields {
	struct span to, relay, tls, dsn, mailer, status;
};

/* Reads the fields up to and with the one called `status`. Returns false if that field or the recipient is missing. */
static bool fields_read(struct fields *out, struct span text, const char *status)
{
	struct span name, value;
	*out = (struct fields){0};
	while (!out->status.at && field_next(&text, &name, &value)) {
		if (span_is(name, "to"))
			out->to = value;
		else if (span_is(name, "relay"))
			out->relay = value;
		else if (span_is(name, "tls"))
			out->tls = value;
		else if (span_is(name, "dsn"))
			out->dsn = value;
		else if (span_is(name, "mailer"))
			out->mailer = value;
		else if (span_is(name, status))
			out->status = value;
	}
	return out->status.at && out->to.len > 0;
}

bool maillog_recipient(struct span *recipients, struct span *address)
{
	*address = (struct span){.len = 0};
	while (recipients->len > 0 && address->len == 0) {
		size_t len = part_len(*recipients, false);
		*address = span_trim((struct span){recipients->at, len}, " ");
		*recipients = span_after(*recipients, len < recipients->len ? len + 1 : len);
	}
	return address->len > 0;
}

/* --- one delivery ------------------------------------------------------------------------------------------------- */

/* Returns whether a relay, such as `host[127.0.0.1]:10024`, has a loopback address in its brackets. */
static bool is_loopback(struct span relay)
{
	static const char *const loopback[] = {"::1]", "IPv6:::1]", "IPv6:0:0:0:0:0:0:0:1]"};
	struct span skipped;
	bool found = false;
	while (!found && take_until(&relay, '[', &skipped)) {
		found = span_begins(relay, "127.");
		for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++)
			found = found || span_begins(relay, loopback[i]);
	}
	return found;
}

/* Returns the host's name in a relay: `host[address]:port` of Postfix, `host. [address]` of Sendmail. */
static struct span relay_host(struct span relay)
{
	size_t len = 0;
	while (len < relay.len && relay.at[len] != '[' && relay.at[len] != ' ')
		len++;
	struct span host = {relay.at, len};
	if (span_is(host, "none") || span_is(host, "unknown"))
		host.len = 0;
	if (host.len > 0 && host.at[host.len - 1] == '.')
		host.len--;
	return host;
}

/* Returns the level in a field such as `may:none` or `encrypt/requiretls`, whose other parts do not matter here. */
static struct span tls_word(struct span field)
{
	size_t len = 0;
	while (len < field.len && (field.at[len] == '-' || field.at[len] == ':' || ascii_is_digit(field.at[len]) ||
					  (field.at[len] >= 'a' && field.at[len] <= 'z')))
		len++;
	return (struct span){field.at, len <= MAILLOG_WORD_MAX ? len : 0};
}

static bool delivery_set(struct maillog_delivery *out, const struct fields *fields)
{
	out->recipients = fields->to;
	out->relay = relay_host(fields->relay);
	out->tls = tls_word(fields->tls);
	return !is_loopback(fields->relay);
}

static bool postfix_message(struct maillog_delivery *out, struct span text)
{
	static const struct {
		const char *word;
		enum maillog_outcome outcome;
	} statuses[] = {{"sent", MAILLOG_SENT}, {"deferred", MAILLOG_DEFERRED}, {"SOFTBOUNCE", MAILLOG_DEFERRED},
		{"bounced", MAILLOG_BOUNCED}, {"expired", MAILLOG_BOUNCED}};
	struct fields fields;
	struct span status, reply;
	if (!fields_read(&fields, text, "status"))
		return false;
	reply = fields.status;
	if (!take_until(&reply, ' ', &status))
		status = fields.status;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		if (span_is(status, statuses[i].word)) {
			out->outcome = statuses[i].outcome;
			return delivery_set(out, &fields);
		}
	return false; /* such as `deliverable`, for a probe that delivers nothing */
}

static bool sendmail_message(struct maillog_delivery *out, struct span text)
{
	static const char *const mailers[] = {"esmtp", "smtp", "smtp8", "dsmtp", "relay"};
	struct fields fields;
	bool over_smtp = false, known = true;
	if (!fields_read(&fields, text, "stat"))
		return false;
	for (size_t i = 0; i < sizeof mailers / sizeof *mailers; i++)
		over_smtp = over_smtp || span_is(fields.mailer, mailers[i]);
	if (span_begins(fields.status, "Sent"))
		out->outcome = MAILLOG_SENT;
	else if (span_begins(fields.status, "Deferred"))
		out->outcome = MAILLOG_DEFERRED;
	else if (span_begins(fields.dsn, "5."))
		out->outcome = MAILLOG_BOUNCED;
	else
		known = false; /* such as `queued` */
	return over_smtp && known && delivery_set(out, &fields);
}

/* Returns the part of a program's name after its last slash, as in `postfix-out/relay/smtp`. */
static struct span program_last(struct span program)
{
	struct span skipped;
	while (take_until(&program, '/', &skipped))
		;
	return program;
}

bool maillog_message(struct maillog_delivery *out, struct span program, struct span text)
{
	static const char *const sendmails[] = {"sendmail", "sm-mta", "sendmail-mta", "sm-queue"};
	struct span name = program_last(program);
	*out = (struct maillog_delivery){0};
	if (!take_until(&text, ':', &out->queue_id) || !span_begins(text, " to=") || out->queue_id.len == 0)
		return false;
	text = span_after(text, 1);
	if (name.len < program.len)
		return span_is(name, "smtp") && postfix_message(out, text);
	for (size_t i = 0; i < sizeof sendmails / sizeof *sendmails; i++)
		if (span_is(program, sendmails[i]))
			return sendmail_message(out, text);
	return false;
}

/* --- syslog lines ------------------------------------------------------------------------------------------------- */

/* Takes the time off the line: `2026-11-30T06:09:52.1+00:00` (RFC 3339), or `Nov 30 06:09:52`, with a second blank
 * before a day of one digit. */
static bool time_take(struct span *line)
{
	struct span word, day, time;
	if (!take_until(line, ' ', &word))
		return false;
	if (word.len >= 19 && ascii_is_digit(word.at[0]) && word.at[4] == '-' && word.at[10] == 'T')
		return true;
	if (word.len != 3)
		return false;
	*line = span_trim(*line, " ");
	return take_until(line, ' ', &day) && take_until(line, ' ', &time) && day.len <= 2 && time.len == 8 &&
	       time.at[2] == ':' && time.at[5] == ':';
}

static bool is_tag(struct span word)
{
	return word.len > 0 && word.at[word.len - 1] == ':';
}

bool maillog_line(struct maillog_delivery *out, struct span line)
{
	struct span tag, program;
	*out = (struct maillog_delivery){0};
	if (!time_take(&line) || !take_until(&line, ' ', &tag))
		return false;
	/* Before the tag there is this machine's name, which some syslog servers leave out. */
	if (!is_tag(tag) && !take_until(&line, ' ', &tag))
		return false;
	if (!is_tag(tag))
		return false;
	tag.len--;
	if (!take_until(&tag, '[', &program))
		program = tag;
	return maillog_message(out, program, line);
}
