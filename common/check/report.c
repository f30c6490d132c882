#include "report.h"

#include "answer.h"
#include "census.h"
#include "clock.h"
#include "conditions.h"
#include "event_record.h"
#include "hints.h"
#include "limit_hits.h"
#include "log.h"
#include "revocation.h"
#include "timing.h"
#include "tlsrpt_outbox.h"
#include "tlsrpt_sender.h"
#include "tlsrpt_tallies.h"

#include <string.h>

/* --- the log line ------------------------------------------------------------------------------------------------- */

#define QUEUE_ID_SHOWN 64

bool verdict_logged_before(struct verdict_logged *logged, const char *domain)
{
	uint32_t hash = domain_hash(domain, 0);
	for (unsigned i = 0; i < logged->count; i++)
		if (logged->domain[i] == hash)
			return true;
	if (logged->count < VERDICT_LOGGED_MAX)
		logged->domain[logged->count++] = hash;
	return false;
}

void verdict_seen_decide(struct verdict_seen *seen, const struct decision *decision)
{
	seen->tls_required_no = decision->tls_required_no;
	seen->deed = action_deed(decision);
	seen->would = action_would(decision);
	seen->action = deed_name(seen->deed);
	seen->would_action = deed_name(seen->would);
}

bool verdict_is_logged(const struct settings *settings, const struct verdict *verdict)
{
	if (verdict_unchecked(verdict) || verdict_is_recorded(verdict) || verdict->override != OVERRIDE_NONE)
		return true;
	return verdict->kind != VERDICT_NONE && settings->log_verdicts == LOG_VERDICTS_ALL;
}

const char *queue_id_prefix(char out[QUEUE_ID_PREFIX_SIZE], struct span queue_id)
{
	struct text text;
	text_init(&text, out, QUEUE_ID_PREFIX_SIZE);
	if (queue_id.len == 0)
		return out;
	text_quote(&text, queue_id.at, queue_id.len, QUEUE_ID_SHOWN);
	text_add(&text, ": ");
	return out;
}

void verdict_log(const struct verdict_seen *seen)
{
	char prefix[QUEUE_ID_PREFIX_SIZE], line[ANSWER_LOG_SIZE];
	const char *id = queue_id_prefix(prefix, seen->queue_id), *frontend = verdict_door_name(seen->door);
	struct text text;
	text_init(&text, line, sizeof line);
	answer_log(&text, seen->verdict);
	text_add(&text, seen->tls_required_no ? " tls_required=" : "");
	text_add(&text, seen->tls_required_no ? "no" : "");
	if (strcmp(seen->action, seen->would_action) == 0)
		log_info("%sfrontend=%s %s action=%s", id, frontend, line, seen->action);
	else
		log_info("%sfrontend=%s %s action=%s would=%s", id, frontend, line, seen->action, seen->would_action);
}

/* --- counters ----------------------------------------------------------------------------------------------------- */

_Static_assert((int)PURPOSE_QUERY < (int)LABEL_PURPOSE_VALUES, "LABEL(PURPOSE) in metrics.def has too few values");
_Static_assert((int)VERDICT_DEFER < (int)LABEL_VERDICT_VALUES, "LABEL(VERDICT) in metrics.def has too few values");
_Static_assert((int)REASON_COUNT <= (int)LABEL_REASON_VALUES, "LABEL(REASON) in metrics.def has too few values");
_Static_assert((int)TLSRPT_RESULTS < (int)LABEL_OBSERVED_VALUES, "LABEL(OBSERVED) in metrics.def has too few values");
_Static_assert(
	(int)TLSRPT_DROPPED_COUNT <= (int)LABEL_DROPPED_VALUES, "LABEL(DROPPED) in metrics.def has too few values");
_Static_assert((int)EVENT_KIND_COUNT <= (int)LABEL_EVENT_VALUES, "LABEL(EVENT) in metrics.def has too few values");
_Static_assert(
	(int)CONDITION_COUNT <= (int)LABEL_CONDITION_VALUES, "LABEL(CONDITION) in metrics.def has too few values");
_Static_assert((int)HINT_KINDS <= (int)LABEL_HINT_VALUES, "LABEL(HINT) in metrics.def has too few values");
_Static_assert((int)HINT_OUTCOMES <= (int)LABEL_HINTED_VALUES, "LABEL(HINTED) in metrics.def has too few values");
_Static_assert((int)LIMIT_HITS <= (int)LABEL_LIMIT_VALUES, "LABEL(LIMIT) in metrics.def has too few values");
_Static_assert((int)TLSA_FAILED < (int)LABEL_STATE_VALUES, "LABEL(STATE) in metrics.def has too few values");
_Static_assert((int)OVERRIDE_PIN < (int)LABEL_OVERRIDE_VALUES, "LABEL(OVERRIDE) in metrics.def has too few values");
_Static_assert((int)TLS_REQUIRED_IGNORED < (int)LABEL_WHAT_VALUES, "LABEL(WHAT) in metrics.def has too few values");
_Static_assert((int)DOOR_DELEGATION < (int)LABEL_FRONT_VALUES, "LABEL(FRONT) in metrics.def has too few values");
_Static_assert((int)TLS_DEMAND_UNKNOWN < (int)LABEL_DEMAND_VALUES, "LABEL(DEMAND) in metrics.def has too few values");
_Static_assert((int)DEED_REJECT < (int)LABEL_ACTION_VALUES, "LABEL(ACTION) in metrics.def has too few values");

_Static_assert((int)DATAGRAM_NOT_FED < (int)LABEL_DATAGRAM_VALUES, "LABEL(DATAGRAM) in metrics.def has too few values");
_Static_assert((int)CENSUS_NO_POLICY < (int)LABEL_MODE_VALUES, "LABEL(MODE) in metrics.def has too few values");
_Static_assert((int)CENSUS_HOPS <= (int)LABEL_HOP_VALUES, "LABEL(HOP) in metrics.def has too few values");
_Static_assert((int)EVENT_ERROR < (int)LABEL_SEVERITY_VALUES, "LABEL(SEVERITY) in metrics.def has too few values");
_Static_assert(
	(int)DOOR_DELEGATION < (int)LABEL_FRONT_END_VALUES, "LABEL(FRONT_END) in metrics.def has too few values");
_Static_assert((int)TIMING_COUNT <= (int)LABEL_STEP_VALUES, "LABEL(STEP) in metrics.def has too few values");
_Static_assert((int)REVOCATION_REVOKED < (int)LABEL_REVOCATION_VALUES, "LABEL(REVOCATION) has too few values");

static const char *const downloads[] = {"read", "unchanged", "failed"};
static const char *const sessions[] = {[TALLIES_GOOD] = "good", [TALLIES_FAILED] = "failed"};
static const char *const reports[] = {
	[TLSRPT_ATTEMPT_SENT] = "sent", [TLSRPT_ATTEMPT_RETRY] = "retry", [TLSRPT_ATTEMPT_GIVEN_UP] = "given-up"};
static const char *const commands[] = {"answered", "refused", "late", "down"}; /* fleet_line_hiredis.c */
/* enum fleet_ignored; the value 0 is not counted */
static const char *const fleet_ignored[LABEL_IGNORED_VALUES] = {
	NULL, "oversized", "unsigned", "foreign", "unreadable", "future", "replayed"};
static const char *const nodes[] = {"current", "silent"}; /* enum fleet_node_state */
static const char *const losses[] = {[TALLIES_MEMORY] = "memory", [TALLIES_STORE] = "store"};
static const char *const dropped[TLSRPT_DROPPED_COUNT] = {[TLSRPT_DROPPED_QUEUE] = "queue",
	[TLSRPT_DROPPED_LOOKUP] = "lookup",
	[TLSRPT_DROPPED_TABLE] = "table",
	[TLSRPT_DROPPED_LOCAL] = "local-failure"};
static const char *const datagrams[] = {[DATAGRAM_COUNTED] = "counted",
	[DATAGRAM_REFUSED] = "refused",
	[DATAGRAM_FORWARDED] = "forwarded",
	[DATAGRAM_NOT_FORWARDED] = "not-forwarded",
	[DATAGRAM_FED] = "fed",
	[DATAGRAM_NOT_FED] = "not-fed"};
static const char *const tls_required[] = {[TLS_REQUIRED_HONOURED] = "honoured",
	[TLS_REQUIRED_TO_MTA] = "left-to-mta",
	[TLS_REQUIRED_IGNORED] = "ignored"};
static const char *const purposes[] = {
	[PURPOSE_DELIVER] = "deliver", [PURPOSE_MAP] = "map", [PURPOSE_REFRESH] = "refresh", [PURPOSE_QUERY] = "query"};

/* The names of the conditions in the metric stsgate_degraded and in /healthz. */
static const char *const conditions[CONDITION_COUNT] = {[CONDITION_STORE_UNREADABLE] = "store-unreadable",
	[CONDITION_STORE_UNWRITABLE] = "store-unwritable",
	[CONDITION_RESOLVER_DEAD] = "resolver-trouble",
	[CONDITION_HEALTH + HEALTH_LOOKUPS_FAIL] = "lookups-failing",
	[CONDITION_HEALTH + HEALTH_DNS_BOGUS] = "dnssec-failing",
	[CONDITION_HEALTH + HEALTH_FETCHES_FAIL] = "fetches-failing",
	[CONDITION_HEALTH + HEALTH_FETCHES_UNTRUSTED] = "fetches-untrusted",
	[CONDITION_HEALTH + HEALTH_PROBES_FAIL] = "probes-failing",
	[CONDITION_HEALTH + HEALTH_PROBES_UNTRUSTED] = "probes-untrusted",
	[CONDITION_HEALTH + HEALTH_CLOCK_BEHIND] = "clock-behind",
	[CONDITION_HEALTH + HEALTH_CLOCK_AHEAD] = "clock-ahead",
	[CONDITION_NEARBY + NEARBY_INTERCEPTED] = "tls-intercepted-here",
	[CONDITION_NEARBY + NEARBY_HOPS_BAD] = "hops-turned-bad",
	[CONDITION_NEARBY + NEARBY_POLICY_HOSTS_BAD] = "policy-hosts-turned-bad",
	[CONDITION_NEARBY + NEARBY_RECORDS_BAD] = "records-turned-bad",
	[CONDITION_FLEET_UNREACHABLE] = "fleet-unreachable"};

static const struct {
	char first; /* letter of the reply */
	const char *name;
} replies[] = {{'O', "ok"}, {'N', "notfound"}, {'T', "temp"}};
#define REPLIES (sizeof replies / sizeof replies[0])
_Static_assert(REPLIES <= (size_t)LABEL_REPLY_VALUES, "LABEL(REPLY) in metrics.def has too few values");

void counters_verdict(enum purpose purpose, const struct verdict *verdict)
{
	metrics_add(METRIC_VERDICTS, purpose, verdict->kind, verdict->reason, 1);
	if (verdict->override != OVERRIDE_NONE)
		metrics_add(METRIC_OVERRIDE_USES, verdict->override, 0, 0, 1);
}

void counters_found(const struct found *found)
{
	/* A probe that could not begin because no resolver answers is counted as one, though it is not stored. */
	bool no_resolver = found->want.kind == WANT_PROBE && found->evidence.reason == REASON_RESOLVER;
	if ((found->untried && !no_resolver) || (found->refused && found->want.kind == WANT_POLICY))
		return;
	switch (found->want.kind) {
	case WANT_RECORD:
		metrics_add(METRIC_RECORD_LOOKUPS, found->record.outcome, 0, 0, 1);
		break;
	case WANT_POLICY:
		metrics_add(METRIC_POLICY_FETCHES, found->policy.outcome, 0, 0, 1);
		break;
	case WANT_MX:
		metrics_add(METRIC_MX_LOOKUPS, found->mx.outcome, 0, 0, 1);
		break;
	case WANT_TLSA:
		metrics_add(METRIC_TLSA_LOOKUPS, found->tlsa.state, 0, 0, 1);
		break;
	case WANT_PROBE:
		if (found->spared)
			metrics_add(METRIC_PROBES_SPARED, 0, 0, 0, 1);
		else if (found->evidence.at != 0)
			metrics_add(METRIC_PROBES, found->evidence.reason, 0, 0, 1);
		break;
	case WANT_NOTHING:
	case WANT_ENTRY:
	case WANT_EVIDENCE:
		break;
	}
}

void counters_action(const struct decision *decision)
{
	metrics_add(METRIC_MILTER_ACTIONS, action_deed(decision), 0, 0, 1);
}

void counters_delegation(enum deed deed)
{
	metrics_add(METRIC_DELEGATION_REPLIES, deed, 0, 0, 1);
}

void counters_tls_required(enum verdict_door door, enum tls_required what)
{
	metrics_add(METRIC_TLS_REQUIRED, what, door, 0, 1);
}

void counters_requiretls(enum tls_demand state)
{
	if (state != TLS_DEMAND_NONE)
		metrics_add(METRIC_REQUIRETLS, state, 0, 0, 1);
}

void counters_map_reply(struct span payload)
{
	for (unsigned i = 0; i < REPLIES; i++)
		if (payload.len > 0 && payload.at[0] == replies[i].first)
			metrics_add(METRIC_MAP_REPLIES, i, 0, 0, 1);
}

void counters_tlsrpt_datagram(enum tlsrpt_datagram fate)
{
	metrics_add(METRIC_TLSRPT_DATAGRAMS, fate, 0, 0, 1);
}

void counters_answer(enum verdict_door door, int64_t asked_us)
{
	metrics_observe(METRIC_ANSWER_SECONDS, door, 0, clock_mono_us() - asked_us);
}

/* Defines a callback that names the values of one label. Numbers from `count` on have no name. */
#define NAMES(callback, count, expression)                                                                             \
	static const char *callback(unsigned value)                                                                    \
	{                                                                                                              \
		return value < (unsigned)(count) ? (expression) : NULL;                                                \
	}
NAMES(purpose_label, PURPOSE_QUERY + 1, purposes[value])
NAMES(verdict_label, VERDICT_DEFER + 1, verdict_name((enum verdict_kind)value))
NAMES(reason_label, REASON_COUNT, reason_name((enum reason)value))
NAMES(observed_label, TLSRPT_RESULTS + 1,
	value == TLSRPT_RESULTS ? "ok" : tlsrpt_result_name((enum tlsrpt_result)value))
NAMES(dropped_label, TLSRPT_DROPPED_COUNT, dropped[value])
NAMES(event_label, EVENT_KIND_COUNT, event_name((enum event_kind)value))
NAMES(reply_label, REPLIES, replies[value].name)
/* TEMP is no action of a recipient, and the metric of the map has its own label. */
NAMES(action_label, DEED_REJECT + 1, value == DEED_TEMP ? NULL : deed_name((enum deed)value))
NAMES(what_label, TLS_REQUIRED_IGNORED + 1, tls_required[value])
/* Only the milter sees header fields. */
NAMES(front_label, DOOR_MILTER + 1, verdict_door_name((enum verdict_door)value))
NAMES(demand_label, TLS_DEMAND_UNKNOWN + 1, value == TLS_DEMAND_NONE ? NULL : tls_demand_name((enum tls_demand)value))
NAMES(state_label, TLSA_FAILED + 1, tlsa_state_name((enum tlsa_state)value))
NAMES(override_label, OVERRIDE_PIN + 1, override_kind_name((enum override_kind)value))
NAMES(condition_label, CONDITION_COUNT, conditions[value])
NAMES(limit_label, LIMIT_HITS, limit_hit_name((enum limit_hit)value))
NAMES(revocation_label, REVOCATION_REVOKED + 1, revocation_state_name((enum revocation_state)value))
NAMES(download_label, sizeof downloads / sizeof *downloads, downloads[value])
NAMES(session_label, LABEL_SESSION_VALUES, sessions[value])
NAMES(report_label, LABEL_REPORT_VALUES, reports[value])
NAMES(lost_label, LABEL_LOST_VALUES, losses[value])
NAMES(datagram_label, DATAGRAM_NOT_FED + 1, datagrams[value])
NAMES(mode_label, CENSUS_NO_POLICY + 1,
	value == CENSUS_NO_POLICY ? "no-policy" : policy_mode_name((enum policy_mode)value))
NAMES(hop_label, CENSUS_HOPS, census_hop_name((enum census_hop)value))
NAMES(severity_label, EVENT_ERROR + 1, event_severity_name((enum event_severity)value))
NAMES(front_end_label, DOOR_DELEGATION + 1, verdict_door_name((enum verdict_door)value))
NAMES(step_label, TIMING_COUNT, timing_name((enum timing)value))
NAMES(command_label, LABEL_COMMAND_VALUES, commands[value])
NAMES(ignored_label, LABEL_IGNORED_VALUES, fleet_ignored[value])
NAMES(node_label, LABEL_NODE_VALUES, nodes[value])
NAMES(hint_label, HINT_KINDS, hint_kind_name((enum hint_kind)value))
NAMES(hinted_label, HINT_OUTCOMES, hint_outcome_name((enum hint_outcome)value))
NAMES(version_label, LABEL_VERSION_VALUES, PACKAGE_VERSION)

const struct metrics_names counters_names = {.name = {[LABEL_PURPOSE] = purpose_label,
						     [LABEL_VERDICT] = verdict_label,
						     [LABEL_REASON] = reason_label,
						     [LABEL_OBSERVED] = observed_label,
						     [LABEL_DROPPED] = dropped_label,
						     [LABEL_STATE] = state_label,
						     [LABEL_EVENT] = event_label,
						     [LABEL_REPLY] = reply_label,
						     [LABEL_ACTION] = action_label,
						     [LABEL_WHAT] = what_label,
						     [LABEL_FRONT] = front_label,
						     [LABEL_DEMAND] = demand_label,
						     [LABEL_VERSION] = version_label,
						     [LABEL_CONDITION] = condition_label,
						     [LABEL_OVERRIDE] = override_label,
						     [LABEL_LIMIT] = limit_label,
						     [LABEL_REVOCATION] = revocation_label,
						     [LABEL_DOWNLOAD] = download_label,
						     [LABEL_SESSION] = session_label,
						     [LABEL_REPORT] = report_label,
						     [LABEL_LOST] = lost_label,
						     [LABEL_DATAGRAM] = datagram_label,
						     [LABEL_MODE] = mode_label,
						     [LABEL_HOP] = hop_label,
						     [LABEL_SEVERITY] = severity_label,
						     [LABEL_FRONT_END] = front_end_label,
						     [LABEL_STEP] = step_label,
						     [LABEL_COMMAND] = command_label,
						     [LABEL_IGNORED] = ignored_label,
						     [LABEL_HINT] = hint_label,
						     [LABEL_HINTED] = hinted_label,
						     [LABEL_NODE] = node_label}};
