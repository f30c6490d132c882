#include "failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool failure_set(struct failure *why, int code, const char *format, ...)
{
	if (!why)
		return false;
	/* A copy is needed because an argument may point into why->text. */
	char text[sizeof why->text];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	why->code = code;
	memcpy(why->text, text, sizeof text);
	return false;
}

bool failure_prefix(struct failure *why, const char *format, ...)
{
	if (!why)
		return false;
	char text[sizeof why->text];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	char whole[2 * sizeof text + 2];
	snprintf(whole, sizeof whole, "%s: %s", text, why->text);
	memcpy(why->text, whole, sizeof text);
	why->text[sizeof why->text - 1] = '\0';
	return false;
}
