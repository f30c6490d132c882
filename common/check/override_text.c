#include "override_text.h"

#include <string.h>

void override_describe(struct text *out, const struct override *override)
{
	text_add(out, override_kind_name(override->kind));
	if (strcmp(override->domain, OVERRIDE_ALL) == 0)
		text_add(out, " for all domains");
	text_add(out, " until ");
	text_add_time(out, override->ends_at);
	text_add(out, ", set by ");
	text_quote(out, override->author, strlen(override->author), OVERRIDE_AUTHOR_SIZE + 2);
	text_add(out, ": ");
	text_quote(out, override->reason, strlen(override->reason), OVERRIDE_TEXT_SIZE);
}

const char *override_event_domain(const struct override *override)
{
	return strcmp(override->domain, OVERRIDE_ALL) == 0 ? "" : override->domain;
}
