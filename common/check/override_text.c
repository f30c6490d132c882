#include "override_text.h"

#include <string.h>
#include <time.h>

void override_describe(struct text *out, const struct override *override)
{
	char until[sizeof "2026-01-31T12:00:00Z"] = "";
	time_t time = (time_t) override->ends_at;
	struct tm parts;
	if (!gmtime_r(&time, &parts) || strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		until[0] = '\0';
	text_add(out, override_kind_name(override->kind));
	if (strcmp(override->domain, OVERRIDE_ALL) == 0)
		text_add(out, " for all domains");
	text_add(out, " until ");
	text_add(out, until);
	text_add(out, ", set by ");
	text_quote(out, override->author, strlen(override->author), OVERRIDE_AUTHOR_SIZE + 2);
	text_add(out, ": ");
	text_quote(out, override->reason, strlen(override->reason), OVERRIDE_TEXT_SIZE);
}

const char *override_event_domain(const struct override *override)
{
	return strcmp(override->domain, OVERRIDE_ALL) == 0 ? "" : override->domain;
}
