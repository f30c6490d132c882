/* The mail hosts of a domain, on its page. Pure; any thread. */
#ifndef MILTER_PAGE_HOSTS_H
#define MILTER_PAGE_HOSTS_H

#include "html.h"

/* Append the MX records, with the policy's opinion of each host; what is known of each host; the networks. `stored` is the object
 * of `query --stored --json`; `now` is in seconds since the
 * epoch. Advice about the reason `said` is on the page already. */
void page_mx(struct text *out, const json_t *stored);
void page_hosts(struct text *out, const json_t *stored, const char *said, int64_t now);
void page_networks(struct text *out, const json_t *stored, int64_t now);

/* Begins an item of a list of facts. After its text follows "</dd>\n". */
void page_item(struct text *out, const char *label);
/* Appends the result of a check, which has the members `reason` and `sentence`. `subject` may be "". */
void page_result(struct text *out, const char *subject, const json_t *object);
/* Appends advice, with names in the places of its words HOST and DOMAIN. Does nothing if it is "". */
void page_advice(struct text *out, const char *label, const char *advice, const char *domain, const char *host);

#endif
