/* fleet: the relays that share what they know (setting fleet_server). */
#include "fleet_list.h"

#include "output.h"
#include "session.h"

#include <stdio.h>
#include <string.h>

/* The checks are those of doctor. */
static int fleet_test(const struct options *options)
{
	char group[] = "fleet";
	char *words[] = {group};
	return doctor_run(options, 1, words);
}

int fleet_run(const struct options *options, size_t count, char **words)
{
	const char *word = count > 0 ? words[0] : "list";
	struct quote quote;
	int status;
	if (strcmp(word, "list") != 0 && strcmp(word, "test") != 0) {
		fprintf(stderr, "stsgate: fleet: unknown word %s\n", quote_string(&quote, word));
		return STATUS_WORDS;
	}
	struct settings *settings = session_settings(options, &status);
	if (!settings)
		return status;
	bool shares = settings->fleet_server[0] != '\0';
	if (!shares) {
		fputs("stsgate: nothing is shared: the setting fleet_server is empty\n", stderr);
		status = STATUS_NO;
	} else if (strcmp(word, "test") == 0) {
		status = fleet_test(options);
	} else {
		status = fleet_list(settings, options->json);
	}
	settings_free(&settings);
	return status;
}
