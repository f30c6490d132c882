#include "author.h"

#include "own_node.h"
#include "session.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void author_find(char author[OVERRIDE_AUTHOR_SIZE])
{
	const struct passwd *user = getpwuid(getuid());
	const char *name = getenv("SUDO_USER");
	if (!name || !override_text_is_valid((struct span){name, strlen(name)}, OVERRIDE_AUTHOR_SIZE))
		name = user ? user->pw_name : "";
	if (override_text_is_valid((struct span){name, strlen(name)}, OVERRIDE_AUTHOR_SIZE))
		memcpy(author, name, strlen(name) + 1);
	else
		snprintf(author, OVERRIDE_AUTHOR_SIZE, "uid %lu", (unsigned long)getuid());
}

bool author_and_node(struct author *out, const struct options *options, int *status)
{
	struct settings *settings = session_settings(options, status);
	if (!settings)
		return false;
	author_find(out->name);
	own_node(out->node, settings);
	out->by = (struct decision_maker){out->name, out->node};
	settings_free(&settings);
	return true;
}
