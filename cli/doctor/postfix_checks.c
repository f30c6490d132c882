/* The checks of Postfix: what they share, and those of the version. */
#include "postfix_checks.h"

#include "config.h"
#include "postfix_checks_internal.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 120
#define NAME_SHOWN_MAX 60

void name_list_init(struct name_list *list)
{
	list->count = 0;
	text_init(&list->text, list->bytes, sizeof list->bytes);
}

void name_list_add(struct name_list *list, const char *name)
{
	if (list->count++ > 0)
		text_add(&list->text, ", ");
	text_quote(&list->text, name, strlen(name), NAME_SHOWN_MAX);
}

const char *shown(struct quote *quote, struct span text)
{
	return quote_bytes(quote, text.at, text.len < SHOWN_MAX ? text.len : SHOWN_MAX);
}

const char *shown_setting(struct quote *quote, const struct postfix_case *c, const char *name)
{
	const char *value = postfix_value(c->config, NULL, name);
	return value[0] != '\0' ? shown(quote, span_of(value)) : "empty";
}

bool own_is_inside(const struct postfix_case *c, const struct settings_socket *own)
{
	size_t queue = strlen(c->queue);
	return own->family == SOCKET_UNIX && strncmp(own->path, c->queue, queue) == 0 && own->path[queue] == '/';
}

const char *own_address(const struct postfix_case *c, const struct settings_socket *own, char out[OWN_ADDRESS_SIZE])
{
	char plain[OWN_ADDRESS_SIZE];
	const char *host = own->host[0] != '\0' ? own->host : "127.0.0.1";
	if (own_is_inside(c, own))
		snprintf(plain, sizeof plain, "unix:%s", own->path + strlen(c->queue) + 1);
	else if (own->family == SOCKET_UNIX)
		snprintf(plain, sizeof plain, "unix:%s", own->path);
	else if (strchr(host, ':'))
		snprintf(plain, sizeof plain, "inet:[%s]:%u", host, own->port);
	else
		snprintf(plain, sizeof plain, "inet:%s:%u", host, own->port);
	struct text text;
	text_init(&text, out, OWN_ADDRESS_SIZE);
	text_quote(&text, plain, strlen(plain), OWN_ADDRESS_SIZE - 1);
	return out;
}

const struct postfix_service *service_next(
	const struct postfix_case *c, const struct postfix_service *service, const char *program)
{
	size_t next = service ? (size_t)(service - c->config->service) + 1 : 0;
	for (; next < c->config->service_count; next++)
		if (strcmp(c->config->service[next].program, program) == 0)
			return &c->config->service[next];
	return NULL;
}

const struct postfix_service *service_find(const struct postfix_case *c, const char *name, const char *program)
{
	const struct postfix_service *first = service_next(c, NULL, program), *service = first;
	while (service && strcmp(service->name, name) != 0)
		service = service_next(c, service, program);
	return service ? service : first;
}

static void version_check(struct postfix_case *c)
{
	struct quote version, directory, others;
	shown(&version, span_of(postfix_value(c->config, NULL, "mail_version")));
	/* with -c, some versions of postconf print the default of config_directory all the same */
	const char *named = c->facts->directory;
	shown(&directory, span_of(named ? named : postfix_value(c->config, NULL, "config_directory")));
	const char *instances = postfix_value(c->config, NULL, "multi_instance_directories");
	if (!postfix_since(c->config, 3, 4, 0)) {
		doctor_report(c->doctor, "postfix", DOCTOR_FAIL,
			"Postfix %s does not know `servername=hostname`, which is part of each of the map's answers",
			version.text);
		doctor_remedy(c->doctor, "update to Postfix 3.4 or newer");
		return;
	}
	doctor_report(c->doctor, "postfix", DOCTOR_OK, "Postfix %s, settings in %s", version.text, directory.text);
	if (instances[0] != '\0')
		doctor_report(c->doctor, "postfix", DOCTOR_SKIP,
			"other instances are checked with --postfix DIRECTORY only: %s",
			shown(&others, span_of(instances)));
}

void postfix_judge(struct doctor *doctor, const struct postfix_facts *facts)
{
	const struct settings *settings = doctor->settings;
	struct postfix_case c = {.doctor = doctor, .facts = facts, .config = facts->config, .settings = settings};
	settings_socket_parse(&c.milter, settings->milter_socket, NULL);
	settings_socket_parse(&c.map, settings->socketmap_socket, NULL);
	settings_socket_parse(&c.delegation, settings->delegation_socket, NULL);
	config_names(&c.exempt, "exempt_domains", &settings->exempt_domains, NULL);
	config_names(&c.exempt_h, "exempt_hosts", &settings->exempt_hosts, NULL);
	config_names(&c.own, "own_hosts", &settings->own_hosts, NULL);
	c.queue = postfix_value(c.config, NULL, "queue_directory");
	shown(&c.queue_shown, span_of(c.queue));
	version_check(&c);
	postfix_judge_milter(&c);
	postfix_judge_map(&c);
	postfix_judge_tls(&c);
	postfix_judge_delegation(&c);
	postfix_judge_routes(&c);
	postfix_judge_reports(&c);
	names_free(&c.exempt);
	names_free(&c.exempt_h);
	names_free(&c.own);
}
