/* The output of postconf(1) and postmap(1), in four parts that a line of %% separates: settings, services, overrides,
 * answers of tables. */
#include "doctor_fake.h"
#include "fuzz.h"
#include "memory.h"
#include "postfix_checks.h"

#include <string.h>

/* Takes the text before the next separator. */
static char *part_take(const char **at, const char *end)
{
	const char *from = *at, *stop = from;
	while (stop < end && !(end - stop >= 4 && memcmp(stop, "\n%%\n", 4) == 0))
		stop++;
	*at = stop < end ? stop + 4 : end;
	char *text = xstrndup(from, (size_t)(stop - from));
	for (char *c = text; c < text + (stop - from); c++)
		*c = *c == '\0' ? '?' : *c; /* as program_text() does */
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static char *words[] = {"delegation_socket=inet:8463@127.0.0.1", "delegation_domain=recipient",
		"socketmap_socket=unix:/var/spool/postfix/stsgate/map", "exempt_domains=example.org .example.net"};
	struct failure why;
	struct settings *settings = settings_read(NULL, false, words, sizeof words / sizeof *words, &why);
	const char *at = (const char *)bytes, *end = at + len;
	char *main_cf = part_take(&at, end), *master_cf = part_take(&at, end), *overrides = part_take(&at, end);
	char *answers = part_take(&at, end);
	struct postfix_config config;
	FUZZ_MUST(settings);
	if (postfix_config_read(&config, main_cf, master_cf, overrides)) {
		struct doctor doctor = {.settings = settings};
		struct postfix_facts facts = {.config = &config, .host = "relay.example"};
		facts.ahead[0].asked = facts.inward_asked = answers[0] != '\0';
		postfix_answers_take(&facts.ahead[0], answers);
		postfix_keys_take(&facts.inward, answers);
		postfix_judge(&doctor, &facts);
		names_free(&facts.ahead[0].weak);
		names_free(&facts.inward);
	}
	free(answers);
	postfix_config_free(&config);
	settings_free(&settings);
	return 0;
}
