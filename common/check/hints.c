#include "hints.h"

const char *hint_kind_name(enum hint_kind kind)
{
	static const char *const names[HINT_KINDS] = {"entry", "fetch", "hop"};
	return kind < HINT_KINDS ? names[kind] : "";
}

const char *hint_outcome_name(enum hint_outcome outcome)
{
	static const char *const names[HINT_OUTCOMES] = {"late", "none", "ignored", "unused", "taken", "waited"};
	return outcome < HINT_OUTCOMES ? names[outcome] : "";
}
