/* A story: what the store keeps of one sign, from its beginning to its end, so that an operator can show it to others.
 *
 * It holds what was seen at the hop or in DNS now, the last good state before, and dated lines: the sign itself,
 * changes of the verdict, the end. It holds nothing of a message and no local part. Encoded, a story has at most
 * STORY_BYTES_MAX octets. A story is a single block of memory from calloc(). Times are wall-clock seconds. Pure; any
 * thread. */
#ifndef CORE_STORY_H
#define CORE_STORY_H

#include "event_record.h"
#include "evidence.h"
#include "look.h"

#define STORY_BYTES_MAX 8192
#define STORY_LINE_SIZE 160
#define STORY_LINES_MAX 24 /* of more lines, the first and the last half are kept */
#define STORY_DNS_SIZE 512
#define STORY_CLOCK_SIZE 160

struct story_line {
	int64_t at;
	char text[STORY_LINE_SIZE]; /* printable ASCII; untrusted parts are already quoted */
};

struct story {
	struct event_record event; /* as it was when the story was last written; its number identifies the story */
	/* Absent for a sign in DNS or in a policy. */
	struct evidence before; /* the last good evidence before the sign */
	struct look before_look;
	struct evidence now; /* the newest evidence that shows the sign */
	struct look now_look;
	/* Printable: what DNS answered about the domain, with DNSSEC status and TTL: record, MX set, TLSA records. */
	char dns_before[STORY_DNS_SIZE], dns_now[STORY_DNS_SIZE];
	char clock[STORY_CLOCK_SIZE]; /* printable: whether this machine's clock seems right */
	uint16_t line_count;
	uint32_t lines_left_out;
	struct story_line line[STORY_LINES_MAX];
};

#endif
