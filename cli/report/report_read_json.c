/* report read: JSON. */
#include "output.h"
#include "report_read.h"

static json_t *sessions_json(uint64_t sessions)
{
	return json_made(json_integer((json_int_t)sessions));
}

static json_t *policy_json(const struct received *received, const struct read_policy *policy)
{
	json_t *object = json_made(json_object());
	json_put(object, "domain", json_text(received_domain(received, policy)));
	json_put(object, "type", json_text(policy->type));
	json_put(object, "mode", json_text(policy_mode_of(policy)));
	json_put(object, "lines", json_names(&policy->strings));
	json_put(object, "mx", json_names(&policy->patterns));
	json_put(object, "sessions", sessions_json(sessions_sum(policy->successes, policy->failures)));
	json_put(object, "failed", sessions_json(policy->failures));
	return object;
}

static json_t *report_json(const struct received *received)
{
	json_t *object = json_made(json_object()), *policies = json_made(json_array());
	for (size_t i = 0; i < received->report.count; i++)
		json_add(policies, policy_json(received, &received->report.policy[i]));
	json_put(object, "file", json_text(received->file));
	json_put(object, "reporter", json_text(received_reporter(received)));
	json_put(object, "contact", json_text(received->report.contact));
	json_put(object, "id", json_text(received->report.id));
	json_put(object, "begins", json_when(received->report.begins_at));
	json_put(object, "ends", json_when(received->report.ends_at));
	json_put(object, "from", json_text(received->from));
	json_put(object, "submitter", json_text(received->submitter));
	json_put(object, "doubtful", json_boolean(received_disagrees(received)));
	json_put(object, "contradicted", json_boolean(received->contradicted));
	json_put(object, "policies", policies);
	return object;
}

static json_t *shares_json(const struct shares *shares)
{
	json_t *array = json_made(json_array());
	for (size_t i = 0; i < shares->count; i++) {
		json_t *object = json_made(json_object());
		json_put(object, "name", json_text(shares->of[i].name));
		json_put(object, "sessions", sessions_json(shares->of[i].sessions));
		json_add(array, object);
	}
	if (shares->others > 0) {
		json_t *object = json_made(json_object());
		json_put(object, "name", NULL);
		json_put(object, "sessions", sessions_json(shares->others));
		json_add(array, object);
	}
	return array;
}

static json_t *group_json(const struct failure_group *group)
{
	json_t *object = json_made(json_object());
	bool known = group->kind != TLSRPT_RESULTS;
	json_put(object, "domain", json_text(group->domain));
	json_put(object, "type", json_text(group->type));
	json_put(object, "mode", json_text(group->mode));
	json_put(object, "host", json_text(group->host));
	json_put(object, "result", json_text(group->result));
	json_put(object, "sentence", known ? json_text(tlsrpt_result_sentence(group->kind)) : NULL);
	json_put(object, "remedy", json_text(failure_remedy(group)));
	json_put(object, "sessions", sessions_json(group->sessions));
	json_put(object, "reporters", shares_json(&group->reporters));
	json_put(object, "reasons", shares_json(&group->reasons));
	json_put(object, "addresses", shares_json(&group->addresses));
	return object;
}

void report_read_print_json(const struct received_list *list, const struct failure_groups *groups)
{
	json_t *object = json_made(json_object());
	json_t *reports = json_made(json_array()), *failures = json_made(json_array());
	for (size_t i = 0; i < list->count; i++)
		json_add(reports, report_json(list->row[i]));
	for (size_t i = 0; i < groups->count; i++)
		json_add(failures, group_json(&groups->group[i]));
	json_put(object, "sessions", sessions_json(groups->sessions));
	json_put(object, "failed", sessions_json(groups->failed));
	json_put(object, "repeated", sessions_json(list->repeated));
	json_put(object, "reports", reports);
	json_put(object, "failures", failures);
	json_put(object, "advice", groups->count > 0 ? json_text(failures_advice(groups)) : NULL);
	json_print(object);
}
