/* What a node says of itself, sealed by a node that has the key: the input is the payload. */
#include "fleet_node.h"
#include "fuzz_key.h"

#include <string.h>

#define NOW 1700000000
#define NAME "relay1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fleet_keys *keys = fuzz_keys();
	struct fleet_node node, again;
	size_t len;
	char *sealed = fleet_seal_payload(keys, "farm:nodes " NAME, (const char *)data, size, &len);
	if (sealed && fleet_node_open(keys, "farm", NAME, strlen(NAME), sealed, len, NOW, &node) == FLEET_TAKEN) {
		FUZZ_MUST(strcmp(node.name, NAME) == 0 && node.entries >= 0 && node.started_at <= node.seen_at);
		for (const char *at = node.version; *at; at++)
			FUZZ_MUST(*at > 0x20 && *at < 0x7f);
		FUZZ_MUST(fleet_node_age_s(&node, NOW) >= 0 && fleet_node_lag_s(&node) >= -1);
		/* What was taken can be written, and is then the same. */
		free(sealed);
		sealed = fleet_node_seal(keys, "farm", &node, &len);
		FUZZ_MUST(sealed &&
			  fleet_node_open(keys, "farm", NAME, strlen(NAME), sealed, len, NOW, &again) == FLEET_TAKEN);
		FUZZ_MUST(strcmp(node.version, again.version) == 0 && node.decided_at == again.decided_at &&
			  node.ahead_s == again.ahead_s && node.clock_known == again.clock_known);
	}
	free(sealed);
	return 0;
}
