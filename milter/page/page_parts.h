/* What the pages of the status page show, and the table of pages. A page is made in two steps. The first makes a JSON
 * object; a client that asks for JSON gets this object. The second makes the HTML from this object alone, so the two cannot
 * differ. */
#ifndef MILTER_PAGE_PARTS_H
#define MILTER_PAGE_PARTS_H

#include "census_taker.h"
#include "check.h"
#include "page_request.h"
#include "store.h"
#include "text.h"

#include <jansson.h>

struct page_parts {
	struct check *check;
	struct store *store;
	struct census_taker *census;
};

struct page_kind {
	/* Returns the object of a page, which the caller owns. `rows`: how many rows each list may have. Returns NULL if the
	 * store cannot be read. */
	json_t *(*json)(
		const struct page_parts *parts, const struct page_request *request, size_t rows, struct failure *why);
	/* Appends the HTML of such an object. */
	void (*html)(struct text *out, const json_t *object);
};

#endif
