#include "findings.h"

#include "cm.h"
#include "doctor.h"

#include <stdio.h>
#include <string.h>

static char bad[8192], all[65536];
static bool wants_remedy;

static void put(char *to, size_t size, const char *text)
{
	size_t len = strlen(to);
	snprintf(to + len, size - len, "%s", text);
}

void findings_clear(void)
{
	bad[0] = all[0] = '\0';
	wants_remedy = false;
}

const char *findings_bad(void)
{
	if (wants_remedy)
		fail_msg("the last finding has no remedy: %s", all);
	return bad;
}

const char *findings_all(void)
{
	return all;
}

void doctor_report(struct doctor *doctor, const char *check, enum doctor_result result, const char *format, ...)
{
	static const char *const names[] = {"ok", "warn", "fail", "skip"};
	char text[DOCTOR_TEXT_SIZE], line[DOCTOR_TEXT_SIZE + 64];
	(void)doctor;
	if (wants_remedy)
		fail_msg("a finding has no remedy: %s", all);
	va_list list;
	va_start(list, format);
	int len = vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (len < 0 || (size_t)len >= sizeof text || text[len - 1] == '.' || strchr(text, '\n'))
		fail_msg("the finding is too long, ends in a dot, or has several lines: %s", text);
	snprintf(line, sizeof line, "%s %s %s\n", names[result], check, text);
	put(all, sizeof all, line);
	wants_remedy = result == DOCTOR_WARN || result == DOCTOR_FAIL;
	if (!wants_remedy)
		return;
	snprintf(line, sizeof line, "%s%s %s", bad[0] != '\0' ? "; " : "", names[result], check);
	put(bad, sizeof bad, line);
}

void doctor_remedy(struct doctor *doctor, const char *format, ...)
{
	char text[DOCTOR_TEXT_SIZE + 8] = "> ";
	(void)doctor;
	if (!wants_remedy)
		fail_msg("a remedy without a warning or failure: %s", all);
	va_list list;
	va_start(list, format);
	int len = vsnprintf(text + 2, sizeof text - 3, format, list);
	va_end(list);
	if (len < 0 || (size_t)len >= DOCTOR_TEXT_SIZE || strchr(text, '\n'))
		fail_msg("the remedy is too long or has several lines: %s", text);
	put(all, sizeof all, strcat(text, "\n"));
	wants_remedy = false;
}
