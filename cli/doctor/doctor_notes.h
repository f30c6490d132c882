/* doctor: what the daemon and the operator have left in the store beside entries: the daemon's snapshot, overrides and
 * events. */
#ifndef CLI_DOCTOR_NOTES_H
#define CLI_DOCTOR_NOTES_H

#include "doctor.h"
#include "store.h"

/* Makes the checks version, settings-in-use, overrides and events. */
void doctor_notes(struct doctor *doctor, struct store *store);

#endif
