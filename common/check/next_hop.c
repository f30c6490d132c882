#include "next_hop.h"

#include "service.h"

void next_hop_question(struct question *out, const char *bytes, size_t len, enum purpose purpose)
{
	uint16_t port;
	question_from_next_hop(out, bytes, len, purpose);
	if (out->service[0] != '\0' && service_port(out->service, &port))
		question_set_port(out, port);
}
