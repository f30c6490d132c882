/* What all pages of the status page have in common: the beginning and the end of the document, and the style sheet. Pure; any
 * thread. */
#ifndef MILTER_PAGE_FRAME_H
#define MILTER_PAGE_FRAME_H

#include "html.h"

/* Header fields of all replies that belong to the status page, each with its end of line. The page may not load anything but
 * its style sheet, nothing may frame it, and other sites can neither read it nor embed parts of it. */
extern const char page_fields[];

/* The style sheet, which is served as /style.css. */
extern const char page_style[];

/* Appends everything before the page's own content. `heading` is the page's first heading, and the beginning of its title.
 * `host` is the name of this machine; `now`: when the page was made. */
void page_begin(struct text *out, const char *heading, const char *host, int64_t now);
void page_end(struct text *out);

#endif
