/* Writes structs as bytes and reads them back, as tables describe them.
 *
 * A table (struct fields) describes a struct. It has a row for each field: the field's offset, its form (struct
 * field_form), its tag in the bytes and its names in JSON. The store's bytes, exports and `show --json` are all written
 * from the same table.
 *
 * The bytes are little endian: a magic word (4 octets), a version (2), fields in ascending order of tags (each: tag 2,
 * length 4, value), and a checksum of all these bytes (8). A field with value zero is left out. A field with an unknown
 * tag is skipped, so an older stsgate can read the bytes of a newer one if the version is the same.
 *
 *	fields_frame_begin(&out, "STSE", 1); fields_put(&out, &entry_table, entry); fields_frame_end(&out);
 *	fields_frame_open(in, "STSE", 1, &body) && fields_take(body, &entry_table, &entry)
 *
 * Reading accepts hostile bytes: every length is checked, and a struct counts only if all of it could be read. Writing
 * ends the process if memory runs out. Pure; any thread. */
#ifndef CORE_FIELDS_H
#define CORE_FIELDS_H

#include "reason.h"
#include "span.h"

#include <stdbool.h>
#include <stdint.h>

#define FIELDS_BYTES_MAX (256 * 1024)      /* octets of one encoded struct with its frame */
#define FIELDS_TIME_MAX (INT64_C(1) << 48) /* the latest time that is accepted, in wall-clock seconds */

/* What a member of a struct means. The comment names its C type. */
enum field_kind {
	FIELD_PRESENT,   /* bool: whether the object of this name exists; no octets in the bytes */
	FIELD_FLAG,      /* bool */
	FIELD_NUMBER,    /* an integer */
	FIELD_TTL,       /* uint32_t, seconds */
	FIELD_TIME,      /* int64_t, when stsgate learned something: seconds since the epoch; 0: never */
	FIELD_DATE,      /* int64_t, a time from elsewhere, such as a certificate's end; 0: none */
	FIELD_DAY,       /* int32_t, days since the epoch; 0: never */
	FIELD_PROTOCOL,  /* uint16_t, a TLS version; 0: none */
	FIELD_WORD,      /* an enum with names; stored as a number */
	FIELD_REASON,    /* enum reason; stored by name, since the table of reasons grows */
	FIELD_NUMBERS,   /* uint32_t[], a list that ends at the first 0 */
	FIELD_TEXT,      /* char[] */
	FIELD_HOST,      /* char[], a host name in the form of domain_parse() */
	FIELD_ADDRESS,   /* char[], an IP address */
	FIELD_OCTETS,    /* char[], untrusted and perhaps not UTF-8 */
	FIELD_NAME_LIST, /* char[], untrusted names separated by blanks */
	FIELD_PATTERNS,  /* struct names of a policy */
	FIELD_POLICY,    /* policy_text and policy_text_len of an entry */
	FIELD_MX,        /* the names and preferences of an entry's MX set */
	FIELD_RECORD,    /* a struct with its own table; it is absent if its first field is zero */
};

struct fields;
struct fields_out;
/* How a field's value is written, read and checked, in the bytes and in JSON. Several fields may share one form. */
struct field_form {
	enum field_kind kind;
	uint8_t octets;                   /* of a number in the bytes; 0: not a number */
	int64_t min, max;                 /* range of a number */
	int64_t ahead_s;                  /* FIELD_TIME: how far in the future an imported time may be */
	const char *(*word)(int64_t);     /* FIELD_WORD: returns the name of a value */
	const char *good;                 /* FIELD_REASON: name of REASON_OK in `show --json`; NULL: its usual name */
	enum reason other;                /* FIELD_REASON: replaces a reason that is unknown here or does not fit */
	bool any;                         /* FIELD_REASON: every known reason fits */
	bool (*valid)(struct span bytes); /* returns whether a text is accepted; NULL: any text without NUL is */
	const char *wrong;                /* how import reports a value that is not valid: "is not a ..." */
	bool by_text;                     /* an export with the policy's text omits it, because the text contains it */
	const struct fields *table;       /* FIELD_RECORD: the table of the struct */
	bool (*settle)(void *record);     /* FIELD_RECORD: called after reading; returns whether the struct is valid */
	/* Write and read a value of a kind that only one struct has; `record` is the whole struct. NULL: `kind`
	 * determines how the value is written and read. */
	void (*put)(struct fields_out *out, const void *record);
	bool (*take)(struct span in, void *record);
};

/* One row. Consecutive rows with the same tag form one field in the bytes: their values follow each other, and the
 * field is absent if the first value is zero. */
struct field {
	uint16_t tag;
	const struct field_form *form;
	size_t offset, size; /* of the member in the struct */
	/* The field's names in an export and in `show --json`; NULL: the field is not there. `a.b` is member `b` of
	 * object `a`. */
	const char *exported, *shown;
};
#define FIELD(tag, form, type, member, exported, shown)                                                                \
	{                                                                                                              \
		tag, &(form), offsetof(type, member), sizeof(((type *)0)->member), exported, shown                     \
	}

struct fields {
	const struct field *field; /* rows in ascending order of tags */
	size_t count;
	/* The order of names in an export and in `show --json`, separated by blanks. Names that are not listed follow
	 * in the order of the rows. The name of an object stands for all its members. `shown` also lists names that
	 * have no row: their values are derived from other fields. */
	const char *exported, *shown;
};
#define FIELDS(rows, exported, shown)                                                                                  \
	{                                                                                                              \
		rows, sizeof rows / sizeof *rows, exported, shown                                                      \
	}

/* Forms that several tables use. */
extern const struct field_form form_u16, form_u32, form_u64, form_flag, form_ttl, form_time, form_date, form_day;
extern const struct field_form form_printable, form_octets, form_address;
/* Returns whether a text is printable ASCII; blanks may be in it, and it may be empty. */
bool field_is_printable(struct span text);

/* A buffer for bytes that are being written. It grows as needed. */
struct fields_out {
	uint8_t *at; /* from malloc(); the caller takes it over */
	size_t len;
	size_t room; /* allocated */
};
/* Appends a number of up to 8 octets, or bytes as they are. */
void fields_number(struct fields_out *out, uint64_t number, size_t octets);
void fields_bytes(struct fields_out *out, const void *bytes, size_t len);
/* Begin and end a field; its value is appended in between. fields_end() gets the result of fields_begin(). */
size_t fields_begin(struct fields_out *out, uint16_t tag);
void fields_end(struct fields_out *out, size_t begun);

/* Begin and end a frame. `magic` has 4 octets. fields_frame_begin() initializes `out`. */
void fields_frame_begin(struct fields_out *out, const char *magic, uint16_t version);
void fields_frame_end(struct fields_out *out);
/* Returns the checksum of the bytes. It detects damage, not forgery. */
uint64_t fields_sum(const void *bytes, size_t len);
/* Returns whether a frame is undamaged: it has a plausible length and ends in its checksum. */
bool fields_whole(struct span in);
/* Opens a frame: `body` becomes the fields in it. Returns false for a damaged frame, another magic, version 0 and a
 * version above `version`. */
bool fields_frame_open(struct span in, const char *magic, uint16_t version, struct span *body);

/* Appends all fields of a struct that are not zero. */
void fields_put(struct fields_out *out, const struct fields *table, const void *record);
/* Reads fields into a struct, which must be zeroed. Returns false for an invalid value, a wrong length and tags out of
 * order; then the struct may be partly filled, and the caller frees what the struct owns. */
bool fields_take(struct span in, const struct fields *table, void *record);
/* Reads a number off the front; returns false if fewer octets are left. */
bool fields_take_number(struct span *in, size_t octets, uint64_t *out);

/* Returns whether a member has no value: 0, "", REASON_OK, or a struct whose first field has no value. */
bool field_is_zero(const struct field *field, const void *record);
/* Read and write a member that is a number. An unsigned 64-bit number is passed as the int64_t with the same bits. */
int64_t field_number(const struct field *field, const void *record);
void field_set_number(const struct field *field, void *record, int64_t number);
/* Returns the reason with this name if the form accepts it, otherwise form->other. */
enum reason field_reason(const struct field_form *form, struct span name);

#endif
