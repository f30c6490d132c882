/* Events as JSON, read by jansson, which shares no code with the writer. */
#include "cm.h"

#include "event_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static char written[EVENT_JSON_TOLD_SIZE];

static json_t *read_back(const struct text *text)
{
	json_error_t error;
	assert_false(text->cut);
	json_t *object = json_loadb(text->bytes, text->len, JSON_REJECT_DUPLICATES, &error);
	if (!object)
		fail_msg("%s in %s", error.text, text->bytes);
	for (size_t i = 0; i < text->len; i++)
		assert_in_range(text->bytes[i], ' ', '~');
	return object;
}

static json_t *object_of(const struct event_record *event)
{
	struct text text;
	text_init(&text, written, EVENT_JSON_SIZE);
	event_json(&text, event);
	return read_back(&text);
}

static const char *string_in(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	assert_true(json_is_string(value));
	return json_string_value(value);
}

static json_int_t number_in(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static void each_kind(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_KIND_COUNT; i++) {
		struct event_record event;
		event_record_init(
			&event, (enum event_kind)i, "example.com", "mx1.example.com: \"a\\x1bb\"", 1900000000);
		json_t *object = object_of(&event);
		assert_string_equal(string_in(object, "kind"), event_name(event.kind));
		assert_string_equal(string_in(object, "severity"), event_severity_name(event.severity));
		assert_string_equal(string_in(object, "domain"), "example.com");
		assert_string_equal(string_in(object, "detail"), event.detail);
		assert_string_equal(string_in(object, "sentence"), event_sentence(event.kind));
		assert_string_equal(string_in(object, "advice"), event_advice(event.kind));
		json_decref(object);
	}
}

static void all_members(void **state)
{
	struct event_record event;
	(void)state;
	event_record_init(&event, EVENT_STARTTLS_LOST, "example.com", "detail", 1900000000);
	json_t *object = object_of(&event);
	static const char *const absent[] = {"number", "host", "port", "over_at", "part_of"};
	for (size_t i = 0; i < COUNT(absent); i++)
		assert_true(json_is_null(json_object_get(object, absent[i])));
	json_decref(object);
	event.number = UINT32_MAX;
	snprintf(event.host, sizeof event.host, "mx1.example.com");
	event.port = 25;
	event.first_at = 1800000000;
	event.over_at = INT64_MAX;
	event.count = 17;
	event.part_of = 3;
	object = object_of(&event);
	assert_true(number_in(object, "number") == UINT32_MAX && number_in(object, "port") == 25 &&
		    number_in(object, "first_at") == 1800000000 && number_in(object, "last_at") == 1900000000 &&
		    number_in(object, "over_at") == INT64_MAX && number_in(object, "count") == 17 &&
		    number_in(object, "part_of") == 3);
	assert_string_equal(string_in(object, "host"), "mx1.example.com");
	json_decref(object);
}

/* Text that would end the string, the line or the object, if it were not escaped. event_record_init() lets only printable
 * ASCII in; the writer relies on that for nothing. */
static void hostile_text(void **state)
{
	static const char *const texts[] = {"\"", "\\", "\\\"", "\",\"kind\":\"x", "\\u0022", "}\n{\"news\":\"new\"}",
		"a\nb", "\033[2J", "\x7f", "</script>", "%s%n"};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct event_record event;
		event_record_init(&event, EVENT_STARTTLS_LOST, "example.com", "", 1900000000);
		snprintf(event.detail, sizeof event.detail, "%s", texts[i]);
		json_t *object = object_of(&event);
		assert_string_equal(string_in(object, "detail"), texts[i]);
		assert_string_equal(string_in(object, "kind"), "starttls-lost");
		json_decref(object);
	}
	for (int c = 1; c < 256; c++) {
		struct event_record event;
		event_record_init(&event, EVENT_STARTTLS_LOST, "example.com", "", 1900000000);
		snprintf(event.detail, sizeof event.detail, "a%cz", c);
		json_t *object = object_of(&event);
		const char *back = string_in(object, "detail");
		if (c < 128)
			assert_string_equal(back, event.detail);
		else
			assert_true(back[0] == 'a' && strlen(back) == 4 && back[3] == 'z');
		json_decref(object);
	}
}

static void what_a_program_is_told(void **state)
{
	struct event_record event;
	struct text text;
	(void)state;
	event_record_init(&event, EVENT_STARTTLS_LOST, "example.com", "detail", 1900000000);
	event.number = 12;
	struct event_telling telling = {.news = "over", .relay = "relay.example.org", .version = "0.2.0"};
	for (int i = 0; i < 2; i++) {
		telling.left_out = i == 0 ? 0 : UINT32_MAX;
		text_init(&text, written, sizeof written);
		event_json_told(&text, &event, &telling);
		json_t *object = read_back(&text);
		assert_string_equal(string_in(object, "news"), "over");
		assert_true(number_in(object, "left_out") == (json_int_t)telling.left_out);
		assert_string_equal(string_in(object, "relay"), "relay.example.org");
		assert_string_equal(string_in(object, "version"), "0.2.0");
		/* and all members of the event itself */
		json_t *plain = object_of(&event), *value;
		const char *name;
		json_object_foreach(plain, name, value) assert_true(json_equal(value, json_object_get(object, name)));
		assert_int_equal(json_object_size(object), json_object_size(plain) + 4);
		json_decref(plain);
		json_decref(object);
	}
}

/* The room is enough for the longest event, escaped. */
static void the_longest(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_KIND_COUNT; i++) {
		struct event_record event;
		event_record_init(&event, (enum event_kind)i, "", "", 1900000000);
		char relay[256] = {0};
		memset(relay, 'r', sizeof relay - 1);
		memset(event.domain, 'd', sizeof event.domain - 1);
		memset(event.host, 'h', sizeof event.host - 1);
		memset(event.detail, '"', sizeof event.detail - 1);
		event.number = event.count = event.part_of = UINT32_MAX;
		event.port = UINT16_MAX;
		event.first_at = event.last_at = event.over_at = INT64_MAX;
		json_decref(object_of(&event));
		struct event_telling telling = {
			.news = "worse", .left_out = UINT32_MAX, .relay = relay, .version = "999.999.999"};
		struct text text;
		text_init(&text, written, sizeof written);
		event_json_told(&text, &event, &telling);
		json_decref(read_back(&text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),
		cmocka_unit_test(all_members),
		cmocka_unit_test(hostile_text),
		cmocka_unit_test(what_a_program_is_told),
		cmocka_unit_test(the_longest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
