/* Records as bytes: a magic word, a version, tagged fields (tag, length, value) in ascending order of tags, a checksum
 * over all of it. Little endian. Fields that are zero are left out; fields of unknown tag are skipped. Reading takes
 * hostile bytes: every length is checked and everything is read to the end. A record is described by a table of its
 * fields. Pure; any thread. */
#ifndef CORE_FIELDS_H
#define CORE_FIELDS_H

#include "reason.h"
#include "span.h"

#include <stdbool.h>
#include <stdint.h>

#define FIELDS_BYTES_MAX (256 * 1024) /* of one record with its frame */
#define FIELDS_TIME_MAX (INT64_C(1) << 48)

struct fields_out {
	uint8_t *at; /* malloc'ed */
	size_t len;
	size_t room;
};
void fields_number(struct fields_out *out, uint64_t number, size_t octets);
void fields_bytes(struct fields_out *out, const void *bytes, size_t len);
/* A field whose value is written between the two calls. */
size_t fields_begin(struct fields_out *out, uint16_t tag);
void fields_end(struct fields_out *out, size_t begun);

struct field {
	uint16_t tag;
	void (*put)(struct fields_out *out, uint16_t tag, const void *member, size_t size);
	bool (*take)(struct span in, void *member, size_t size); /* false: the value is not valid */
	size_t offset;                                           /* of the member in the record */
	size_t size;                                             /* of the member */
};

/* The frame: magic of 4 octets, version. fields_frame_open() is false for another magic, a version newer than
 * `version`, a wrong checksum. */
void fields_frame_begin(struct fields_out *out, const char *magic, uint16_t version);
void fields_frame_end(struct fields_out *out);
/* What the frame ends in, little endian: over all octets before it. */
uint64_t fields_sum(const void *bytes, size_t len);
/* Whether the octets are those that were written: they end in their checksum. */
bool fields_whole(struct span in);
bool fields_frame_open(struct span in, const char *magic, uint16_t version, struct span *body);

void fields_put(struct fields_out *out, const struct field *table, size_t count, const void *record);
/* False for a bad value, a bad length, tags out of order. `record` comes zeroed, and may be half filled when false. */
bool fields_take(struct span in, const struct field *table, size_t count, void *record);

/* Reads a number of that many octets; false when fewer are left. */
bool fields_take_number(struct span *in, size_t octets, uint64_t *out);

/* Members of the usual types: int64_t, int64_t from 0 to FIELDS_TIME_MAX, uint64_t, uint32_t or int32_t, uint16_t,
 * char[]. */
void field_put_i64(struct fields_out *out, uint16_t tag, const void *member, size_t size);
bool field_take_i64(struct span in, void *member, size_t size); /* within plus or minus FIELDS_TIME_MAX */
bool field_take_time(struct span in, void *member, size_t size);
void field_put_u32(struct fields_out *out, uint16_t tag, const void *member, size_t size);
bool field_take_u32(struct span in, void *member, size_t size);
void field_put_u64(struct fields_out *out, uint16_t tag, const void *member, size_t size);
bool field_take_u64(struct span in, void *member, size_t size);
void field_put_u16(struct fields_out *out, uint16_t tag, const void *member, size_t size);
bool field_take_u16(struct span in, void *member, size_t size);
void field_put_text(struct fields_out *out, uint16_t tag, const void *member, size_t size);
bool field_take_text(struct span in, void *member, size_t size); /* no NUL inside, shorter than `size` */

/* enum reason, by its name: the table of reasons grows. field_reason() is REASON_COUNT for a name that is not in the
 * table. */
void field_put_reason(struct fields_out *out, uint16_t tag, const void *member, size_t size);
enum reason field_reason(struct span in);

#endif
