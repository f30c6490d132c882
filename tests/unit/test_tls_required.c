/* What a message itself asks about TLS (RFC 8689): the parameter of MAIL, the header field, and the list of senders. */
#include "tls_required.h"

#include "cm.h"

#include <string.h>

static struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

static void the_parameter_has_no_value(void **state)
{
	(void)state;
	static const struct {
		const char *parameter;
		bool is;
	} rows[] = {
		{"REQUIRETLS", true},
		{"requiretls", true},
		{"RequireTls", true},
		{"REQUIRETLS=", false},
		{"REQUIRETLS=YES", false},
		{"REQUIRETL", false},
		{"REQUIRETLSX", false},
		{" REQUIRETLS", false},
		{"", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (mail_parameter_requiretls(span_of(rows[i].parameter)) != rows[i].is)
			fail_msg("`%s`", rows[i].parameter);
}

static void only_no_is_no(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		bool no;
	} rows[] = {
		{"No", true},
		{"no", true},
		{"NO", true},
		{" No\t", true},
		{"\r\n No\r\n ", true},
		{"(because) No (really)", true},
		{"(a (nested) one) nO (with \\) and \\( in it)", true},
		{"No()", true},
		{"()No", true},
		{"", false},
		{" ", false},
		{"N", false},
		{"Yes", false},
		{"None", false},
		{"No No", false},
		{"No.", false},
		{"No;", false},
		{"No, Yes", false},
		{"\"No\"", false},
		{"N(c)o", false},
		{"No (open", false},
		{"No (open\\)", false},
		{"No (a) (", false},
		{"(open No", false},
		{"No)", false},
		{"No \\", false},
		{"(\\", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (tls_required_is_no(span_of(rows[i].value)) != rows[i].no)
			fail_msg("`%s`", rows[i].value);
	assert_false(tls_required_is_no((struct span){"No\0", 3}));
	assert_true(tls_required_is_no((struct span){"Nothing", 2}));
	assert_false(tls_required_is_no((struct span){"(a)", 2}));
}

static void senders_are_listed(void **state)
{
	(void)state;
	static const struct {
		const char *item, *sender;
		bool from_here, is;
	} rows[] = {
		{"a@b.example", "<a@b.example>", false, true},
		{"a@b.example", "a@b.example", false, true},
		{"a@b.example", "<A@B.Example>", false, true},
		{"a@b.example", "<aa@b.example>", false, false},
		{"a@b.example", "<a@b.example.net>", false, false},
		{"a@b.example", "<>", true, false},
		{"@b.example", "<a@b.example>", false, true},
		{"@b.example", "<a@B.EXAMPLE>", false, true},
		{"@b.example", "<a@sub.b.example>", false, false},
		{"@b.example", "<a@cb.example>", false, false},
		{"@b.example", "<\"@\"@b.example>", false, true},
		{"@b.example", "<@b.example:a@evil.example>", false, false},
		{"@b.example", "<>", true, false},
		{"<>", "<>", true, true},
		{"<>", "", true, true},
		{"<>", "<>", false, false},
		{"<>", "<a@b.example>", true, false},
		{"<>", "<", true, false},
		{"", "<>", true, false},
		{"", "<a@b.example>", true, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (tls_required_sender(span_of(rows[i].item), span_of(rows[i].sender), rows[i].from_here) !=
			rows[i].is)
			fail_msg("row %zu: %s", i, rows[i].sender);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_parameter_has_no_value),
		cmocka_unit_test(only_no_is_no),
		cmocka_unit_test(senders_are_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
