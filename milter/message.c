#include "message.h"

#include "memory.h"
#include "question.h"
#include "tlsrpt_envelope.h"

#include <stdlib.h>
#include <string.h>

void message_begin(struct message *message, struct config *config, const char *sender)
{
	struct span token;
	message_end(message);
	message->config = config_keep(config);
	message->report_sender =
		tlsrpt_envelope_token((struct span){sender, strlen(sender)}, config->settings->report_from, &token);
}

bool message_is_report(const struct message *message, bool authenticated, const char *client)
{
	return message->report_sender && !authenticated && tlsrpt_envelope_local((struct span){client, strlen(client)});
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

bool message_note(struct message *message, const struct verdict *verdict, const struct decision *decision)
{
	const struct message_note note = {*verdict, *decision};
	for (unsigned i = 0; i < message->note_count; i++) {
		if (strcmp(message->note[i].verdict.domain, verdict->domain) != 0)
			continue;
		if (verdict_weight(verdict->kind) > verdict_weight(message->note[i].verdict.kind))
			message->note[i] = note;
		return true;
	}
	if (message->note_count == MESSAGE_NOTES_MAX)
		return false;
	if (message->note_count == message->note_room) {
		message->note_room = message->note_room == 0 ? 2 : 2 * message->note_room;
		message->note = xrealloc(message->note, message->note_room * sizeof *message->note);
	}
	message->note[message->note_count++] = note;
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
