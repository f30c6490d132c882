/* The configuration of a Postfix, read from the output of postconf(1).
 *
 * postconf prints main.cf with all defaults (`postconf -x`), the services of master.cf (`postconf -M`) and the settings
 * that single services override with -o (`postconf -Px`). The texts come from files that only the administrator should
 * be able to write, but they are parsed like any other input: bounded, and whatever they hold. Pure; any thread. */
#ifndef CLI_POSTFIX_CONFIG_H
#define CLI_POSTFIX_CONFIG_H

#include "settings.h"
#include "span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct postfix_setting {
	const char *service, *type; /* of master.cf; NULL: main.cf */
	const char *name, *value;
};
struct postfix_service {
	const char *name, *type, *program;
	bool chroot;
};
struct postfix_config {
	char *text[3];
	struct postfix_setting *setting;
	size_t setting_count;
	struct postfix_service *service;
	size_t service_count;
};

/* Reads the three outputs: strings that the caller has allocated and that the configuration takes over, also after a
 * failure. Lines of another form are ignored. Returns false if the first output has no mail_version, that is, if it is
 * not the output of `postconf -x`. The caller frees the configuration in any case. */
bool postfix_config_read(struct postfix_config *config, char *settings, char *services, char *overrides);
void postfix_config_free(struct postfix_config *config);

/* Returns the value of a setting for one service, or that of main.cf if `service` is NULL or overrides nothing. Returns
 * "" for a name that this Postfix does not know. */
const char *postfix_value(const struct postfix_config *config, const struct postfix_service *service, const char *name);
/* Returns whether Postfix is at least this version. */
bool postfix_since(const struct postfix_config *config, unsigned major, unsigned minor, unsigned patch);
/* Returns whether `wanted` is an item of the list that a setting of main.cf has. */
bool postfix_lists(const char *list, const char *wanted);

/* Takes the next item off a list. Commas and blanks separate items; inside braces they do not. Returns false at the end
 * of the list. */
bool postfix_item(struct span *list, struct span *item);
/* Removes one pair of braces around an item, and blanks. */
struct span postfix_unbrace(struct span item);
/* Returns the value of an option inside braces, as in `{ inet:host:port, command_timeout=30s }`. An absent option gives
 * an empty span. */
struct span postfix_option(struct span item, const char *name);
/* Reads a time such as 30s or 5m. Returns -1 for anything else. */
int64_t postfix_seconds(struct span text);

/* How an address in Postfix's form, `inet:host:port` or `unix:path`, compares with one of stsgated's. */
enum postfix_place {
	PLACE_OTHER,
	PLACE_SAME,
	PLACE_OUTSIDE /* it names the path of stsgated's UNIX socket, which a chrooted program cannot reach */
};
/* `queue` is Postfix's queue directory, into which a service is chrooted and to which a relative path is relative. */
enum postfix_place postfix_place(
	struct span address, const struct settings_socket *own, const char *queue, bool chroot);

/* The parts of a table `socketmap:ADDRESS:NAME`. Returns false for any other table. A prefix `proxy:` is allowed. */
bool postfix_socketmap(struct span table, struct span *address, struct span *name);

#endif
