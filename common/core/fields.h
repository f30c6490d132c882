/* Records as bytes: a magic word, a version, tagged fields (tag, length, value) in ascending order of tags, a checksum
 * over all of it. Little endian. A table describes a record: where each field stands in the struct, its form, its tag
 * and its names in JSON. Bytes, exports and `show --json` are written by the same table. A field whose value is zero is
 * left out of the bytes; a field of unknown tag is skipped. Reading takes hostile bytes: every length is checked and
 * everything is read to the end. Pure; any thread. */
#ifndef CORE_FIELDS_H
#define CORE_FIELDS_H

#include "reason.h"
#include "span.h"

#include <stdbool.h>
#include <stdint.h>

#define FIELDS_BYTES_MAX (256 * 1024) /* of one record with its frame */
#define FIELDS_TIME_MAX (INT64_C(1) << 48)

/* What the member of a struct is. */
enum field_kind {
	FIELD_PRESENT,   /* bool: whether the object of that name is there; no octets in the bytes */
	FIELD_FLAG,      /* bool */
	FIELD_NUMBER,    /* an integer */
	FIELD_TTL,       /* uint32_t, seconds */
	FIELD_TIME,      /* int64_t, when something was learned: seconds since the epoch; 0: never */
	FIELD_DATE,      /* int64_t, a time that others wrote; 0: none */
	FIELD_DAY,       /* int32_t, days since the epoch; 0: never */
	FIELD_PROTOCOL,  /* uint16_t, a version of TLS; 0: none */
	FIELD_WORD,      /* an enum whose values have names; a number in the bytes */
	FIELD_REASON,    /* enum reason; its name in the bytes, since the table of reasons grows */
	FIELD_TEXT,      /* char[] */
	FIELD_HOST,      /* char[], a name in the form of domain_parse() */
	FIELD_ADDRESS,   /* char[], an IP address */
	FIELD_OCTETS,    /* char[] of others, perhaps no UTF-8 */
	FIELD_NAME_LIST, /* the same, names between blanks */
	FIELD_PATTERNS,  /* struct names of a policy */
	FIELD_POLICY,    /* policy_text and policy_text_len of an entry */
	FIELD_MX,        /* the names and preferences of an entry's MX set */
	FIELD_RECORD,    /* a struct with a table of its own; it is absent when its first field is zero */
};

struct fields;
struct fields_out;
struct field_form {
	enum field_kind kind;
	uint8_t octets;                   /* of a number in the bytes */
	int64_t min, max;                 /* of a number */
	int64_t ahead_s;                  /* FIELD_TIME: how far it may lie in the future, in an export */
	const char *(*word)(int64_t);     /* FIELD_WORD: the name of a value */
	const char *good;                 /* FIELD_REASON: REASON_OK in `show --json`; NULL: by its name */
	enum reason other;                /* FIELD_REASON: stands for what is not known here, or does not fit */
	bool (*valid)(struct span bytes); /* of text; NULL: whatever holds no NUL */
	const char *wrong;                /* what a value that is not valid is called: "is no ..." */
	bool by_text;                     /* an export leaves it out where the text of the policy says it */
	const struct fields *table;       /* FIELD_RECORD */
	bool (*settle)(void *record);     /* FIELD_RECORD: called when it was read; false: the record is not valid */
	/* Kinds whose bytes belong to one record; `record` is the whole. NULL: by kind. */
	void (*put)(struct fields_out *out, const void *record);
	bool (*take)(struct span in, void *record);
};

struct field {
	uint16_t tag; /* rows of one tag follow each other: their values are one field, absent if the first is zero */
	const struct field_form *form;
	size_t offset, size;          /* of the member in the record */
	const char *exported, *shown; /* its name in an export and in `show --json`; a dot stands between the name of
					 an object and that of its member; NULL: it is not there */
};
#define FIELD(tag, form, type, member, exported, shown)                                                                \
	{                                                                                                              \
		tag, &(form), offsetof(type, member), sizeof(((type *)0)->member), exported, shown                     \
	}

struct fields {
	const struct field *field; /* by tag */
	size_t count;
	/* The order of names in JSON, blank-separated; those that are not listed follow in the order of the table. A
	 * name of an object stands for all its members. `shown` also lists names that have no field: what is put there
	 * follows from others. */
	const char *exported, *shown;
};
#define FIELDS(rows, exported, shown)                                                                                  \
	{                                                                                                              \
		rows, sizeof rows / sizeof *rows, exported, shown                                                      \
	}

/* Forms that several records have. */
extern const struct field_form form_u16, form_u32, form_u64, form_flag, form_ttl, form_time, form_date, form_day;

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

/* The frame: magic of 4 octets, version. fields_frame_open() is false for another magic, a version newer than
 * `version`, a wrong checksum. */
void fields_frame_begin(struct fields_out *out, const char *magic, uint16_t version);
void fields_frame_end(struct fields_out *out);
/* What the frame ends in, little endian: over all octets before it. */
uint64_t fields_sum(const void *bytes, size_t len);
/* Whether the octets are those that were written: they end in their checksum. */
bool fields_whole(struct span in);
bool fields_frame_open(struct span in, const char *magic, uint16_t version, struct span *body);

void fields_put(struct fields_out *out, const struct fields *table, const void *record);
/* False for a bad value, a bad length, tags out of order. `record` comes zeroed, and may be half filled when false. */
bool fields_take(struct span in, const struct fields *table, void *record);
/* Reads a number of that many octets; false when fewer are left. */
bool fields_take_number(struct span *in, size_t octets, uint64_t *out);

/* Whether it has no value: 0, "", REASON_OK, a record without its first field. */
bool field_is_zero(const struct field *field, const void *record);
/* Of kinds that are numbers; u64 comes as the int64_t of the same bits. */
int64_t field_number(const struct field *field, const void *record);
void field_set_number(const struct field *field, void *record, int64_t number);
/* The reason of that name if the form may hold it, else what the form has in its place. */
enum reason field_reason(const struct field_form *form, struct span name);

#endif
