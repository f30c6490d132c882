/* Fake pages of the status page, for tests of the server: short, held up, large or missing. */
#ifndef FAKES_FAKE_PAGES_H
#define FAKES_FAKE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

void fake_pages_hold(bool hold);           /* pages that are begun do not end */
void fake_pages_break(bool broken);        /* the store cannot be read */
void fake_pages_row_octets(size_t octets); /* of each of its rows */
unsigned fake_pages_rendered(void);        /* how many pages were begun */

#endif
