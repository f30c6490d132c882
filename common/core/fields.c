#include "fields.h"

#include "ascii.h"
#include "memory.h"

#include <string.h>

#define MAGIC_OCTETS 4
#define HEAD_OCTETS (MAGIC_OCTETS + 2)
#define SUM_OCTETS 8
#define FIELD_HEAD_OCTETS 6 /* of a field: its tag and its length */

void fields_bytes(struct fields_out *out, const void *bytes, size_t len)
{
	if (out->room - out->len < len) {
		out->room = (out->len + len) * 2 + 256;
		out->at = xrealloc(out->at, out->room);
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

/* Compilers make one load of each of these. */
static uint64_t little_16(const uint8_t *at)
{
	return (uint64_t)at[0] | (uint64_t)at[1] << 8;
}

static uint64_t little_32(const uint8_t *at)
{
	return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
}

static uint64_t little_64(const uint8_t *at)
{
	return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
	       (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

bool fields_take_number(struct span *in, size_t octets, uint64_t *out)
{
	const uint8_t *at = (const uint8_t *)in->at;
	if (in->len < octets)
		return false;
	switch (octets) {
	case 2:
		*out = little_16(at);
		break;
	case 4:
		*out = little_32(at);
		break;
	case 8:
		*out = little_64(at);
		break;
	default:
		*out = 0;
		for (size_t i = 0; i < octets; i++)
			*out |= (uint64_t)at[i] << (8 * i);
	}
	in->at += octets;
	in->len -= octets;
	return true;
}

/* Adds a word to a checksum. The step is a bijection, so every change of a single word changes the sum. The shift
 * mixes the high bits into the low bits, so that changes of two words do not cancel each other. */
static uint64_t sum_step(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return sum ^ (sum >> 32);
}

/* Takes eight octets at a time, because every read of the store computes this sum. */
uint64_t fields_sum(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ len;
	for (; len >= 8; at += 8, len -= 8)
		sum = sum_step(sum, little_64(at));
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
	memset(out, 0, sizeof *out);
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

#define U32_MAX INT64_C(0xffffffff)
#define DAY_MAX (1 << 24)
const struct field_form form_u16 = {.kind = FIELD_NUMBER, .octets = 2, .max = UINT16_MAX};
const struct field_form form_u32 = {.kind = FIELD_NUMBER, .octets = 4, .max = U32_MAX};
const struct field_form form_u64 = {.kind = FIELD_NUMBER, .octets = 8, .min = INT64_MIN, .max = INT64_MAX};
const struct field_form form_flag = {.kind = FIELD_FLAG, .octets = 2, .max = 1};
const struct field_form form_ttl = {.kind = FIELD_TTL, .octets = 4, .max = U32_MAX};
const struct field_form form_time = {.kind = FIELD_TIME, .octets = 8, .max = FIELDS_TIME_MAX};
const struct field_form form_date = {.kind = FIELD_DATE, .octets = 8, .min = -FIELDS_TIME_MAX, .max = FIELDS_TIME_MAX};
const struct field_form form_day = {.kind = FIELD_DAY, .octets = 4, .max = DAY_MAX};
const struct field_form form_printable = {.kind = FIELD_TEXT, .valid = field_is_printable};
const struct field_form form_octets = {.kind = FIELD_OCTETS};
const struct field_form form_address = {.kind = FIELD_ADDRESS, .wrong = "is not an IP address"};

bool field_is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!ascii_is_printable(text.at[i]))
			return false;
	return true;
}

int64_t field_number(const struct field *field, const void *record)
{
	const char *at = (const char *)record + field->offset;
	uint64_t number = 0;
	uint32_t word;
	uint16_t half;
	switch (field->size) {
	case sizeof(bool):
		return *(const bool *)at;
	case sizeof half:
		memcpy(&half, at, sizeof half);
		return half;
	case sizeof word:
		memcpy(&word, at, sizeof word);
		return field->form->min < 0 ? (int32_t)word : (int64_t)word;
	default:
		memcpy(&number, at, sizeof number);
		return (int64_t)number;
	}
}

void field_set_number(const struct field *field, void *record, int64_t number)
{
	char *at = (char *)record + field->offset;
	switch (field->size) {
	case sizeof(bool):
		*(bool *)at = number != 0;
		break;
	case sizeof(uint16_t):
		memcpy(at, &(uint16_t){(uint16_t)number}, sizeof(uint16_t));
		break;
	case sizeof(uint32_t):
		memcpy(at, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
		break;
	default:
		memcpy(at, &number, sizeof number);
	}
}

enum reason field_reason(const struct field_form *form, struct span name)
{
	enum reason reason = reason_by_name(name);
	if (reason == REASON_COUNT)
		return form->other;
	bool general = reason_class(reason) == REASON_GENERAL;
	bool fits = form->other == REASON_COUNT ? !general : general || reason == REASON_OK;
	return fits || form->any ? reason : form->other;
}

bool field_is_zero(const struct field *field, const void *record)
{
	const char *at = (const char *)record + field->offset;
	const struct field_form *form = field->form;
	if (form->kind == FIELD_RECORD)
		return field_is_zero(form->table->field, at);
	if (form->kind == FIELD_NUMBERS)
		return *(const uint32_t *)(const void *)at == 0;
	if (form->put) /* the member begins with a pointer to what it owns */
		return !*(char *const *)(const void *)at;
	bool number = form->octets > 0 || form->kind == FIELD_PRESENT || form->kind == FIELD_REASON;
	return number ? field_number(field, record) == 0 : !*at;
}

/* Appends the value of one row. */
static void value_put(struct fields_out *out, const struct field *field, const void *record)
{
	const char *at = (const char *)record + field->offset;
	const struct field_form *form = field->form;
	if (form->put) {
		form->put(out, record);
	} else if (form->kind == FIELD_RECORD) {
		fields_put(out, form->table, at);
	} else if (form->kind == FIELD_NUMBERS) {
		const uint32_t *number = (const void *)at;
		for (size_t i = 0; i < field->size / sizeof *number && number[i] != 0; i++)
			fields_number(out, number[i], sizeof *number);
	} else if (form->kind == FIELD_REASON) {
		const char *name = reason_name((enum reason)field_number(field, record));
		fields_bytes(out, name, strlen(name));
	} else if (form->octets > 0) {
		fields_number(out, (uint64_t)field_number(field, record), form->octets);
	} else if (form->kind != FIELD_PRESENT) {
		fields_bytes(out, at, strnlen(at, field->size));
	}
}

void fields_put(struct fields_out *out, const struct fields *table, const void *record)
{
	const struct field *field = table->field, *end = field + table->count;
	while (field < end) {
		bool there = !field_is_zero(field, record);
		uint16_t tag = field->tag;
		size_t begun = there ? fields_begin(out, tag) : 0;
		for (; field < end && field->tag == tag; field++)
			if (there)
				value_put(out, field, record);
		if (there)
			fields_end(out, begun);
	}
}

static bool numbers_take(struct span in, const struct field *field, uint32_t *out)
{
	size_t count = 0;
	while (in.len > 0) {
		uint64_t number;
		if (count == field->size / sizeof *out || !fields_take_number(&in, sizeof *out, &number) || number == 0)
			return false;
		out[count++] = (uint32_t)number;
	}
	return count > 0;
}

/* Reads the value of one row off the front of a field. A value that is not a number takes the whole rest of the
 * field. */
static bool value_take(struct span *in, const struct field *field, void *record)
{
	char *at = (char *)record + field->offset;
	const struct field_form *form = field->form;
	if (form->octets > 0) {
		uint64_t bits;
		if (!fields_take_number(in, form->octets, &bits))
			return false;
		int64_t number = form->min < 0 && form->octets == 4 ? (int32_t)(uint32_t)bits : (int64_t)bits;
		field_set_number(field, record, number);
		return number >= form->min && number <= form->max;
	}
	if (form->kind == FIELD_PRESENT) {
		*(bool *)at = true;
		return true;
	}
	struct span rest = *in;
	*in = (struct span){rest.at + rest.len, 0};
	if (form->take)
		return form->take(rest, record);
	if (form->kind == FIELD_NUMBERS)
		return numbers_take(rest, field, (void *)at);
	if (form->kind == FIELD_RECORD)
		return fields_take(rest, form->table, at) && (!form->settle || form->settle(at));
	if (form->kind == FIELD_REASON) {
		field_set_number(field, record, field_reason(form, rest));
		return true;
	}
	if (rest.len >= field->size || memchr(rest.at, '\0', rest.len) || (form->valid && !form->valid(rest)))
		return false;
	memcpy(at, rest.at, rest.len);
	at[rest.len] = '\0';
	return true;
}

bool fields_take(struct span in, const struct fields *table, void *record)
{
	uint64_t tag, len, before = 0;
	const struct field *field = table->field, *end = field + table->count;
	while (in.len > 0) {
		if (in.len < FIELD_HEAD_OCTETS)
			return false;
		tag = little_16((const uint8_t *)in.at);
		len = little_32((const uint8_t *)in.at + 2);
		in.at += FIELD_HEAD_OCTETS;
		in.len -= FIELD_HEAD_OCTETS;
		if (tag <= before || len > in.len)
			return false;
		before = tag;
		while (field < end && field->tag < tag)
			field++;
		bool known = field < end && field->tag == tag;
		struct span value = {in.at, len};
		for (; field < end && field->tag == tag; field++)
			if (!value_take(&value, field, record))
				return false;
		if (known && value.len > 0)
			return false;
		in.at += len;
		in.len -= len;
	}
	return true;
}
