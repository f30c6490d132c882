/* A field of the hash of decisions, or a message with one: the input is the field, a newline, and an octet that says whether the rest
 * is the value, or what our own key seals. */
#include "age.h"
#include "fleet_decisions.h"
#include "fuzz_key.h"
#include "memory.h"

#include <stdio.h>
#include <string.h>

#define NOW INT64_C(1760000000)

/* What is accepted is valid, and can be stored and sealed again as the same. */
static void field_holds(const struct fleet_base *base, struct span field, struct span value)
{
	struct decision_record decision, back;
	if (decision_open(base, field, value, NOW, &decision) != FLEET_TAKEN)
		return;
	FUZZ_MUST(decision_is_valid(&decision) && !decision_is_ahead(&decision, NOW));
	struct bytes bytes = decision_encode(&decision);
	FUZZ_MUST(decision_decode(&back, bytes.at, bytes.len));
	free(bytes.at);
	size_t len;
	char name[DECISION_FIELD_SIZE];
	decision_field(name, &decision);
	char *sealed = decision_seal(base, &back, NOW, &len);
	FUZZ_MUST(decision_open(base, (struct span){name, strlen(name)}, (struct span){sealed, len}, NOW, &back) ==
		  FLEET_TAKEN);
	FUZZ_MUST(decision_is_same(&decision, &back) && override_same(&decision.override, &back.override));
	free(sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fleet_base base = {.prefix = "farm", .node = "relay1", .keys = fuzz_keys()};
	struct span field, rest;
	if (!decision_message_split((struct span){(const char *)data, size}, &field, &rest) || rest.len == 0 ||
		field.len >= DECISION_FIELD_SIZE)
		return 0;
	if (rest.at[0] != 's') {
		field_holds(&base, field, (struct span){rest.at + 1, rest.len - 1});
		return 0;
	}
	char place[FLEET_PLACE_SIZE + DECISION_FIELD_SIZE];
	size_t len;
	snprintf(place, sizeof place, "farm:decisions %.*s", (int)field.len, field.at);
	char *sealed = fleet_seal_payload(base.keys, place, rest.at + 1, rest.len - 1, &len);
	field_holds(&base, field, (struct span){sealed, len});
	free(sealed);
	return 0;
}
