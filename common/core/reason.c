#include "reason.h"

static const struct {
	enum reason_class class;
	const char *name, *sentence, *here, *there;
} reasons[REASON_COUNT] = {
#define REASON(symbol, class, name, sentence, here, there)                                                             \
	[REASON_##symbol] = {REASON_##class, name, sentence, here, there},
#include "reason.def"
#undef REASON
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

const char *reason_here(enum reason reason)
{
	return reasons[reason].here;
}

const char *reason_there(enum reason reason)
{
	return reasons[reason].there;
}
