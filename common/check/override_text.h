/* An override in words, for the log, events, /healthz and the tool. Any thread. */
#ifndef CHECK_OVERRIDE_TEXT_H
#define CHECK_OVERRIDE_TEXT_H

#include "event_record.h"
#include "override.h"
#include "text.h"

#define OVERRIDE_TEXT_SIZE EVENT_DETAIL_SIZE

#define OVERRIDE_KIND_SIZE 128
/* Writes the kind in words, such as `pass`, or `pin to AS64500, AS64501`. Returns `out`. */
const char *override_kind_words(char out[OVERRIDE_KIND_SIZE], const struct override *override);
/* Appends `pass until 2026-01-31T12:00:00Z, set by alice on relay1: "the reason"`, with ` for all domains` where it is for
 * all, with the autonomous systems of an OVERRIDE_PIN, and without the relay if it is not known. Author and reason are quoted. */
void override_describe(struct text *out, const struct override *override);
/* Returns the domain under which events about an override are noted: "" if it is for all domains. */
const char *override_event_domain(const struct override *override);

#endif
