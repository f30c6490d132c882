#include "finding.h"

#include <string.h>

static const struct {
	enum finding_text text;
	enum finding_class class;
	const char *name, *sentence, *advice;
} findings[FINDING_COUNT] = {
#define FINDING(symbol, text, class, name, sentence, advice)                                                           \
	[FINDING_##symbol] = {FINDING_##text, FINDING_##class, name, sentence, advice},
#include "finding.def"
#undef FINDING
};

enum finding_class finding_class(enum finding finding)
{
	return findings[finding].class;
}

enum finding_text finding_text(enum finding finding)
{
	return findings[finding].text;
}

const char *finding_name(enum finding finding)
{
	return findings[finding].name;
}

enum finding finding_by_name(const char *name)
{
	enum finding finding = 0;
	while (finding < FINDING_COUNT && strcmp(findings[finding].name, name) != 0)
		finding++;
	return finding;
}

const char *finding_sentence(enum finding finding)
{
	return findings[finding].sentence;
}

const char *finding_advice(enum finding finding)
{
	return findings[finding].advice;
}
