/* What the files of postfix_checks share. Only they include it. */
#ifndef CLI_POSTFIX_CHECKS_INTERNAL_H
#define CLI_POSTFIX_CHECKS_INTERNAL_H

#include "names.h"
#include "output.h"
#include "postfix_checks.h"
#include "text.h"

#define LIST_SIZE 400 /* octets of a list of names in a finding */

struct postfix_case {
	struct doctor *doctor;
	const struct postfix_facts *facts;
	const struct postfix_config *config;
	const struct settings *settings;
	struct settings_socket milter, map, delegation;
	const char *queue; /* Postfix's queue directory */
	struct quote queue_shown;
	bool map_attached;     /* smtp(8) asks stsgated's map */
	struct names exempt;   /* exempt_domains */
	struct names exempt_h; /* exempt_hosts */
	struct names own;      /* own_hosts */
};

/* A list of names in a finding, quoted, separated by commas. */
struct name_list {
	char bytes[LIST_SIZE];
	struct text text;
	size_t count;
};
void name_list_init(struct name_list *list);
void name_list_add(struct name_list *list, const char *name);

/* Writes one of stsgated's addresses as main.cf should have it, quoted. Returns `out`. */
#define OWN_ADDRESS_SIZE 300
const char *own_address(const struct postfix_case *c, const struct settings_socket *own, char out[OWN_ADDRESS_SIZE]);
/* Returns whether the address is a UNIX socket that a program chrooted in the queue directory can reach. */
bool own_is_inside(const struct postfix_case *c, const struct settings_socket *own);
/* Returns the next service of master.cf that runs a program, the first one for NULL, NULL at the end. */
const struct postfix_service *service_next(
	const struct postfix_case *c, const struct postfix_service *service, const char *program);
/* Returns a service's `name`, or the first one that runs the program. */
const struct postfix_service *service_find(const struct postfix_case *c, const char *name, const char *program);
/* Quotes at most 120 octets. */
const char *shown(struct quote *quote, struct span text);
/* The same for a setting of main.cf: `empty` for no value. */
const char *shown_setting(struct quote *quote, const struct postfix_case *c, const char *name);
static inline struct span span_of(const char *string)
{
	return (struct span){string, strlen(string)};
}

void postfix_judge_milter(struct postfix_case *c);     /* postfix-milter, postfix-action, postfix-timeouts */
void postfix_judge_map(struct postfix_case *c);        /* postfix-map, postfix-map-order, postfix-dialect */
void postfix_judge_tls(struct postfix_case *c);        /* -level, -ca, -protocols, -dane, -bounces */
void postfix_judge_delegation(struct postfix_case *c); /* postfix-delegation */
void postfix_judge_routes(struct postfix_case *c);     /* postfix-routes, postfix-transports, postfix-domains */
void postfix_judge_reports(struct postfix_case *c);    /* postfix-tlsrpt, postfix-reports, postfix-signer */

#endif
