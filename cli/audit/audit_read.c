/* audit: reads lists of domains, and mail logs, plain or compressed by gzip. */
#include "audit.h"

#include "batch.h"
#include "clock.h"
#include "maillog_text.h"
#include "memory.h"
#include "next_hop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define PIECE_BYTES 65536
#define INVALID_SHOWN 20 /* lines of a list that name no domain; further ones are counted */
#define SEEN_FIRST 1024
#define SEEN_MAX (1 << 20) /* recipients that are remembered until they are delivered; further ones may count twice */

void audit_input_init(struct audit_input *input, bool log)
{
	*input = (struct audit_input){.log = log};
	tally_init(&input->tally, (uint32_t)clock_wall_s() ^ (uint32_t)getpid());
	input->seen = (struct audit_seen){.slots = xcalloc(SEEN_FIRST, sizeof(uint64_t)), .slot_count = SEEN_FIRST};
}

void audit_input_free(struct audit_input *input)
{
	tally_free(&input->tally);
	free(input->seen.slots);
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static void line_take(struct audit_input *input, const struct lines *lines)
{
	struct span word = lines_word(lines);
	struct question question;
	struct quote quote;
	char hop[BATCH_HOP_SIZE];
	if (word.len == 0)
		return;
	bool address = memchr(word.at, '@', word.len) != NULL;
	(address ? question_from_recipient : next_hop_question)(&question, word.at, word.len, PURPOSE_QUERY);
	if (question.has_domain && !question.unreadable) {
		input->left_out += !tally_make(&input->tally, batch_hop(&question, hop));
		return;
	}
	if (input->invalid++ >= INVALID_SHOWN)
		return;
	fprintf(stderr, "stsgate: line %" PRIu64 " is not a domain that can have a policy: %s\n", lines->number,
		quote_bytes(&quote, word.at, word.len));
}

bool audit_read_list(struct audit_input *input, const char *name, int descriptor)
{
	struct lines lines;
	lines_begin(&lines, xneed(fdopen(descriptor, "r")));
	while (lines_next(&lines))
		line_take(input, &lines);
	if (input->invalid > INVALID_SHOWN)
		fprintf(stderr, "stsgate: %" PRIu64 " more lines name no domain\n", input->invalid - INVALID_SHOWN);
	if (input->invalid > 0)
		fputs("stsgate: note: a list has one domain a line; for a mail log use --maillog\n", stderr);
	return lines_close(&lines, name);
}

/* --- deliveries --------------------------------------------------------------------------------------------------- */

static uint64_t hash_add(uint64_t hash, struct span bytes) /* FNV-1a */
{
	for (size_t i = 0; i < bytes.len; i++)
		hash = (hash ^ (unsigned char)bytes.at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Returns a number for one recipient of one message; never 0. */
static uint64_t recipient_number(struct span queue_id, struct span address)
{
	uint64_t hash = hash_add(hash_add(UINT64_C(0xcbf29ce484222325), queue_id), address);
	return hash != 0 ? hash : 1;
}

static uint64_t *seen_slot(const struct audit_seen *seen, uint64_t number)
{
	size_t at = number % seen->slot_count;
	while (seen->slots[at] != 0 && seen->slots[at] != number)
		at = (at + 1) % seen->slot_count;
	return &seen->slots[at];
}

static void seen_add(struct audit_seen *seen, uint64_t number)
{
	if (seen->count == SEEN_MAX)
		return;
	if ((seen->count + 1) * 2 > seen->slot_count) {
		struct audit_seen larger = {.slots = xcalloc(seen->slot_count * 2, sizeof(uint64_t)),
			.slot_count = seen->slot_count * 2,
			.count = seen->count};
		for (size_t i = 0; i < seen->slot_count; i++)
			if (seen->slots[i] != 0)
				*seen_slot(&larger, seen->slots[i]) = seen->slots[i];
		free(seen->slots);
		*seen = larger;
	}
	*seen_slot(seen, number) = number;
	seen->count++;
}

/* Counts a recipient once, by its last outcome: an MTA logs each attempt at a deferred message. */
static void recipient_count(
	struct audit_input *input, struct tally_row *row, const struct maillog_delivery *delivery, struct span address)
{
	uint64_t number = recipient_number(delivery->queue_id, address);
	bool seen = *seen_slot(&input->seen, number) == number;
	if (seen && row->count[MAILLOG_DEFERRED] > 0)
		row->count[MAILLOG_DEFERRED]--;
	if (!seen && delivery->outcome == MAILLOG_DEFERRED)
		seen_add(&input->seen, number);
	row->count[delivery->outcome]++;
}

static void recipient_take(struct audit_input *input, const struct maillog_delivery *delivery, struct span address)
{
	struct question question;
	question_from_recipient(&question, address.at, address.len, PURPOSE_QUERY);
	struct tally_row *row = question.has_domain ? tally_make(&input->tally, question.domain) : NULL;
	if (row)
		recipient_count(input, row, delivery, address);
	else if (question.has_domain)
		input->left_out++;
	else
		input->without_domain++;
}

static void relay_note(struct audit_input *input, struct span relay)
{
	struct domain host;
	if (relay.len == 0 || !domain_parse(&host, relay.at, relay.len))
		return;
	if (input->relay[0] == '\0')
		snprintf(input->relay, sizeof input->relay, "%s", host.name);
	else if (strcmp(input->relay, host.name) != 0)
		input->many_relays = true;
}

static void tls_count(struct audit_input *input, struct span word)
{
	size_t i = 0;
	while (i < AUDIT_TLS_WORDS - 1 && input->tls[i].count > 0 && !span_is(word, input->tls[i].word))
		i++;
	if (input->tls[i].count++ == 0)
		snprintf(input->tls[i].word, sizeof input->tls[i].word, "%.*s",
			i < AUDIT_TLS_WORDS - 1 ? (int)word.len : 5, i < AUDIT_TLS_WORDS - 1 ? word.at : "other");
}

/* A callback of maillog_text. */
static void message_take(void *arg, struct span program, struct span text)
{
	struct audit_input *input = arg;
	struct maillog_delivery delivery;
	struct span address;
	bool found = program.at ? maillog_message(&delivery, program, text) : maillog_line(&delivery, text);
	if (!found)
		return;
	relay_note(input, delivery.relay);
	if (delivery.tls.len > 0)
		tls_count(input, delivery.tls);
	while (maillog_recipient(&delivery.recipients, &address))
		recipient_take(input, &delivery, address);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

/* Returns the name of a compression that stsgate does not read, if the file begins with its magic number; else NULL. */
static const char *compression(const char *bytes, size_t len)
{
	static const struct {
		const char *magic, *name;
	} kinds[] = {{"\xfd"
		      "7zXZ",
			     "xz"},
		{"\x28\xb5\x2f\xfd", "zstd"}, {"BZh", "bzip2"}};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (len >= strlen(kinds[i].magic) && memcmp(bytes, kinds[i].magic, strlen(kinds[i].magic)) == 0)
			return kinds[i].name;
	return NULL;
}

static bool file_fails(const char *name, const char *what)
{
	struct quote quote;
	fprintf(stderr, "stsgate: %s: %s\n", quote_string(&quote, name), what);
	return false;
}

/* Returns the file's size, or 0 if it is unknown. */
static uint64_t size_of(int descriptor)
{
	struct stat file;
	bool known = fstat(descriptor, &file) == 0 && S_ISREG(file.st_mode) && file.st_size > 0;
	return known ? (uint64_t)file.st_size : 0;
}

/* Reads the log in pieces, which zlib decompresses if they are compressed: memory is bounded whatever the file holds. */
static bool log_read(struct audit_input *input, const char *name, gzFile file, uint64_t size, struct progress *progress)
{
	struct maillog_text *text = xmalloc(sizeof *text);
	char *piece = xmalloc(PIECE_BYTES), words[64];
	const char *wrong = NULL;
	int got = 0, error = 0;
	bool first = true;
	maillog_text_begin(text, message_take, input);
	while (!wrong && (got = gzread(file, piece, PIECE_BYTES)) > 0) {
		wrong = first ? compression(piece, (size_t)got) : NULL;
		first = false;
		maillog_text_feed(text, piece, wrong ? 0 : (size_t)got);
		snprintf(words, sizeof words, "reading: %zu domains", input->tally.count);
		progress_show(progress, (uint64_t)gzoffset(file), size, words);
	}
	maillog_text_end(text);
	free(text);
	free(piece);
	progress_clear(progress);
	if (wrong) {
		snprintf(words, sizeof words, "is compressed with %s: decompress it first", wrong);
		return file_fails(name, words);
	}
	int system_error = errno;
	gzerror(file, &error);
	if (error == Z_OK || error == Z_STREAM_END)
		return true;
	return file_fails(
		name, error == Z_ERRNO ? strerror(system_error) : "the compressed data is damaged or ends early");
}

int audit_open(const char *name)
{
	bool is_stdin = strcmp(name, "-") == 0;
	int descriptor = is_stdin ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		file_fails(name, strerror(errno));
	return descriptor;
}

bool audit_read_log(struct audit_input *input, const char *name, int descriptor, struct progress *progress)
{
	gzFile file = xneed(gzdopen(descriptor, "rb"));
	bool whole = log_read(input, name, file, size_of(descriptor), progress);
	gzclose(file);
	return whole;
}
