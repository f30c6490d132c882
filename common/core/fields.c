#include "fields.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC_OCTETS 4
#define HEAD_OCTETS (MAGIC_OCTETS + 2)
#define SUM_OCTETS 8

void fields_bytes(struct fields_out *out, const void *bytes, size_t len)
{
	if (out->room - out->len < len) {
		out->room = (out->len + len) * 2 + 256;
		out->at = realloc(out->at, out->room);
		if (out->at == NULL)
			abort();
	}
	if (len != 0)
		memcpy(out->at + out->len, bytes, len);
	out->len += len;
}

void fields_number(struct fields_out *out, uint64_t number, size_t octets)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < octets; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	fields_bytes(out, bytes, octets);
}

bool fields_take_number(struct span *in, size_t octets, uint64_t *out)
{
	if (in->len < octets)
		return false;
	*out = 0;
	for (size_t i = 0; i < octets; i++)
		*out |= (uint64_t)(uint8_t)in->at[i] << (8 * i);
	in->at += octets;
	in->len -= octets;
	return true;
}

static uint64_t word_of(const uint8_t *at)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < 8; i++)
		word |= (uint64_t)at[i] << (8 * i);
	return word;
}

/* One to one, so that no change of a single word goes unseen; and high bits come down again, so that changes of two
 * words do not cancel out. */
static uint64_t sum_step(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return sum ^ (sum >> 32);
}

/* Eight octets at a time: every read of the store passes here. */
uint64_t fields_sum(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ len;

	for (; len >= 8; at += 8, len -= 8)
		sum = sum_step(sum, word_of(at));
	for (; len > 0; at++, len--)
		sum = sum_step(sum, *at);
	return sum;
}

size_t fields_begin(struct fields_out *out, uint16_t tag)
{
	fields_number(out, tag, 2);
	fields_number(out, 0, 4);
	return out->len;
}

void fields_end(struct fields_out *out, size_t begun)
{
	size_t len = out->len - begun;

	for (size_t i = 0; i < 4; i++)
		out->at[begun - 4 + i] = (uint8_t)(len >> (8 * i));
}

void fields_frame_begin(struct fields_out *out, const char *magic, uint16_t version)
{
	memset(out, 0, sizeof(*out));
	fields_bytes(out, magic, MAGIC_OCTETS);
	fields_number(out, version, 2);
}

void fields_frame_end(struct fields_out *out)
{
	fields_number(out, fields_sum(out->at, out->len), SUM_OCTETS);
}

bool fields_whole(struct span in)
{
	struct span tail;
	uint64_t sum;

	if (in.len < HEAD_OCTETS + SUM_OCTETS || in.len > FIELDS_BYTES_MAX)
		return false;
	tail = (struct span){in.at + in.len - SUM_OCTETS, SUM_OCTETS};
	return fields_take_number(&tail, SUM_OCTETS, &sum) && sum == fields_sum(in.at, in.len - SUM_OCTETS);
}

bool fields_frame_open(struct span in, const char *magic, uint16_t version, struct span *body)
{
	uint64_t found;

	if (!fields_whole(in) || memcmp(in.at, magic, MAGIC_OCTETS) != 0)
		return false;
	*body = (struct span){in.at + MAGIC_OCTETS, in.len - MAGIC_OCTETS - SUM_OCTETS};
	return fields_take_number(body, 2, &found) && found >= 1 && found <= version;
}

void fields_put(struct fields_out *out, const struct field *table, size_t count, const void *record)
{
	for (size_t i = 0; i < count; i++)
		table[i].put(out, table[i].tag, (const char *)record + table[i].offset, table[i].size);
}

bool fields_take(struct span in, const struct field *table, size_t count, void *record)
{
	uint64_t tag, len;
	uint64_t before = 0;
	size_t i = 0;

	while (in.len > 0) {
		if (!fields_take_number(&in, 2, &tag) || !fields_take_number(&in, 4, &len))
			return false;
		if (tag <= before || len > in.len)
			return false;
		before = tag;
		while (i < count && table[i].tag < tag)
			i++;
		if (i < count && table[i].tag == tag &&
			!table[i].take((struct span){in.at, len}, (char *)record + table[i].offset, table[i].size))
			return false;
		in.at += len;
		in.len -= len;
	}
	return true;
}

static void number_field(struct fields_out *out, uint16_t tag, uint64_t number, size_t octets)
{
	size_t begun;

	if (number == 0)
		return;
	begun = fields_begin(out, tag);
	fields_number(out, number, octets);
	fields_end(out, begun);
}

static bool number_take(struct span in, size_t octets, uint64_t *out)
{
	return in.len == octets && fields_take_number(&in, octets, out);
}

void field_put_i64(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	int64_t value;

	memcpy(&value, member, size);
	number_field(out, tag, (uint64_t)value, 8);
}

bool field_take_i64(struct span in, void *member, size_t size)
{
	uint64_t number;
	int64_t value;

	if (!number_take(in, 8, &number))
		return false;
	value = (int64_t)number;
	memcpy(member, &value, size);
	return value >= -FIELDS_TIME_MAX && value <= FIELDS_TIME_MAX;
}

bool field_take_time(struct span in, void *member, size_t size)
{
	uint64_t number;

	return field_take_i64(in, member, size) && number_take(in, 8, &number) && number <= FIELDS_TIME_MAX;
}

void field_put_u64(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	uint64_t value;

	memcpy(&value, member, size);
	number_field(out, tag, value, 8);
}

bool field_take_u64(struct span in, void *member, size_t size)
{
	uint64_t number;

	if (!number_take(in, 8, &number))
		return false;
	memcpy(member, &number, size);
	return true;
}

void field_put_u32(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	uint32_t value;

	memcpy(&value, member, size);
	number_field(out, tag, value, 4);
}

bool field_take_u32(struct span in, void *member, size_t size)
{
	uint64_t number;
	uint32_t value;

	if (!number_take(in, 4, &number))
		return false;
	value = (uint32_t)number;
	memcpy(member, &value, size);
	return true;
}

void field_put_u16(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	uint16_t value;

	memcpy(&value, member, size);
	number_field(out, tag, value, 2);
}

bool field_take_u16(struct span in, void *member, size_t size)
{
	uint64_t number;
	uint16_t value;

	if (!number_take(in, 2, &number))
		return false;
	value = (uint16_t)number;
	memcpy(member, &value, size);
	return true;
}

void field_put_text(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	size_t len = strnlen(member, size);
	size_t begun;

	if (len == 0)
		return;
	begun = fields_begin(out, tag);
	fields_bytes(out, member, len);
	fields_end(out, begun);
}

bool field_take_text(struct span in, void *member, size_t size)
{
	char *text = member;

	if (in.len >= size || memchr(in.at, '\0', in.len) != NULL)
		return false;
	memcpy(text, in.at, in.len);
	text[in.len] = '\0';
	return true;
}

void field_put_reason(struct fields_out *out, uint16_t tag, const void *member, size_t size)
{
	enum reason reason;

	memcpy(&reason, member, size);
	if (reason != REASON_NONE)
		field_put_text(out, tag, reason_name(reason), strlen(reason_name(reason)));
}

enum reason field_reason(struct span in)
{
	for (int i = 0; i < REASON_COUNT; i++)
		if (strlen(reason_name(i)) == in.len && memcmp(reason_name(i), in.at, in.len) == 0)
			return i;
	return REASON_COUNT;
}
