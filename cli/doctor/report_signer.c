#include "report_signer.h"

#include "ascii.h"

#include <stdlib.h>
#include <string.h>

unsigned report_port_here(const struct settings *settings)
{
	static const char *const here[] = {"127.", "[::1]:", "localhost:"};
	const char *server = settings->report_smtp, *colon = strrchr(server, ':');
	for (size_t i = 0; i < sizeof here / sizeof *here; i++)
		if (colon && strncmp(server, here[i], strlen(here[i])) == 0)
			return (unsigned)strtoul(colon + 1, NULL, 10);
	return 0;
}

static bool contains(struct span text, const char *part, bool number)
{
	size_t len = strlen(part);
	for (size_t i = 0; i + len <= text.len; i++) {
		bool ends = i + len == text.len || !ascii_is_digit(text.at[i + len]);
		if (ascii_same(text.at + i, part, len) && (!number || ends))
			return true;
	}
	return false;
}

const char *signer_name(struct span address)
{
	static const struct {
		const char *name, *part, *port; /* the usual port in Debian */
	} signers[] = {{"OpenDKIM", "opendkim", ":8891"}, {"dkimpy-milter", "dkimpy", ":8892"},
		{"Rspamd", "rspamd", ":11332"}, {"Amavis", "amavis", ":10024"}, {"a DKIM signer", "dkim", NULL}};
	for (size_t i = 0; i < sizeof signers / sizeof *signers; i++)
		if (contains(address, signers[i].part, false) ||
			(signers[i].port && contains(address, signers[i].port, true)))
			return signers[i].name;
	return NULL;
}
