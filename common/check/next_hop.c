#include "next_hop.h"

#include "service.h"
#include "text.h"

#define ASKED_SHOWN 100 /* characters of a next hop that cannot be read */

void next_hop_question(struct question *out, const char *bytes, size_t len, enum purpose purpose)
{
	uint16_t port;
	question_from_next_hop(out, bytes, len, purpose);
	if (out->service[0] != '\0' && service_port(out->service, &port))
		question_port_is(out, port);
}

void next_hop_note(struct check *check, const struct verdict *verdict, const char *frontend, struct span asked)
{
	char detail[EVENT_DETAIL_SIZE];
	struct text text;
	bool unreadable = verdict->reason == REASON_NEXT_HOP_UNREADABLE || verdict->reason == REASON_DOMAIN_UNREADABLE;
	if (!unreadable || verdict->kind != VERDICT_DEFER)
		return;
	text_init(&text, detail, sizeof detail);
	text_add(&text, frontend);
	text_add(&text, " was asked for ");
	text_quote(&text, asked.at, asked.len, ASKED_SHOWN);
	check_event(check, EVENT_NEXT_HOP_UNREADABLE, verdict->domain, detail);
}
