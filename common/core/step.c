#include "step.h"

#include <string.h>

const char *want_name(enum want_kind kind)
{
	switch (kind) {
	case WANT_NOTHING:
		return "nothing";
	case WANT_ENTRY:
		return "entry";
	case WANT_EVIDENCE:
		return "evidence";
	case WANT_RECORD:
		return "record";
	case WANT_POLICY:
		return "policy";
	case WANT_MX:
		return "mx";
	case WANT_TLSA:
		return "tlsa";
	case WANT_PROBE:
		return "probe";
	}
	return "nothing";
}

bool want_is_remote(enum want_kind kind)
{
	return kind == WANT_RECORD || kind == WANT_POLICY || kind == WANT_MX || kind == WANT_TLSA || kind == WANT_PROBE;
}

bool want_same(const struct want *a, const struct want *b)
{
	return a->kind == b->kind && a->port == b->port && a->dane == b->dane && strcmp(a->name, b->name) == 0;
}

const char *verdict_name(enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_NONE:
		return "none";
	case VERDICT_PASS:
		return "pass";
	case VERDICT_FAIL_TESTING:
		return "fail-testing";
	case VERDICT_FAIL_ENFORCE:
		return "fail-enforce";
	case VERDICT_DEFER:
		return "defer";
	}
	return "defer";
}

int verdict_weight(enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_NONE:
		return 0;
	case VERDICT_PASS:
		return 1;
	case VERDICT_FAIL_TESTING:
		return 2;
	case VERDICT_DEFER:
		return 3;
	case VERDICT_FAIL_ENFORCE:
		return 4;
	}
	return 0;
}

const char *tls_demand_name(enum tls_demand state)
{
	switch (state) {
	case TLS_DEMAND_NONE:
		return "not-asked";
	case TLS_DEMAND_MET:
		return "met";
	case TLS_DEMAND_UNMET:
		return "unmet";
	case TLS_DEMAND_UNKNOWN:
		return "unknown";
	}
	return "unknown";
}

const char *binding_name(enum binding binding)
{
	switch (binding) {
	case BINDING_NONE:
		return "none";
	case BINDING_SECURE:
		return "secure";
	case BINDING_DANE:
		return "dane";
	case BINDING_DANE_ONLY:
		return "dane-only";
	case BINDING_VERIFY:
		return "verify";
	}
	return "none";
}

bool binding_has_names(enum binding binding)
{
	return binding == BINDING_SECURE || binding == BINDING_VERIFY;
}

bool verdict_unchecked(const struct verdict *v)
{
	if (v->kind == VERDICT_PASS)
		return v->reason == REASON_PROBE_BUDGET || v->reason == REASON_OVERRIDE;
	if (v->kind != VERDICT_NONE)
		return false;
	return v->reason == REASON_FIRST_CONTACT || v->reason == REASON_EXEMPT || v->reason == REASON_RECORD_LOOKUP ||
	       v->reason == REASON_RESOLVER || v->reason == REASON_INTERNAL;
}

int verdict_obstructs(const struct verdict *v)
{
	int weight = verdict_weight(v->kind), most = verdict_weight(VERDICT_FAIL_TESTING);
	return v->override == OVERRIDE_TAG && weight > most ? most : weight;
}

bool step_is_want(const struct step *step)
{
	return step->want.kind != WANT_NOTHING;
}
