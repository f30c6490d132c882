/* The plots of the overview, from the member `plots` of its object (shown/plots.h). Pure; any thread. */
#ifndef MILTER_PAGE_PLOTS_H
#define MILTER_PAGE_PLOTS_H

#include "text.h"

#include <jansson.h>

/* Appends the plots of verdicts by reason, and of the time that answers took. */
void page_plots_html(struct text *out, const json_t *plots);

#endif
