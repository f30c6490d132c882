#include "server_info.h"

#include "ascii.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 18

/* Finds the value of a name. Returns false if no line has the name. */
static bool value_find(struct span text, const char *name, struct span *value)
{
	while (text.len > 0) {
		struct span line = span_trim(span_until(&text, '\n'), "\r");
		struct span key = span_until(&line, ':');
		*value = line;
		if (span_is(key, name))
			return true;
	}
	*value = (struct span){"", 0};
	return false;
}

static bool word_read(char *out, struct span text, const char *name)
{
	struct span value;
	*out = '\0';
	if (!value_find(text, name, &value) || value.len >= SERVER_INFO_WORD_SIZE)
		return false;
	for (size_t i = 0; i < value.len; i++)
		if (!ascii_is_alnum(value.at[i]) && !memchr(".-_+~", value.at[i], 5))
			return false;
	memcpy(out, value.at, value.len);
	out[value.len] = '\0';
	return value.len > 0;
}

static bool number_read(uint64_t *out, struct span text, const char *name)
{
	struct span value;
	*out = 0;
	if (!value_find(text, name, &value) || value.len == 0 || value.len > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (!ascii_is_digit(value.at[i]))
			return false;
		*out = *out * 10 + (uint64_t)(value.at[i] - '0');
	}
	return true;
}

static bool is(struct span text, const char *name, const char *word)
{
	struct span value;
	return value_find(text, name, &value) && span_is(value, word);
}

void server_info_read(struct server_info *out, struct span text)
{
	*out = (struct server_info){.name = "redis"};
	/* Valkey has redis_version as well, for older clients. */
	if (word_read(out->version, text, "valkey_version"))
		memcpy(out->name, "valkey", sizeof "valkey");
	else
		word_read(out->version, text, "redis_version");
	word_read(out->policy, text, "maxmemory_policy");
	bool used = number_read(&out->used, text, "used_memory");
	out->memory_known = number_read(&out->limit, text, "maxmemory") && used;
	out->replica = is(text, "role", "slave");
	out->save_failed = is(text, "rdb_last_bgsave_status", "err") || is(text, "aof_last_write_status", "err");
}
