/* Splits the octets of a log into messages. The log is a syslog file, one message per line, or the output of
 * `journalctl -o export`; the first line tells which. The log may hold any octets and may come in pieces of any size.
 * Memory is bounded: a line or field that is too long is cut. Pure: no I/O; not thread-safe. */
#ifndef CLI_MAILLOG_TEXT_H
#define CLI_MAILLOG_TEXT_H

#include "span.h"

#include <stdint.h>

#define MAILLOG_LINE_MAX 16384 /* octets of a line or field; Postfix and Sendmail write at most 2,000 or so */
#define MAILLOG_PROGRAM_MAX 128

/* Takes one message. `program.at` is NULL if `text` is a whole line of a syslog file. The text is valid during the call
 * only. */
typedef void maillog_take(void *arg, struct span program, struct span text);

struct maillog_text {
	maillog_take *take;
	void *arg;
	enum { TEXT_LINE, TEXT_SIZE, TEXT_DATA, TEXT_DATA_END } state;
	bool begun;     /* the first line has been read, so `journal` is known */
	bool journal;   /* this is the output of journalctl */
	size_t len;     /* of `line` */
	size_t name;    /* journal: octets of `line` that are the name of the binary field being read */
	uint64_t size;  /* journal: octets of that field that are still to come */
	unsigned sized; /* journal: octets of `size` read so far */
	char line[MAILLOG_LINE_MAX];
	/* The entry of the journal that is being read. */
	size_t program_len, message_len;
	char program[MAILLOG_PROGRAM_MAX];
	char message[MAILLOG_LINE_MAX];
};

void maillog_text_begin(struct maillog_text *text, maillog_take *take, void *arg);
void maillog_text_feed(struct maillog_text *text, const char *bytes, size_t len);
/* Call it after the last octet: the last line may lack its newline. */
void maillog_text_end(struct maillog_text *text);

#endif
