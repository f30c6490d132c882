/* The tables (fields.h) of the structs that the store keeps: entries, hop records, verdict records, overrides and
 * decisions.
 *
 * To add a field, add a member to the struct and a row to its table in tables.c. Bytes, export, import and `show
 * --json` follow from the row. Constant data; any thread. */
#ifndef CORE_TABLES_H
#define CORE_TABLES_H

#include "decision.h"
#include "entry.h"
#include "evidence.h"
#include "fields.h"
#include "override.h"
#include "verdict_record.h"

extern const struct fields entry_table;    /* of struct entry */
extern const struct fields hop_table;      /* of struct hop_record; rows without JSON names exist in the bytes only */
extern const struct fields evidence_table; /* of struct evidence */
extern const struct fields tlsa_table;     /* of struct tlsa_lookup */
extern const struct fields verdict_table;  /* of struct verdict_record */
extern const struct fields override_table; /* of struct override */
extern const struct fields decision_table; /* of struct decision_record */
extern const struct field_form form_evidence; /* of a member that is a struct evidence */

#endif
