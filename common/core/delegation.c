#include "delegation.h"

#include "answer.h"
#include "ascii.h"

#include <string.h>

/* Reads the line `NAME=VALUE`. All names of Postfix have only lower-case letters, digits and `_`. */
static bool line_take(struct delegation_request *request, struct span *kind, struct span line)
{
	const char *equals = memchr(line.at, '=', line.len);
	if (!equals || equals == line.at || memchr(line.at, '\0', line.len))
		return false;
	struct span name = {line.at, (size_t)(equals - line.at)};
	struct span value = {equals + 1, line.len - name.len - 1};
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_alnum(name.at[i]) && name.at[i] != '_')
			return false;
	const struct {
		const char *name;
		struct span *place;
	} attributes[] = {
		{"request", kind},
		{"protocol_state", &request->state},
		{"sender", &request->sender},
		{"recipient", &request->recipient},
		{"client_address", &request->client},
		{"queue_id", &request->queue_id},
		{"instance", &request->instance},
		{"sasl_method", &request->sasl_method},
		{"sasl_username", &request->sasl_username},
	};
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
		if (!span_is(name, attributes[i].name))
			continue;
		if (attributes[i].place->at)
			return false; /* nobody knows which of the two values counts */
		*attributes[i].place = value;
	}
	return true;
}

enum delegation_read delegation_read(struct delegation_request *out, struct span in, size_t *used)
{
	struct span kind = {NULL, 0};
	size_t at = 0;
	*out = (struct delegation_request){.state = {NULL, 0}};
	if (in.len > DELEGATION_REQUEST_MAX)
		in.len = DELEGATION_REQUEST_MAX;
	while (at < in.len) {
		const char *end = memchr(in.at + at, '\n', in.len - at);
		if (!end)
			break;
		struct span line = {in.at + at, (size_t)(end - in.at) - at};
		at += line.len + 1;
		if (line.len == 0) {
			*used = at;
			return span_is(kind, "smtpd_access_policy") ? DELEGATION_OK : DELEGATION_MALFORMED;
		}
		if (!line_take(out, &kind, line))
			return DELEGATION_MALFORMED;
	}
	return in.len < DELEGATION_REQUEST_MAX ? DELEGATION_MORE : DELEGATION_MALFORMED;
}

/* Postfix sends recipients in its internal form, without quotes and routes, so the domain follows the last `@`. */
bool delegation_domain(const struct delegation_request *request, struct span *domain)
{
	struct span recipient = request->recipient;
	if (!span_is(request->state, "RCPT"))
		return false;
	for (size_t i = recipient.len; i-- > 0;) {
		if (recipient.at[i] != '@')
			continue;
		*domain = (struct span){recipient.at + i + 1, recipient.len - i - 1};
		return domain->len > 0;
	}
	return false;
}

bool delegation_authenticated(const struct delegation_request *request)
{
	return request->sasl_username.len > 0 || request->sasl_method.len > 0;
}

static void add_header_value(struct text *out, const struct verdict *verdict, bool with_domains)
{
	char value[ANSWER_HEADER_SIZE];
	struct text text;
	text_init(&text, value, sizeof value);
	answer_header(&text, verdict, with_domains);
	text_add(out, value);
}

void delegation_reply(struct text *out, const struct delegation_reply *reply)
{
	char words[ANSWER_REPLY_SIZE];
	struct text text;
	text_add(out, "action=");
	switch (reply->action) {
	case DELEGATION_DUNNO:
		text_add(out, "DUNNO");
		break;
	case DELEGATION_PREPEND:
		text_add(out, "PREPEND ");
		text_add(out, reply->header);
		text_add(out, ": ");
		add_header_value(out, reply->verdict, reply->with_domains);
		break;
	case DELEGATION_HOLD:
		/* Postfix writes this text to its log only. */
		text_add(out, "HOLD stsgate: ");
		add_header_value(out, reply->verdict, true);
		break;
	case DELEGATION_DEFER:
		text_init(&text, words, sizeof words);
		answer_reply(&text, reply->verdict);
		text_add(out, "DEFER_IF_PERMIT 4.7.5 ");
		text_add(out, words);
		break;
	}
	text_add(out, "\n\n");
}
