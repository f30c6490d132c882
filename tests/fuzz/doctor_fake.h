/* For one source file of a fuzz target: what the checks of doctor call.
 *
 * In place of doctor.c, which writes to a pipe, and of check/config.c, which needs all libraries. */
#ifndef TEST_DOCTOR_FAKE_H
#define TEST_DOCTOR_FAKE_H

#include "config.h"
#include "doctor.h"
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void doctor_report(struct doctor *doctor, const char *check, enum doctor_result result, const char *format, ...)
{
	char text[DOCTOR_TEXT_SIZE];
	(void)doctor;
	(void)check;
	(void)result;
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	for (const char *at = text; *at; at++)
		FUZZ_MUST(*at >= 0x20 && *at <= 0x7e); /* everything else is quoted */
}

void doctor_remedy(struct doctor *doctor, const char *format, ...)
{
	char text[DOCTOR_TEXT_SIZE];
	(void)doctor;
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
}

bool config_names(struct names *list, const char *setting, const struct settings_list *values, struct failure *why)
{
	(void)setting;
	(void)why;
	for (size_t i = 0; i < values->count; i++)
		names_add(list, values->item[i], strlen(values->item[i]));
	return true;
}

#endif
