/* A page about one policy domain: `/domain/NAME`. See page_kind in page_parts.h. stsgated(8) describes the members of the
 * object; `why` and `stored` are the objects of `stsgate why --json` and `stsgate query --stored --json`. */
#ifndef MILTER_PAGE_DOMAIN_H
#define MILTER_PAGE_DOMAIN_H

#include "page_parts.h"

json_t *page_domain_json(
	const struct page_parts *parts, const struct page_request *request, size_t rows, struct failure *why);
void page_domain_html(struct text *out, const json_t *object);

#endif
