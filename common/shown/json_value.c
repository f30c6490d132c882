#include "json_value.h"

#include "memory.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

#define DELETE 0x7f /* the only control character that jansson leaves as it is */

json_t *json_made(json_t *value)
{
	return xneed(value);
}

void json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value ? value : json_null()) < 0)
		abort();
}

void json_add(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		abort();
}

json_t *json_text_bytes(const char *bytes, size_t len)
{
	json_t *value = memchr(bytes, '\0', len) ? NULL : json_stringn(bytes, len);
	if (value)
		return value;
	struct quote quote;
	return json_made(json_string(quote_bytes(&quote, bytes, len)));
}

json_t *json_text(const char *string)
{
	return string && *string ? json_text_bytes(string, strlen(string)) : json_null();
}

json_t *json_when(int64_t at)
{
	return at == 0 ? json_null() : json_made(json_integer(at));
}

json_t *json_names(const struct names *names)
{
	json_t *array = json_made(json_array());
	for (const char *name = NULL; (name = names_next(names, name));)
		json_add(array, json_text_bytes(name, strlen(name)));
	return array;
}

char *json_ascii(const json_t *value)
{
	char *text = xneed(json_dumps(value, JSON_ENSURE_ASCII | JSON_ENCODE_ANY));
	size_t deletes = 0, len = strlen(text);
	for (size_t i = 0; i < len; i++)
		deletes += text[i] == DELETE;
	if (deletes == 0)
		return text;
	char *out = xmalloc(len + 5 * deletes + 1), *at = out;
	for (size_t i = 0; i < len; i++)
		if (text[i] == DELETE)
			at = stpcpy(at, "\\u007f");
		else
			*at++ = text[i];
	*at = '\0';
	free(text);
	return out;
}
