/* Advice of reason.def for one domain and one mail host. Pure; any thread. */
#ifndef SHOWN_ADVICE_H
#define SHOWN_ADVICE_H

#include "text.h"

/* The names that replace the words HOST and DOMAIN in a text of reason.def; "": the word stays. */
struct advice_names {
	const char *domain, *host;
};
/* Appends a text of reason.def, with the names in the places of the words HOST and DOMAIN. */
void advice_add(struct text *out, const char *text, const struct advice_names *names);
/* Returns the name if it can stand in a command that somebody pastes into a shell, else "". */
const char *advice_name(const char *name);

#endif
