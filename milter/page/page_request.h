/* A request for the status page: which page it wants, and whether it may have it. Every octet is hostile. Pure; any thread. */
#ifndef MILTER_PAGE_REQUEST_H
#define MILTER_PAGE_REQUEST_H

#include "span.h"

#include <stddef.h>

#define PAGE_NAME_MAX 1024 /* octets of the name in a path, decoded */

enum page_route {
	PAGE_NONE, /* no path of the status page */
	PAGE_STYLE,
	PAGE_OVERVIEW,
	PAGE_DOMAIN
};
struct page_request {
	enum page_route route;
	bool json; /* the client asks for JSON */
	bool head; /* the method is HEAD */
	/* PAGE_DOMAIN: the octets after /domain/, decoded. They may be anything. A name that is not encoded correctly is
	 * kept as it is: it is no domain name then, and the page says so. */
	char name[PAGE_NAME_MAX + 1];
	size_t name_len;
};

/* Sets `route`, and the name with it. `path` is the path of a request without its query. A name that is too long, and any
 * other path, is PAGE_NONE. */
void page_request_route(struct page_request *request, struct span path);

/* Returns whether the head of a request names this machine by a loopback name or address, or names none, as HTTP/1.0
 * allows. Otherwise a web page from anywhere could read the status page, through a browser on this machine: its author
 * lets the name of his own site point to 127.0.0.1 (DNS rebinding), and the browser then sends that name. */
bool page_host_is_local(struct span head);

#endif
