#include "plot.h"

#include "html.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"

/* Of the image, in tenths of a pixel, so that all coordinates are whole numbers. */
#define WIDTH 7200
#define HEIGHT 2400
#define LEFT 620
#define RIGHT 7120
#define TOP 100
#define BOTTOM 2140

#define LOG_MIN 0.00001 /* the smallest value that a logarithmic scale shows */
#define HOUR_S 3600
#define LABEL_S 14400 /* between two labels of the time */

/* The scale of the values. */
struct scale {
	bool logarithmic;
	double max;
};

static double known(double value)
{
	return isnan(value) ? 0 : value;
}

static double stack_at(const struct plot *plot, size_t step)
{
	double sum = 0;
	for (size_t i = 0; i < plot->series_count; i++)
		sum += known(plot->series[i].value[step]);
	return sum;
}

static double plot_max(const struct plot *plot)
{
	double max = 0;
	for (size_t step = 0; step < plot->count; step++) {
		if (plot->areas)
			max = fmax(max, stack_at(plot, step));
		for (size_t i = 0; i < plot->series_count; i++)
			max = fmax(max, known(plot->series[i].value[step]));
	}
	return max;
}

/* Returns the scale with the smallest end that has one of the digits 1, 2 and 5, or that is a power of ten. */
static struct scale scale_for(const struct plot *plot, double max)
{
	struct scale scale = {.logarithmic = !plot->areas, .max = plot->areas ? 1 : LOG_MIN * 10};
	for (unsigned i = 0; scale.max < max && i < 100; i++)
		scale.max *= scale.logarithmic ? 10 : i % 3 == 1 ? 2.5 : 2;
	return scale;
}

static int y_of(const struct scale *scale, double value)
{
	double part = value / scale->max;
	if (scale->logarithmic)
		part = value > LOG_MIN ? log10(value / LOG_MIN) / log10(scale->max / LOG_MIN) : 0;
	return BOTTOM - (int)lround(fmin(part, 1) * (BOTTOM - TOP));
}

static int x_of(const struct plot *plot, size_t step)
{
	return LEFT + (int)((RIGHT - LEFT) * step / plot->count);
}

/* Formats a value in a unit that suits it. */
static void value_add(struct text *out, const struct plot *plot, double value)
{
	char words[40];
	bool small = value < 1;
	if (plot->unit[0] == '\0')
		snprintf(words, sizeof words, "%.0f", value);
	else
		snprintf(words, sizeof words, "%.3g %s%s", small ? value * 1000 : value, small ? "m" : "", plot->unit);
	text_add(out, words);
}

static void clock_add(struct text *out, int64_t at)
{
	char words[16];
	snprintf(words, sizeof words, "%02d:%02d", (int)(at / HOUR_S % 24), (int)(at / 60 % 60));
	text_add(out, words);
}

/* --- the image ---------------------------------------------------------------------------------------------------- */

static void line_add(struct text *out, int y, const struct plot *plot, double value)
{
	html_add(out, "<path class=\"grid\" d=\"M%d %dH%d\"/><text x=\"%d\" y=\"%d\" class=\"left\">", (int64_t)LEFT,
		(int64_t)y, (int64_t)RIGHT, (int64_t)(LEFT - 60), (int64_t)(y + 40));
	value_add(out, plot, value);
	text_add(out, "</text>\n");
}

static void axes_add(struct text *out, const struct plot *plot, const struct scale *scale)
{
	for (double value = LOG_MIN; scale->logarithmic && value < scale->max * 1.5; value *= 10)
		line_add(out, y_of(scale, value), plot, value);
	for (unsigned half = 0; !scale->logarithmic && half <= 2; half++)
		if (half != 1 || fmod(scale->max, 2) == 0)
			line_add(out, y_of(scale, scale->max * half / 2), plot, scale->max * half / 2);
	int64_t to = plot->from + (int64_t)plot->count * plot->step_s;
	for (int64_t at = plot->from - plot->from % LABEL_S + LABEL_S; at < to; at += LABEL_S) {
		int64_t x = x_of(plot, (size_t)(at - plot->from) / plot->step_s);
		html_add(out, "<path class=\"grid\" d=\"M%d %dV%d\"/><text x=\"%d\" y=\"%d\" class=\"below\">", x,
			(int64_t)BOTTOM, (int64_t)(BOTTOM + 40), x, (int64_t)(BOTTOM + 170));
		clock_add(out, at);
		text_add(out, "</text>\n");
	}
}

/* Marks the steps at which nothing is known. */
static void gaps_add(struct text *out, const struct plot *plot)
{
	for (size_t step = 0, end; step < plot->count; step = end + 1) {
		for (end = step; end < plot->count; end++) {
			bool unknown = true;
			for (size_t i = 0; i < plot->series_count; i++)
				unknown = unknown && isnan(plot->series[i].value[end]);
			if (!unknown)
				break;
		}
		if (end > step && plot->areas)
			html_add(out, "<path class=\"gap\" d=\"M%d %dH%dV%dH%dZ\"/>\n", (int64_t)x_of(plot, step),
				(int64_t)TOP, (int64_t)x_of(plot, end), (int64_t)BOTTOM, (int64_t)x_of(plot, step));
	}
}

static void series_begin(struct text *out, const struct plot *plot, const struct plot_series *series)
{
	html_add(out, "<path class=\"%s c%d\" d=\"",
		plot->areas    ? "area"
		: series->thin ? "thin line"
			       : "line",
		(int64_t)series->colour);
}

/* Draws a series as an area on `base`, and adds its values to `base`. */
static void area_add(struct text *out, const struct plot *plot, const struct scale *scale,
	const struct plot_series *series, double *base)
{
	int y = -1;
	series_begin(out, plot, series);
	html_add(out, "M%d %d", (int64_t)LEFT, (int64_t)y_of(scale, base[0]));
	for (size_t step = 0; step < plot->count; step++) {
		int next = y_of(scale, base[step] + known(series->value[step]));
		if (next != y)
			html_add(out, "H%dV%d", (int64_t)x_of(plot, step), (int64_t)next);
		y = next;
	}
	html_add(out, "H%d", (int64_t)RIGHT);
	y = -1;
	for (size_t step = plot->count; step-- > 0;) {
		int next = y_of(scale, base[step]);
		if (next != y)
			html_add(out, "H%dV%d", (int64_t)x_of(plot, step + 1), (int64_t)next);
		y = next;
		base[step] += known(series->value[step]);
	}
	html_add(out, "H%dZ", (int64_t)LEFT);
	text_add(out, "\"/>\n");
}

static void curve_add(
	struct text *out, const struct plot *plot, const struct scale *scale, const struct plot_series *series)
{
	int y = -1;
	series_begin(out, plot, series);
	for (size_t step = 0; step < plot->count; step++) {
		bool here = !isnan(series->value[step]);
		int next = here ? y_of(scale, series->value[step]) : -1;
		if (here && y < 0)
			html_add(out, "M%d %d", (int64_t)x_of(plot, step), (int64_t)next);
		else if (here && next != y)
			html_add(out, "H%dV%d", (int64_t)x_of(plot, step), (int64_t)next);
		else if (!here && y >= 0)
			html_add(out, "H%d", (int64_t)x_of(plot, step));
		y = next;
	}
	if (y >= 0)
		html_add(out, "H%d", (int64_t)RIGHT);
	text_add(out, "\"/>\n");
}

static void image_add(struct text *out, const struct plot *plot, double max)
{
	struct scale scale = scale_for(plot, max);
	double *base = xcalloc(plot->count, sizeof *base);
	html_add(out,
		"<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"%s-title %s-text\">\n"
		"<title id=\"%s-title\">%s</title>\n<desc id=\"%s-text\">%s</desc>\n",
		(int64_t)WIDTH, (int64_t)HEIGHT, plot->id, plot->id, plot->id, plot->title, plot->id,
		plot->description);
	gaps_add(out, plot);
	axes_add(out, plot, &scale);
	for (size_t i = 0; i < plot->series_count; i++) {
		if (plot->areas)
			area_add(out, plot, &scale, &plot->series[i], base);
		else
			curve_add(out, plot, &scale, &plot->series[i]);
	}
	text_add(out, "</svg>\n");
	free(base);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* Returns the sum of a series from one step to another, or its largest value if it is a line; NAN if nothing is known. */
static double value_of(const struct plot *plot, const struct plot_series *series, size_t from, size_t to)
{
	double result = NAN;
	for (size_t step = from; step < to; step++) {
		double value = series->value[step];
		if (!isnan(value))
			result = plot->areas ? known(result) + value : fmax(known(result), value);
	}
	return result;
}

static void hours_add(struct text *out, const struct plot *plot)
{
	size_t hour = HOUR_S / plot->step_s;
	html_add(out,
		"<details>\n<summary>The same as a table</summary>\n<table>\n<caption>%s, by the hour%s</caption>\n"
		"<thead><tr><th scope=\"col\">from (UTC)</th>",
		plot->title, plot->areas ? "" : ": the largest value of each hour");
	for (size_t i = 0; i < plot->series_count; i++)
		html_add(out, "<th scope=\"col\" class=\"n\">%s</th>", plot->series[i].name);
	text_add(out, "</tr></thead>\n");
	for (size_t step = 0; step < plot->count; step += hour) {
		size_t end = step + hour < plot->count ? step + hour : plot->count;
		text_add(out, "<tr><th scope=\"row\">");
		clock_add(out, plot->from + (int64_t)step * plot->step_s);
		text_add(out, "</th>");
		for (size_t i = 0; i < plot->series_count; i++) {
			double value = value_of(plot, &plot->series[i], step, end);
			text_add(out, "<td class=\"n\">");
			if (isnan(value))
				text_add(out, "-");
			else
				value_add(out, plot, value);
			text_add(out, "</td>");
		}
		text_add(out, "</tr>\n");
	}
	text_add(out, "</table>\n</details>\n");
}

void plot_write(struct text *out, const struct plot *plot, const char *none)
{
	double max = plot_max(plot);
	if (!(max > 0) || plot->count == 0) {
		html_add(out, "<p>%s</p>\n", none);
		return;
	}
	html_add(out, "<figure>\n<figcaption>%s</figcaption>\n", plot->title);
	image_add(out, plot, max);
	text_add(out, "<ul class=\"legend\">\n");
	for (size_t i = 0; i < plot->series_count; i++)
		html_add(out, plot->series[i].thin ? "<li class=\"c%d thin\">%s</li>\n" : "<li class=\"c%d\">%s</li>\n",
			(int64_t)plot->series[i].colour, plot->series[i].name);
	text_add(out, "</ul>\n</figure>\n");
	hours_add(out, plot);
}
