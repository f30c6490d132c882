#include "describe.h"

#include <stdio.h>

const char *describe_tlsa_state(const struct tlsa_look *look)
{
	switch (look ? look->state : TLSA_UNKNOWN) {
	case TLSA_UNKNOWN:
		break;
	case TLSA_NONE:
		return look->signed_denial ? "none, which DNSSEC proves" : "none that is signed";
	case TLSA_USABLE:
		return "usable";
	case TLSA_UNUSABLE:
		return "signed, but none usable";
	case TLSA_FAILED:
		return "could not be looked up or validated";
	}
	return "unknown";
}

void tell_tlsa(const struct tlsa_look *look, int64_t now)
{
	struct when at, span, ttl;
	struct quote quote;
	if (look->checked_at == 0)
		return;
	tell("", "TLSA records: %s, looked up %s (%s ago), TTL %s", describe_tlsa_state(look),
		when_date(&at, look->checked_at), when_span(&span, now - look->checked_at),
		when_span(&ttl, look->ttl_s));
	if (look->count > 0)
		tell("", "  %u of %u at %s count", look->usable, look->count, quote_string(&quote, look->base));
}

json_t *describe_tlsa(const struct tlsa_look *look)
{
	if (look->checked_at == 0)
		return NULL;
	json_t *object = json_made(json_object());
	json_put(object, "state", json_text(tlsa_state_name(look->state)));
	json_put(object, "dnssec",
		json_text(look->state == TLSA_FAILED                        ? "failed"
			  : look->state != TLSA_NONE || look->signed_denial ? "secure"
									    : "insecure"));
	json_put(object, "base", json_text(look->base));
	json_put(object, "records", json_integer(look->count));
	json_put(object, "usable", json_integer(look->usable));
	json_put(object, "checked_at", json_when(look->checked_at));
	json_put(object, "ttl", json_integer(look->ttl_s));
	return object;
}
