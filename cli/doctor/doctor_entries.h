/* doctor: what the entries of the store show: the checks store-records, store-times, policies and exemptions. */
#ifndef CLI_DOCTOR_ENTRIES_H
#define CLI_DOCTOR_ENTRIES_H

#include "doctor.h"
#include "store.h"

/* Reads the entries, of a large store only a part, and reports. */
void doctor_entries(struct doctor *doctor, struct store *store);

#endif
