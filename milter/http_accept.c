#include "http_accept.h"

#include "ascii.h"
#include "http_fields.h"

#define WEIGHT_MAX 1000 /* weights are in thousandths */

/* The greatest weight that the request gives to each format; 0: it does not name the format. */
struct weights {
	int openmetrics, plain, json, html;
};

/* Reads a weight such as 0.5 (RFC 9110 12.4.2). Returns 0 for anything else. */
static int weight_read(struct span value)
{
	int weight = 0, unit = WEIGHT_MAX;
	if (value.len == 0 || value.len > 5 || (value.len > 1 && value.at[1] != '.'))
		return 0;
	for (size_t i = 0; i < value.len; i += i == 0 ? 2 : 1, unit /= 10) {
		if (!ascii_is_digit(value.at[i]))
			return 0;
		weight += (value.at[i] - '0') * unit;
	}
	return weight <= WEIGHT_MAX ? weight : 0;
}

/* Returns where the weight of a media type goes, or NULL for one that does not matter. */
static int *weight_of(struct weights *weights, struct span type)
{
	if (http_is_word(type, "application/openmetrics-text"))
		return &weights->openmetrics;
	if (http_is_word(type, "text/plain"))
		return &weights->plain;
	if (http_is_word(type, "application/json"))
		return &weights->json;
	return http_is_word(type, "text/html") ? &weights->html : NULL;
}

/* Takes one element of the list: a media type with parameters. */
static void element_take(struct weights *weights, struct span element)
{
	int *of = weight_of(weights, http_part_take(&element, ';')), weight = WEIGHT_MAX;
	while (element.len > 0) {
		struct span value = http_part_take(&element, ';'), name = http_part_take(&value, '=');
		if (http_is_word(name, "q"))
			weight = weight_read(span_trim(value, HTTP_BLANKS));
		else if (of == &weights->openmetrics && http_is_word(name, "version") &&
			 !http_is_word(span_trim(value, HTTP_BLANKS), "1.0.0"))
			of = NULL;
	}
	if (of && weight > *of)
		*of = weight;
}

static struct weights weights_read(struct span head)
{
	struct weights weights = {0};
	struct http_fields fields = {0};
	while (http_field_next(&fields, &head))
		while (http_is_word(fields.name, "accept") && fields.value.len > 0)
			element_take(&weights, http_part_take(&fields.value, ','));
	return weights;
}

bool http_accepts_openmetrics(struct span head)
{
	struct weights weights = weights_read(head);
	return weights.openmetrics > 0 && weights.openmetrics >= weights.plain;
}

bool http_accepts_json(struct span head)
{
	struct weights weights = weights_read(head);
	return weights.json > weights.html;
}
