/* The head of a policy host's response, line by line, and its body after an empty line. A simple second parser gives the
 * same result: only responses sent as text/plain, unencoded and unfolded, pass, and no others are refused. */
#include "fetch.h"
#include "fetch_response.h"
#include "fuzz.h"

#include <string.h>
#include <strings.h>

/* The value of a line `name: value` without surrounding blanks; NULL for another name. The caller frees it. */
static char *value_of(const char *line, size_t len, const char *name)
{
	static const char blanks[] = " \t\r\n";
	size_t name_len = strlen(name);

	if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
		return NULL;
	line += name_len + 1;
	len -= name_len + 1;
	while (len > 0 && memchr(blanks, line[0], 4)) {
		line++;
		len--;
	}
	while (len > 0 && memchr(blanks, line[len - 1], 4))
		len--;
	char *value = calloc(len + 1, 1);
	FUZZ_MUST(value);
	if (len > 0)
		memcpy(value, line, len);
	for (size_t i = 0; i < len; i++)
		if (value[i] == '\0') /* no word contains NUL */
			value[i] = '\1';
	return value;
}

static bool is_plain(char *value)
{
	value[strcspn(value, ";")] = '\0';
	size_t len = strlen(value);
	while (len > 0 && strchr(" \t\r\n", value[len - 1]))
		value[--len] = '\0';
	return strcasecmp(value, "text/plain") == 0;
}

struct head {
	bool typed, bad;
};

static void head_line(struct head *head, const char *line, size_t len)
{
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		*head = (struct head){false, false};
		return;
	}
	char *type = value_of(line, len, "content-type"), *encoding = value_of(line, len, "content-encoding");
	char *transfer = value_of(line, len, "transfer-encoding");
	head->typed = head->typed || type;
	head->bad = head->bad || line[0] == ' ' || line[0] == '\t' || (type && !is_plain(type)) ||
		    (encoding && strcasecmp(encoding, "identity") != 0) ||
		    (transfer && strcasecmp(transfer, "chunked") != 0);
	free(type);
	free(encoding);
	free(transfer);
}

/* A copy of exactly the line, so that AddressSanitizer sees a read beyond its end. */
static bool line_feed(struct response *response, const char *line, size_t len)
{
	char *exact = malloc(len);

	FUZZ_MUST(exact);
	memcpy(exact, line, len);
	bool on = response_header(response, exact, len);
	free(exact);
	return on;
}

/* Feeds it in pieces of growing length. Returns false if it is too large. */
static bool body_feed(struct response *response, const char *body, size_t len)
{
	for (size_t at = 0, piece = 1; at < len; at += piece, piece *= 2)
		if (!response_body(response, body + at, len - at < piece ? len - at : piece))
			return false;
	return true;
}

static void must_be_clean(const struct response *response, bool refused)
{
	char detail[256];
	struct text text;

	text_init(&text, detail, sizeof detail);
	FUZZ_MUST(response_refuse(response, &text) == refused);
	FUZZ_MUST(refused == (detail[0] != '\0'));
	for (const char *c = detail; *c; c++)
		FUZZ_MUST(*c >= ' ' && *c <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct response response = {0};
	struct head head = {false, false};
	const char *at = (const char *)data, *end = at + size;
	bool on = true;

	while (on && at < end && *at != '\n') {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((line_end ? line_end + 1 : end) - at);
		on = line_feed(&response, at, len);
		if (on)
			head_line(&head, at, len);
		at += len;
	}
	FUZZ_MUST(on != response.headers_too_long && (!on || response.header_bytes <= FETCH_HEADER_BYTES_MAX));
	must_be_clean(&response, head.bad || !head.typed);
	if (on && at < end) {
		size_t len = (size_t)(end - at - 1);
		bool whole = body_feed(&response, at + 1, len);
		FUZZ_MUST(whole == (len <= POLICY_BYTES_MAX) && whole != response.too_large);
		FUZZ_MUST(
			!whole || (response.body_len == len && (len == 0 || memcmp(response.body, at + 1, len) == 0)));
	}
	response_free(&response);
	return 0;
}
