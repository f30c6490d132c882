#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *corpus_read(const char *name, size_t *len)
{
	char path[4096];
	char *bytes = malloc(1 << 20);
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", CORPUS_DIR, name);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("%s cannot be read", path);
	*len = fread(bytes, 1, (1 << 20) - 1, file);
	fclose(file);
	bytes[*len] = '\0';
	return bytes;
}

json_t *corpus_vectors(const char *name)
{
	size_t len;
	char *bytes = corpus_read(name, &len);
	json_error_t error;
	json_t *vectors = json_loadb(bytes, len, JSON_ALLOW_NUL, &error);

	free(bytes);
	if (!json_is_array(vectors) || !json_array_size(vectors))
		fail_msg("%s: line %d: %s", name, error.line, error.text);
	return vectors;
}

static unsigned base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = strchr(digits, c);

	return at ? (unsigned)(at - digits) : 0;
}

static char *base64_decode(const char *text, size_t *len)
{
	char *out = malloc(strlen(text) + 1);
	uint32_t bits = 0;
	unsigned held = 0;

	*len = 0;
	for (; *text && *text != '='; text++) {
		bits = bits << 6 | base64_value(*text);
		held += 6;
		if (held >= 8)
			out[(*len)++] = (char)(bits >> (held -= 8));
	}
	return out;
}

char *corpus_input(const json_t *vector, size_t *len)
{
	const json_t *input = json_object_get(vector, "input");
	char *bytes;

	if (!input)
		return base64_decode(json_string_value(json_object_get(vector, "input_b64")), len);
	*len = json_string_length(input);
	bytes = malloc(*len + 1);
	memcpy(bytes, json_string_value(input), *len + 1);
	return bytes;
}

const char *corpus_name(const json_t *vector)
{
	return json_string_value(json_object_get(vector, "name"));
}

uint32_t corpus_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}
