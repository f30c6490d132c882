/* A plot of values over time, as an inline SVG image and as a table with the same values by the hour. The image has a title
 * and a description, and no text or number of strangers: names go through html_text(). Pure; any thread. */
#ifndef MILTER_PLOT_H
#define MILTER_PLOT_H

#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLOT_SERIES_MAX 8

struct plot_series {
	const char *name;
	const double *value; /* `count` values; NAN: not known */
	unsigned colour;     /* 0 to PLOT_SERIES_MAX - 1 */
	bool thin;
};
struct plot {
	const char *id; /* of the image's elements: letters only */
	const char *title, *description;
	const char *unit; /* such as "s", or "" for numbers of something */
	int64_t from;     /* when the first step begins: wall clock, seconds */
	unsigned step_s;
	size_t count; /* of steps */
	/* areas: the series are drawn one upon the other, from 0. Otherwise they are lines, and the scale is logarithmic. */
	bool areas;
	struct plot_series series[PLOT_SERIES_MAX];
	size_t series_count;
};

/* Appends the plot. If no series has a value that is not 0, appends the sentence `none` instead. */
void plot_write(struct text *out, const struct plot *plot, const char *none);

#endif
