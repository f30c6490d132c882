/* The first page of the status page: `/`. See page_kind in page_parts.h; the object is that of shown/overview.h. */
#ifndef MILTER_PAGE_OVERVIEW_H
#define MILTER_PAGE_OVERVIEW_H

#include "page_parts.h"

json_t *page_overview_json(
	const struct page_parts *parts, const struct page_request *request, size_t rows, struct failure *why);
void page_overview_html(struct text *out, const json_t *object);

#endif
