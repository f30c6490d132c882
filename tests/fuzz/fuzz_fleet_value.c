/* A value of the shared store: an octet that says whether the rest is the whole value, or what our own key seals. */
#include "age.h"
#include "fleet_keys.h"
#include "fuzz_key.h"

#include <string.h>

#define NOW 1700000000
#define PLACE "farm:entry:example.com"

/* Returns whether the value was accepted. What is accepted is sealed and opened again as the same. */
static bool value_holds(const struct fleet_keys *keys, const char *bytes, size_t len)
{
	struct fleet_written written, again;
	enum fleet_ignored ignored;
	json_t *object = fleet_open_value(keys, PLACE, bytes, len, NOW, &written, &ignored);
	FUZZ_MUST((object != NULL) == (ignored == FLEET_TAKEN));
	if (!object)
		return false;
	FUZZ_MUST(json_is_object(object) && node_name_is_valid((struct span){written.node, strlen(written.node)}));
	FUZZ_MUST(written.at > 0 && written.at <= NOW + CLOCK_SKEW_S);
	size_t sealed_len;
	char *sealed = fleet_seal_value(keys, PLACE, written.node, written.at, object, &sealed_len);
	if (sealed) {
		json_t *copy = fleet_open_value(keys, PLACE, sealed, sealed_len, NOW, &again, &ignored);
		FUZZ_MUST(copy && json_equal(copy, object) && strcmp(again.node, written.node) == 0);
		json_decref(copy);
		FUZZ_MUST(!fleet_open_value(keys, PLACE "x", sealed, sealed_len, NOW, &again, &ignored));
	}
	free(sealed);
	json_decref(object);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fleet_keys *keys = fuzz_keys();
	if (size == 0)
		return 0;
	const char *rest = (const char *)data + 1;
	if (data[0] != 's') {
		value_holds(keys, rest, size - 1);
		return 0;
	}
	size_t len;
	char *sealed = fleet_seal_payload(keys, PLACE, rest, size - 1, &len);
	value_holds(keys, sealed, len);
	free(sealed);
	return 0;
}
