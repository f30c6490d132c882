/* The parser of settings files: any text is either refused with a reason, or read to values that are refused or accepted
 * in the same way after they are written and read again. */
#include "fuzz.h"
#include "settings.h"

#include <string.h>

static void sockets_parse(const struct settings *settings)
{
	const char *const values[] = {settings->milter_socket, settings->socketmap_socket, settings->delegation_socket,
		settings->metrics_socket};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct settings_socket socket;
		/* settings_check() has accepted it. */
		FUZZ_MUST(settings_socket_parse(&socket, values[i], NULL));
	}
}

static void values_format(const struct settings *settings)
{
	static char value[65536], line[65600], again[65536];
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct settings_row *row = &settings_table[i];
		settings_format(settings, row, value, sizeof value);
		int len = snprintf(line, sizeof line, "probe_ttl_max = 30d\n%s = %s", row->name, value);
		if (strcmp(row->name, "probe_ttl_max") == 0)
			continue;
		/* Alone the setting may contradict a default, but its value is the same. */
		struct settings *second = settings_read_text("again", line, (size_t)len, NULL);
		FUZZ_MUST(!second || strcmp(settings_format(second, row, again, sizeof again), value) == 0);
		settings_free(&second);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failure why = {0};
	struct settings *settings = settings_read_text("fuzz", (const char *)data, size, &why);
	FUZZ_MUST(settings || (why.code != 0 && why.text[0] != '\0'));
	if (!settings)
		return 0;
	sockets_parse(settings);
	values_format(settings);
	settings_free(&settings);
	return 0;
}
