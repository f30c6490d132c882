#include "revocation.h"

#include "text.h"

#include <string.h>

#define REVOCATION_MAGIC "STSR"
#define REVOCATION_VERSION 1
#define CHAIN_REVOKED 23 /* OpenSSL's X509_V_ERR_CERT_REVOKED */
/* The text of good evidence by a TLSA record begins like this (io/probe_chain). */
#define BY_AUTHORITY "TLSA record 2 "

_Static_assert(
	REVOCATION_UNKNOWN == 0 && REVOCATION_GOOD == 1 && REVOCATION_REVOKED == 2, "states are stored by number");

static const char *state_word(int64_t state)
{
	static const char *const words[] = {"unknown", "good", "revoked"};
	return words[state];
}

const char *revocation_state_name(enum revocation_state state)
{
	return state_word(state);
}

bool revocation_learn(
	struct revocation *revocation, enum revocation_state state, int64_t as_of, int64_t until, int64_t revoked_at)
{
	if (revocation->state != REVOCATION_UNKNOWN && as_of < revocation->as_of)
		return false;
	revocation->state = state;
	revocation->as_of = as_of;
	revocation->until = until;
	revocation->revoked_at = state == REVOCATION_REVOKED ? revoked_at : 0;
	return true;
}

enum revocation_state revocation_now(const struct revocation *revocation, int64_t now)
{
	int64_t until = revocation->state == REVOCATION_REVOKED ? revocation->not_after : revocation->until;
	return now < until ? revocation->state : REVOCATION_UNKNOWN;
}

bool revocation_concerns(const struct evidence *seen)
{
	bool by_authority = seen->tlsa_id == 0 || strncmp(seen->text, BY_AUTHORITY, sizeof BY_AUTHORITY - 1) == 0;
	return reason_class(seen->reason) == REASON_GOOD && by_authority;
}

bool revocation_stapled(struct revocation *revocation, enum staple_state staple, int64_t revoked_at)
{
	if (staple != STAPLE_REVOKED)
		return false;
	*revocation =
		(struct revocation){.state = REVOCATION_REVOKED, .revoked_at = revoked_at, .url = "its own staple"};
	return true;
}

void revocation_apply(struct evidence *seen, const struct revocation *revocation)
{
	struct text text;
	seen->reason = REASON_CERT_REVOKED;
	seen->chain = CHAIN_REVOKED;
	text_init(&text, seen->text, sizeof seen->text);
	text_add(&text, "revoked ");
	text_add_time(&text, revocation->revoked_at);
	text_add(&text, ", according to ");
	text_add(&text, revocation->url);
}

static const struct field_form form_state = {
	.kind = FIELD_WORD, .octets = 2, .max = REVOCATION_REVOKED, .word = state_word};

/* Tags are permanent: see tables.c. */
#define ROW(tag, form, member, shown) FIELD(tag, form_##form, struct revocation, member, NULL, shown)
static const struct field rows[] = {
	ROW(1, u64, leaf, NULL),
	ROW(2, u64, list, NULL),
	ROW(3, date, not_after, NULL),
	ROW(4, printable, serial, "serial"),
	ROW(5, printable, url, "url"),
	ROW(6, state, state, "state"),
	ROW(7, date, as_of, "as_of"),
	ROW(8, date, until, "until"),
	ROW(9, date, revoked_at, "revoked_at"),
	ROW(10, date, checked_at, "checked_at"),
	ROW(11, date, next_at, "next_at"),
	ROW(12, printable, why, "why"),
};
#undef ROW
const struct fields revocation_table =
	FIELDS(rows, "", "state as_of until revoked_at url serial checked_at next_at why");

struct bytes revocation_encode(const struct revocation *revocation)
{
	struct fields_out out;
	fields_frame_begin(&out, REVOCATION_MAGIC, REVOCATION_VERSION);
	fields_put(&out, &revocation_table, revocation);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool revocation_decode(struct revocation *out, const void *bytes, size_t len)
{
	struct span body;
	memset(out, 0, sizeof *out);
	if (fields_frame_open((struct span){bytes, len}, REVOCATION_MAGIC, REVOCATION_VERSION, &body) &&
		fields_take(body, &revocation_table, out) && out->leaf != 0)
		return true;
	memset(out, 0, sizeof *out);
	return false;
}
