#include "address.h"

#include <string.h>

struct block {
	uint8_t prefix[16];
	uint8_t bits;
	bool global;
};

/* IANA's special-purpose registries (RFC 6890), multicast and class E. The first block that has the address counts. */
static const struct block blocks4[] = {
	{{192, 0, 0, 9}, 32, true},  /* Port Control Protocol anycast */
	{{192, 0, 0, 10}, 32, true}, /* TURN anycast */
	{{0}, 8, false},             /* this network */
	{{10}, 8, false},            /* private use */
	{{100, 64}, 10, false},      /* shared address space */
	{{127}, 8, false},           /* loopback */
	{{169, 254}, 16, false},     /* link local */
	{{172, 16}, 12, false},      /* private use */
	{{192, 0, 0}, 24, false},    /* IETF protocol assignments */
	{{192, 0, 2}, 24, false},    /* documentation */
	{{192, 88, 99}, 24, false},  /* 6to4 relay anycast, deprecated */
	{{192, 168}, 16, false},     /* private use */
	{{198, 18}, 15, false},      /* benchmarking */
	{{198, 51, 100}, 24, false}, /* documentation */
	{{203, 0, 113}, 24, false},  /* documentation */
	{{224}, 4, false},           /* multicast */
	{{240}, 4, false},           /* reserved, broadcast */
	{{0}, 0, true},
};

static const struct block blocks6[] = {
	{{0x20, 0x01, 0, 1, [15] = 1}, 128, true},  /* Port Control Protocol anycast */
	{{0x20, 0x01, 0, 1, [15] = 2}, 128, true},  /* TURN anycast */
	{{0x20, 0x01, 0, 1, [15] = 3}, 128, true},  /* DNS-SD SRP anycast */
	{{0x20, 0x01, 0, 3}, 32, true},             /* AMT */
	{{0x20, 0x01, 0, 4, 0x01, 0x12}, 48, true}, /* AS112 */
	{{0x20, 0x01, 0, 0x20}, 28, true},          /* ORCHIDv2 */
	{{0x20, 0x01, 0, 0x30}, 28, true},          /* drone remote identification */
	{{0x20, 0x01}, 23, false},                  /* IETF protocol assignments, Teredo among them */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, false},      /* documentation */
	{{0x20, 0x02}, 16, false},                  /* 6to4 */
	{{0x3f, 0xff}, 20, false},                  /* documentation */
	{{0x20}, 3, true},                          /* global unicast */
	{{0}, 0, false},
};

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t nat64_prefix[12] = {0x00, 0x64, 0xff, 0x9b}; /* RFC 6052 */

/* `block` is the first one of a table. Both tables end with a block that has all addresses. */
static bool blocks_judge(const struct block *block, const uint8_t *bytes)
{
	for (;; block++) {
		unsigned whole = block->bits / 8, rest = block->bits % 8;
		if (!memcmp(block->prefix, bytes, whole) &&
			(!rest || (block->prefix[whole] ^ bytes[whole]) >> (8 - rest) == 0))
			return block->global;
	}
}

bool address_is_global(const struct address *address)
{
	const uint8_t *bytes = address->bytes;
	if (address->len == 4)
		return blocks_judge(blocks4, bytes);
	if (!memcmp(bytes, mapped_prefix, sizeof mapped_prefix) || !memcmp(bytes, nat64_prefix, sizeof nat64_prefix))
		return blocks_judge(blocks4, bytes + 12);
	return blocks_judge(blocks6, bytes);
}

uint64_t address_network(const struct address *address)
{
	const uint8_t *bytes = address->bytes;
	uint64_t network = 0;
	bool v4 = address->len == 4;
	if (!v4 && !memcmp(bytes, mapped_prefix, sizeof mapped_prefix)) {
		bytes += 12;
		v4 = true;
	}
	for (int i = 0; i < (v4 ? 3 : 6); i++)
		network = network << 8 | bytes[i];
	return v4 ? network | UINT64_C(1) << 63 : network;
}
