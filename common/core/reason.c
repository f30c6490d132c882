#include "reason.h"

#include <string.h>

struct reason_row {
	enum reason_class class;
	const char *name;
	const char *sentence;
	const char *advice;
};

static const struct reason_row reasons[REASON_COUNT] = {
#define GOOD REASON_GOOD
#define BAD REASON_BAD
#define UNSURE REASON_UNSURE
#define APART REASON_APART
#define REASON(symbol, class, name, sentence, advice) [REASON_##symbol] = {class, name, sentence, advice},
#include "reason.def"
#undef REASON
#undef GOOD
#undef BAD
#undef UNSURE
#undef APART
};

enum reason_class reason_class(enum reason reason)
{
	return reasons[reason].class;
}

const char *reason_name(enum reason reason)
{
	return reasons[reason].name;
}

/* Version 0.1 wrote `none` for the good outcome. Its stores and exports are still read. */
enum reason reason_by_name(struct span name)
{
	if (span_is(name, "none"))
		return REASON_OK;
	for (enum reason reason = 0; reason < REASON_COUNT; reason++)
		if (span_is(name, reasons[reason].name))
			return reason;
	return REASON_COUNT;
}

const char *reason_sentence(enum reason reason)
{
	return reasons[reason].sentence;
}

const char *reason_advice(enum reason reason)
{
	return reasons[reason].advice;
}
