#include "message.h"

#include "memory.h"
#include "question.h"
#include "tls_required.h"
#include "tlsrpt_envelope.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

/* Looks at the sender and the parameters of MAIL. */
static void wishes_begin(struct message_wishes *wishes, const struct settings *settings, char *const *arguments)
{
	int treatment = settings_tls_required_no(settings);
	const struct settings_list *senders = &settings->tls_required_no_senders;
	struct span sender = span_of(arguments[0] ? arguments[0] : "");
	for (size_t i = 0; treatment == TLS_REQUIRED_NO_MAP && i < senders->count; i++) {
		struct span item = span_of(senders->item[i]);
		wishes->left_to_map = wishes->left_to_map || tls_required_sender(item, sender, false);
		wishes->left_if_here = wishes->left_if_here || tls_required_sender(item, sender, true);
	}
	for (size_t i = 1; arguments[0] && arguments[i]; i++)
		wishes->requiretls = wishes->requiretls || mail_parameter_requiretls(span_of(arguments[i]));
	/* With REQUIRETLS the header can release nothing (RFC 8689 5), so there is nothing to wait for. */
	wishes->after_header = treatment == TLS_REQUIRED_NO_HEADERS && !wishes->requiretls;
}

void message_begin(struct message *message, struct config *config, char *const *arguments)
{
	struct span token, sender = span_of(arguments[0] ? arguments[0] : "");
	message_end(message);
	message->config = config_keep(config);
	message->report_sender = tlsrpt_envelope_token(sender, config->settings->report_from, &token);
	wishes_begin(&message->wishes, config->settings, arguments);
}

bool message_field(struct message *message, const char *name, const char *value)
{
	struct message_wishes *wishes = &message->wishes;
	if (!message->config)
		return false;
	if (strcasecmp(name, TLS_REQUIRED_FIELD) == 0) {
		wishes->fields++;
		wishes->says_no = tls_required_is_no(span_of(value));
	} else if (strcasecmp(name, REQUIRETLS_FIELD) == 0) {
		wishes->demands_tls = true;
	}
	return strcasecmp(name, message->config->settings->milter_header) == 0;
}

bool message_is_left_to_map(const struct message *message, enum session_kind kind, const char *client)
{
	const struct message_wishes *wishes = &message->wishes;
	bool here = kind == SESSION_LOCAL || (kind == SESSION_SMTP && tlsrpt_envelope_local(span_of(client)));
	return wishes->left_to_map || (wishes->left_if_here && here);
}

bool message_prefers_delivery(const struct message *message)
{
	const struct message_wishes *wishes = &message->wishes;
	return wishes->fields == 1 && wishes->says_no && !wishes->requiretls && !wishes->demands_tls;
}

bool message_is_report(const struct message *message, bool authenticated, const char *client)
{
	return message->report_sender && !authenticated && tlsrpt_envelope_local(span_of(client));
}

void message_end(struct message *message)
{
	config_release(&message->config);
	free(message->tag);
	free(message->note);
	*message = (struct message){.config = NULL};
}

void message_recipient(struct message *message, const char *recipient)
{
	struct question question;
	question_from_recipient(&question, recipient, strlen(recipient), PURPOSE_DELIVER);
	if (message->recipients++ == 0)
		memcpy(message->first_domain, question.domain, sizeof message->first_domain);
	else if (strcmp(message->first_domain, question.domain) != 0)
		message->many_domains = true;
}

void message_tag(struct message *message, const struct verdict *verdict)
{
	for (unsigned i = 0; i < message->tag_count; i++) {
		if (strcmp(message->tag[i].domain, verdict->domain) != 0)
			continue;
		if (verdict_weight(verdict->kind) > verdict_weight(message->tag[i].kind))
			message->tag[i] = *verdict;
		return;
	}
	if (message->tag_count == MESSAGE_TAGS_MAX) {
		message->tags_left_out++;
		return;
	}
	if (message->tag_count == message->tag_room) {
		message->tag_room = message->tag_room == 0 ? 2 : 2 * message->tag_room;
		message->tag = xrealloc(message->tag, message->tag_room * sizeof *message->tag);
	}
	message->tag[message->tag_count++] = *verdict;
}

/* Returns whether a note is worse than another for the same domain: it delays the mail more, or as much with a worse verdict. */
static bool note_is_worse(const struct message_note *a, const struct message_note *b)
{
	if (a->decision.action != b->decision.action)
		return a->decision.action > b->decision.action;
	return verdict_weight(a->verdict.kind) > verdict_weight(b->verdict.kind);
}

bool message_note(struct message *message, const struct message_note *note)
{
	for (unsigned i = 0; i < message->note_count; i++) {
		struct message_note *before = &message->note[i];
		if (strcmp(before->verdict.domain, note->verdict.domain) != 0)
			continue;
		unsigned waiting = before->waiting + note->waiting;
		if (note_is_worse(note, before))
			*before = *note;
		before->waiting = waiting;
		return true;
	}
	if (message->note_count == MESSAGE_NOTES_MAX)
		return false;
	if (message->note_count == message->note_room) {
		message->note_room = message->note_room == 0 ? 2 : 2 * message->note_room;
		message->note = xrealloc(message->note, message->note_room * sizeof *message->note);
	}
	message->note[message->note_count++] = *note;
	return true;
}

void message_hold(struct message *message, const struct verdict *verdict)
{
	if (!message->held)
		message->held_for = *verdict;
	message->held = true;
}

static void header_render(const struct message *message, unsigned i, struct text *out)
{
	bool with_domains = !message->many_domains || message->config->settings->milter_tag_domains;
	answer_header(out, &message->tag[i], with_domains);
}

bool message_header(const struct message *message, unsigned i, struct text *out)
{
	header_render(message, i, out);
	for (unsigned before = 0; before < i; before++) {
		char earlier[ANSWER_HEADER_SIZE];
		struct text text;
		text_init(&text, earlier, sizeof earlier);
		header_render(message, before, &text);
		if (strcmp(earlier, out->bytes) == 0)
			return false;
	}
	return true;
}
