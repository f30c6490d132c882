/* The tables of what the store keeps: entries and hop records. A new field is a member of the struct and a row here;
 * bytes, exports, imports and `show --json` follow. Pure data; any thread. */
#ifndef CORE_TABLES_H
#define CORE_TABLES_H

#include "entry.h"
#include "evidence.h"
#include "fields.h"

extern const struct fields entry_table;    /* of struct entry */
extern const struct fields hop_table;      /* of struct hop_record; rows without names in JSON are of the bytes alone */
extern const struct fields evidence_table; /* of struct evidence */
extern const struct fields tlsa_table;     /* of struct tlsa_look */

#endif
