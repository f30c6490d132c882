#include "advice.h"

#include "ascii.h"

#include <string.h>

void advice_add(struct text *out, const char *text, const struct advice_names *names)
{
	while (*text) {
		bool host = strncmp(text, "HOST", 4) == 0 && *names->host;
		bool domain = strncmp(text, "DOMAIN", 6) == 0 && *names->domain;
		if (host || domain)
			text_add(out, host ? names->host : names->domain);
		else
			text_add_bytes(out, text, 1);
		text += host ? 4 : domain ? 6 : 1;
	}
}

const char *advice_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!ascii_is_alnum(*c) && !strchr("-._", *c))
			return "";
	return *name == '-' ? "" : name;
}
