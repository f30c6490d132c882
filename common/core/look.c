#include "look.h"

#include <string.h>

#define LOOK_MAGIC "STSL"
#define LOOK_VERSION 1

/* Tags are permanent: see tables.c. */
#define ROW(tag, form, member) FIELD(tag, form_##form, struct look, member, NULL, #member)
static const struct field look_rows[] = {
	ROW(1, time, at),
	ROW(2, address, address),
	ROW(3, octets, greeting),
	ROW(4, octets, ehlo),
	ROW(5, octets, ehlo_tls),
	ROW(6, octets, ehlo_name),
	ROW(7, flag, rewritten),
	ROW(8, printable, fingerprint),
	ROW(9, printable, spki),
	ROW(10, printable, serial),
	ROW(11, octets, authority),
	ROW(12, octets, chain),
	ROW(13, date, not_before),
	ROW(14, date, not_after),
	ROW(15, printable, dns),
	ROW(16, u32, asn),
	ROW(17, octets, as_name),
	ROW(18, date, staple_from),
	ROW(19, date, staple_until),
	ROW(20, printable, staple_why),
	ROW(21, address, from),
};
const struct fields look_table = FIELDS(look_rows, "", "");

struct bytes look_encode(const struct look *look)
{
	struct fields_out out;
	fields_frame_begin(&out, LOOK_MAGIC, LOOK_VERSION);
	fields_put(&out, &look_table, look);
	fields_frame_end(&out);
	return (struct bytes){out.at, out.len};
}

bool look_decode(struct look *out, const void *bytes, size_t len)
{
	struct span body;
	memset(out, 0, sizeof *out);
	if (fields_frame_open((struct span){bytes, len}, LOOK_MAGIC, LOOK_VERSION, &body) &&
		fields_take(body, &look_table, out) && out->at != 0)
		return true;
	memset(out, 0, sizeof *out);
	return false;
}
