#include "tlsrpt_send.h"

#include "fields.h"
#include "text.h"

#include <string.h>

#define SEND_MAGIC "STTS"
#define SUPPRESSION_MAGIC "STTX"
#define ROW_VERSION 1

_Static_assert(TLSRPT_WAITING == 0 && TLSRPT_SENDING == 1 && TLSRPT_SENT == 2 && TLSRPT_RETRY == 3 &&
		       TLSRPT_GIVEN_UP == 4 && TLSRPT_SUPPRESSED == 5,
	"states are stored by number");

/* --- when --------------------------------------------------------------------------------------------------------- */

int64_t tlsrpt_send_due_at(int32_t day, const char *domain, const char *submitter)
{
	uint32_t hash = domain_hash(domain, domain_hash(submitter, 0));
	return ((int64_t)day + 1) * TALLY_DAY_S + TALLY_CLOSES_S + hash % TLSRPT_SPREAD_S;
}

enum tlsrpt_wanted tlsrpt_send_wanted(const struct tlsrpt_send_rules *rules, const char *domain, bool failures)
{
	if (names_cover(rules->exclude, domain) || (rules->domains->count > 0 && !names_cover(rules->domains, domain)))
		return TLSRPT_EXCLUDED;
	return failures || rules->always ? TLSRPT_WANTED : TLSRPT_NO_FAILURES;
}

bool tlsrpt_send_is_over(enum tlsrpt_send_state state)
{
	switch (state) {
	case TLSRPT_WAITING:
	case TLSRPT_SENDING:
	case TLSRPT_RETRY:
		return false;
	case TLSRPT_SENT:
	case TLSRPT_GIVEN_UP:
	case TLSRPT_SUPPRESSED:
		return true;
	}
	return true;
}

int64_t tlsrpt_send_waits_since(const struct tlsrpt_send *row)
{
	if (tlsrpt_send_is_over(row->state))
		return 0;
	return row->state == TLSRPT_WAITING ? row->next_at : row->first_at;
}

/* A retry that is further ahead than any was made by a clock that has since been set back. */
bool tlsrpt_send_ready(const struct tlsrpt_send *row, int64_t now, bool at_once)
{
	bool waits = row->state == TLSRPT_WAITING || row->state == TLSRPT_RETRY;
	bool behind = row->state == TLSRPT_RETRY && row->next_at > now + TLSRPT_RETRY_MOST_S;
	return waits && (at_once || behind || row->next_at <= now);
}

bool tlsrpt_send_too_late(const struct tlsrpt_send *row, int64_t now)
{
	return row->state == TLSRPT_RETRY && now > row->first_at + TLSRPT_GIVE_UP_S;
}

bool tlsrpt_send_host_full(const struct tlsrpt_send *rows, size_t count, const char *host, int64_t now)
{
	unsigned recent = 0;
	for (size_t i = 0; i < count && recent < TLSRPT_HOST_HOURLY; i++)
		recent +=
			rows[i].last_at > now - 3600 && rows[i].last_at < now + 3600 && strcmp(rows[i].host, host) == 0;
	return recent >= TLSRPT_HOST_HOURLY;
}

/* --- the life of a row -------------------------------------------------------------------------------------------- */

static void detail_set(struct tlsrpt_send *row, const char *detail)
{
	struct text text;
	text_init(&text, row->detail, sizeof row->detail);
	text_add(&text, detail);
}

void tlsrpt_send_init(struct tlsrpt_send *row, int32_t day, const char *domain, const struct report_address *address,
	const char *token, int64_t due_at)
{
	struct text text;
	memset(row, 0, sizeof *row);
	row->day = day;
	text_init(&text, row->domain, sizeof row->domain);
	text_add(&text, domain);
	memcpy(row->address, address->text, sizeof row->address);
	memcpy(row->host, address->host, sizeof row->host);
	text_init(&text, row->token, sizeof row->token);
	text_add(&text, token);
	row->next_at = due_at;
}

void tlsrpt_send_begin(struct tlsrpt_send *row, int64_t now)
{
	row->state = TLSRPT_SENDING;
	row->attempts += row->attempts < UINT16_MAX;
	if (row->first_at == 0)
		row->first_at = now;
	row->last_at = now;
}

void tlsrpt_send_end(struct tlsrpt_send *row, enum tlsrpt_outcome outcome, const char *detail, int64_t now)
{
	int64_t wait_s = TLSRPT_RETRY_S;
	for (unsigned i = 1; i < row->attempts && wait_s < TLSRPT_RETRY_MOST_S; i++)
		wait_s *= 2;
	row->next_at = now + (wait_s < TLSRPT_RETRY_MOST_S ? wait_s : TLSRPT_RETRY_MOST_S);
	detail_set(row, detail);
	switch (outcome) {
	case TLSRPT_DONE:
	case TLSRPT_UNSURE:
		row->state = TLSRPT_SENT;
		break;
	case TLSRPT_LATER:
		row->state = row->next_at > row->first_at + TLSRPT_GIVE_UP_S ? TLSRPT_GIVEN_UP : TLSRPT_RETRY;
		break;
	case TLSRPT_NEVER:
		row->state = TLSRPT_GIVEN_UP;
	}
	if (tlsrpt_send_is_over(row->state))
		row->next_at = 0;
}

bool tlsrpt_send_lost(struct tlsrpt_send *row, int64_t now)
{
	bool runs = row->last_at <= now + TLSRPT_SENDING_MOST_S && now < row->last_at + TLSRPT_SENDING_MOST_S;
	if (row->state != TLSRPT_SENDING || runs)
		return false;
	tlsrpt_send_end(
		row, TLSRPT_UNSURE, "stsgate was killed during the attempt; the report may have been sent", now);
	return true;
}

void tlsrpt_send_stop(struct tlsrpt_send *row, enum tlsrpt_send_state state, const char *detail)
{
	if (tlsrpt_send_is_over(row->state))
		return;
	row->state = state;
	row->next_at = 0;
	detail_set(row, detail);
}

void tlsrpt_send_bounced(struct tlsrpt_send *row)
{
	row->state = TLSRPT_SUPPRESSED;
	row->next_at = 0;
	detail_set(row, "the report came back");
}

/* --- suppressed addresses ----------------------------------------------------------------------------------------- */

static int64_t length_s(const struct tlsrpt_suppression *row)
{
	unsigned level = row->level > TLSRPT_SUPPRESS_LEVELS ? TLSRPT_SUPPRESS_LEVELS : row->level;
	return level == 0 ? 0 : (int64_t)TLSRPT_SUPPRESS_DAYS * TALLY_DAY_S << (level - 1);
}

/* An end that is further ahead than the suppression lasts was made by a clock that has since been set back. */
bool tlsrpt_suppressed(const struct tlsrpt_suppression *row, int64_t now)
{
	return now < row->until && row->until - now <= length_s(row) + TALLY_DAY_S;
}

int64_t tlsrpt_suppression_ends(const struct tlsrpt_suppression *row)
{
	return row->until + length_s(row);
}

void tlsrpt_suppression_bounce(struct tlsrpt_suppression *row, const char *address, int64_t now)
{
	struct text text;
	if (tlsrpt_suppressed(row, now))
		return;
	bool remembered = row->address[0] != '\0' && now < tlsrpt_suppression_ends(row);
	row->level = remembered ? row->level + (row->level < TLSRPT_SUPPRESS_LEVELS) : 1;
	row->until = now + length_s(row);
	text_init(&text, row->address, sizeof row->address);
	text_add(&text, address);
}

/* --- in the store ------------------------------------------------------------------------------------------------- */

static const char *state_word(int64_t state)
{
	static const char *const words[] = {"waiting", "sending", "sent", "retry", "given-up", "suppressed"};
	return words[state];
}

const char *tlsrpt_send_state_name(enum tlsrpt_send_state state)
{
	return state_word(state);
}

static const struct field_form form_state = {
	.kind = FIELD_WORD, .octets = 2, .max = TLSRPT_SUPPRESSED, .word = state_word};

/* Tags are permanent: see tables.c. */
#define ROW(tag, form, member, shown) FIELD(tag, form_##form, struct tlsrpt_send, member, NULL, shown)
static const struct field rows[] = {
	ROW(1, day, day, "day"),
	ROW(2, printable, domain, "domain"),
	ROW(3, printable, address, "address"),
	ROW(4, printable, host, NULL),
	ROW(5, state, state, "state"),
	ROW(6, u16, attempts, "attempts"),
	ROW(7, date, first_at, "first_at"),
	ROW(8, date, last_at, "last_at"),
	ROW(9, date, next_at, "next_at"),
	ROW(10, printable, token, NULL),
	ROW(11, printable, detail, "detail"),
};
#undef ROW
const struct fields tlsrpt_send_table =
	FIELDS(rows, "", "day domain address state attempts first_at last_at next_at detail");

#define ROW(tag, form, member, shown) FIELD(tag, form_##form, struct tlsrpt_suppression, member, NULL, shown)
static const struct field suppression_rows[] = {
	ROW(1, printable, address, "address"),
	ROW(2, u16, level, "level"),
	ROW(3, date, until, "until"),
};
#undef ROW
const struct fields tlsrpt_suppression_table = FIELDS(suppression_rows, "", "address level until");

static struct bytes encode(const char *magic, const struct fields *table, const void *row)
{
	struct fields_out out;
	fields_frame_begin(&out, magic, ROW_VERSION);
	fields_put(&out, table, row);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

static bool decode(const char *magic, const struct fields *table, void *row, struct span in)
{
	struct span body;
	return fields_frame_open(in, magic, ROW_VERSION, &body) && fields_take(body, table, row);
}

struct bytes tlsrpt_send_encode(const struct tlsrpt_send *row)
{
	return encode(SEND_MAGIC, &tlsrpt_send_table, row);
}

bool tlsrpt_send_decode(struct tlsrpt_send *out, const void *bytes, size_t len)
{
	memset(out, 0, sizeof *out);
	if (decode(SEND_MAGIC, &tlsrpt_send_table, out, (struct span){bytes, len}) && out->domain[0] && out->address[0])
		return true;
	memset(out, 0, sizeof *out);
	return false;
}

struct bytes tlsrpt_suppression_encode(const struct tlsrpt_suppression *row)
{
	return encode(SUPPRESSION_MAGIC, &tlsrpt_suppression_table, row);
}

bool tlsrpt_suppression_decode(struct tlsrpt_suppression *out, const void *bytes, size_t len)
{
	memset(out, 0, sizeof *out);
	if (decode(SUPPRESSION_MAGIC, &tlsrpt_suppression_table, out, (struct span){bytes, len}) && out->address[0])
		return true;
	memset(out, 0, sizeof *out);
	return false;
}
