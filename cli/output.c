#include "output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void line_print(const char *label, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	printf("%-9s ", label);
	vprintf(format, list);
	putchar('\n');
	va_end(list);
}

void nothing_print(const char *what)
{
	if (isatty(STDOUT_FILENO))
		fprintf(stderr, "stsgate: %s\n", what);
}

int complain(const struct failure *why)
{
	fprintf(stderr, "stsgate: %s\n", why->text);
	return why->code;
}

void json_print(json_t *value)
{
	char *text = json_ascii(value);
	puts(text);
	free(text);
	json_decref(value);
}

void json_print_list(const char *name, json_t *array, bool wanted)
{
	json_t *object = json_made(json_object());
	json_put(object, name, array);
	if (wanted)
		json_print(object);
	else
		json_decref(object);
}
