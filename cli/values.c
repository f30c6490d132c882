#include "values.h"

#include "doctor_internal.h"
#include "event_record.h"
#include "output.h"
#include "override.h"
#include "policy.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>

/* The groups of checks, then the checks. */
const char *doctor_words(unsigned number)
{
	if (number < DOCTOR_GROUPS)
		return doctor_group_names[number];
	number -= DOCTOR_GROUPS;
	return number < doctor_check_count ? doctor_checks[number].name : NULL;
}

const char *event_words(unsigned number)
{
	return number < EVENT_KIND_COUNT ? event_name((enum event_kind)number) : NULL;
}

const char *severity_words(unsigned number)
{
	return number <= EVENT_ERROR ? event_severity_name((enum event_severity)number) : NULL;
}

const char *policy_mode_words(unsigned number)
{
	return number <= POLICY_ENFORCE ? policy_mode_name((enum policy_mode)number) : NULL;
}

const char *override_words(unsigned number)
{
	return number < OVERRIDE_ENFORCE ? override_kind_name((enum override_kind)(number + 1)) : NULL;
}

const char *setting_words(unsigned number)
{
	return number < settings_table_count ? settings_table[number].name : NULL;
}

bool value_word(const char *what, const char *text, value_words *words, unsigned *number)
{
	struct quote quote;
	for (*number = 0; words(*number); ++*number)
		if (strcmp(words(*number), text) == 0)
			return true;
	fprintf(stderr, "stsgate: %s is not %s; write", quote_string(&quote, text), what);
	for (unsigned i = 0; words(i); i++)
		fprintf(stderr, "%s %s", i == 0 ? "" : words(i + 1) ? "," : " or", words(i));
	fputs("\n", stderr);
	return false;
}

bool value_duration(const char *option, const char *text, uint64_t *seconds)
{
	struct quote quote;
	if (settings_read_duration(text, seconds))
		return true;
	fprintf(stderr, "stsgate: %s: %s is not a duration; write it like 90s, 5m, 4h or 30d\n", option,
		quote_string(&quote, text));
	return false;
}
