/* The status page: what stsgate knows and does, for a person with a browser on this machine, and as JSON. It only reads.
 *
 * Pages are rendered on a thread of their own, one at a time, because they read whole tables of the store: the server's
 * thread, which answers the MTA, never waits for them. After each page the thread rests, so that a flood of requests takes a
 * quarter of one core at most. What a page shows is bounded: PAGE_ROWS rows of each list, and fewer if the page would get too
 * large for a reply.
 *
 * http_server.c decides who may see a page (page_request.h). page_start() and page_stop() are for the main thread; all other
 * functions run on the server's first thread. */
#ifndef MILTER_PAGE_H
#define MILTER_PAGE_H

#include "client.h"
#include "failure.h"
#include "page_parts.h"
#include "page_request.h"

#define PAGE_ROWS 100      /* of one list */
#define PAGE_WAITING_MAX 8 /* requests that wait for their page */
#define PAGE_WAIT_MS 10000 /* how long a request waits for its page to be begun */

struct page;
/* Starts the thread. What `parts` names must outlive it. Returns NULL on failure (EX_OSERR). */
struct page *page_start(const struct page_parts *parts, struct failure *why);
/* Ends the thread, and sets the pointer to NULL. No client may wait for a page any more: call it after server_join(). */
void page_stop(struct page **page);

/* Returns whether there is a status page now: setting status_page. `page` may be NULL. */
bool page_is_on(struct page *page);
/* Lets the client wait for a page. Returns false if PAGE_WAITING_MAX requests wait already. */
bool page_ask(struct page *page, struct client *client, const struct page_request *request);
/* What a client gets for whom there is no room, or who has waited in vain. */
#define PAGE_BUSY_STATUS "503 Service Unavailable"
#define PAGE_BUSY_FIELDS "Retry-After: 5\r\n"
#define PAGE_BUSY_TEXT "too many requests wait for the status page: try again in a moment"
/* Implement answer() and give_up() of the service whose clients wait (client.h). */
void page_answer(struct client *client, struct later *later);
bool page_give_up(struct page *page, struct later *later);

#endif
