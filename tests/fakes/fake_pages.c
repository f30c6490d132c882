#include "fake_pages.h"

#include "json_value.h"
#include "page_domain.h"
#include "page_overview.h"

#include <stdatomic.h>
#include <time.h>

static atomic_uint rendered;
static atomic_bool held, broken;
static atomic_size_t row_octets = 1;

void fake_pages_hold(bool hold)
{
	atomic_store(&held, hold);
}

void fake_pages_break(bool on)
{
	atomic_store(&broken, on);
}

void fake_pages_row_octets(size_t octets)
{
	atomic_store(&row_octets, octets);
}

unsigned fake_pages_rendered(void)
{
	return atomic_load(&rendered);
}

json_t *page_overview_json(
	const struct page_parts *parts, const struct page_request *request, size_t rows, struct failure *why)
{
	const struct timespec pause = {.tv_nsec = 2000000L};
	(void)parts;
	(void)request;
	atomic_fetch_add(&rendered, 1);
	while (atomic_load(&held))
		nanosleep(&pause, NULL);
	if (atomic_load(&broken)) {
		failure_set(why, 0, "the store is broken");
		return NULL;
	}
	json_t *object = json_made(json_object());
	json_put(object, "rows", json_made(json_integer((json_int_t)rows)));
	return object;
}

void page_overview_html(struct text *out, const json_t *object)
{
	json_int_t rows = json_integer_value(json_object_get(object, "rows"));
	text_add_number(out, rows);
	for (json_int_t i = 0; i < rows && !out->cut; i++)
		for (size_t k = 0; k < atomic_load(&row_octets) && !out->cut; k++)
			text_add(out, ".");
}

json_t *page_domain_json(
	const struct page_parts *parts, const struct page_request *request, size_t rows, struct failure *why)
{
	return page_overview_json(parts, request, rows, why);
}

void page_domain_html(struct text *out, const json_t *object)
{
	page_overview_html(out, object);
}
