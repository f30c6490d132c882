/* What a front end did with mail, and where the mail is now, as sentences without a capital and a full stop. Pure; any
 * thread. */
#ifndef SHOWN_DEED_WORDS_H
#define SHOWN_DEED_WORDS_H

#include "settings.h"
#include "verdict_record.h"

/* Returns what the front end did. */
const char *deed_done(const struct verdict_record *record);
/* Returns what it would have done without mode = monitor, such as "put the message on hold"; "" if that is what it did. */
const char *deed_would(const struct verdict_record *record);
/* Returns where the mail is now, or that stsgate did not delay it. */
const char *deed_where(const struct verdict_record *record, const struct settings *settings);
/* Returns whether the mail was delayed or held, if not by this front end then by the map at delivery (mta_enforces). */
bool deed_delays(const struct verdict_record *record, const struct settings *settings);

#endif
