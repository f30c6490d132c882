#include "override_text.h"

#include <string.h>

const char *override_kind_words(char out[OVERRIDE_KIND_SIZE], const struct override *override)
{
	struct text text;
	text_init(&text, out, OVERRIDE_KIND_SIZE);
	text_add(&text, override_kind_name(override->kind));
	for (size_t i = 0; i < OVERRIDE_ASNS_MAX && override->asn[i] != 0; i++) {
		text_add(&text, i == 0 ? " to AS" : ", AS");
		text_add_number(&text, override->asn[i]);
	}
	return out;
}

void override_describe(struct text *out, const struct override *override)
{
	char kind[OVERRIDE_KIND_SIZE];
	text_add(out, override_kind_words(kind, override));
	if (strcmp(override->domain, OVERRIDE_ALL) == 0)
		text_add(out, " for all domains");
	text_add(out, " until ");
	text_add_time(out, override->ends_at);
	text_add(out, ", set by ");
	text_quote(out, override->author, strlen(override->author), OVERRIDE_AUTHOR_SIZE + 2);
	if (override->node[0] != '\0') {
		text_add(out, " on ");
		text_add(out, override->node);
	}
	text_add(out, ": ");
	text_quote(out, override->reason, strlen(override->reason), OVERRIDE_TEXT_SIZE);
}

const char *override_event_domain(const struct override *override)
{
	return strcmp(override->domain, OVERRIDE_ALL) == 0 ? "" : override->domain;
}
