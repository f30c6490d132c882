#include "doctor_judge.h"

#define SPACE_LEAST ((uint64_t)32 << 20)
#define SPACE_MORE ((uint64_t)256 << 20)
#define RCODE_NOERROR 0
#define RCODE_NXDOMAIN 3

enum doctor_result judge_space(uint64_t left, uint64_t file, uint64_t max_bytes)
{
	uint64_t map = max_bytes / 4 * 5, growth = map > file ? map - file : 0;
	if (left >= growth)
		return DOCTOR_OK;
	if (left < SPACE_LEAST)
		return DOCTOR_FAIL;
	return left < 3 * file + SPACE_MORE ? DOCTOR_WARN : DOCTOR_OK;
}

/* A resolver without a way to the root may say that the name does not exist, and still serve a site. */
static bool answer_errs(const struct server_answer *answer)
{
	return answer->answered && answer->rcode != RCODE_NOERROR && answer->rcode != RCODE_NXDOMAIN;
}

enum server_state judge_server(const struct server_seen *seen)
{
	const struct server_answer *plain = &seen->plain, *edns = &seen->edns, *tcp = &seen->tcp;
	bool tcp_works = tcp->answered && !tcp->truncated;
	if (!plain->answered && !edns->answered && !tcp->answered)
		return SERVER_DEAD;
	if (answer_errs(plain) || answer_errs(edns) || answer_errs(tcp))
		return SERVER_ERRS;
	if ((edns->answered && !edns->truncated && edns->records == 0) || (tcp->answered && tcp->records == 0))
		return SERVER_SMALL;
	if (!edns->answered)
		return tcp_works ? SERVER_NO_UDP : SERVER_NO_LARGE;
	if (tcp_works)
		return SERVER_WELL;
	return edns->truncated ? SERVER_NO_LARGE : SERVER_NO_TCP;
}

static enum signature_state answer_signatures(const struct server_answer *answer)
{
	if (!answer->answered || answer->records == 0)
		return SIGNATURES_UNKNOWN;
	if (answer->signatures > 0)
		return SIGNATURES_PASS;
	return answer->truncated ? SIGNATURES_UNKNOWN : SIGNATURES_STRIPPED;
}

enum signature_state judge_signatures(const struct server_seen *seen)
{
	enum signature_state tcp = answer_signatures(&seen->tcp);
	return tcp != SIGNATURES_UNKNOWN ? tcp : answer_signatures(&seen->edns);
}

enum dnssec_state judge_dnssec(const struct server_seen *seen, size_t count, bool validates)
{
	bool alive = false, passed = false, stripped = false;
	for (size_t i = 0; i < count; i++) {
		enum signature_state state = judge_signatures(&seen[i]);
		alive |= judge_server(&seen[i]) != SERVER_DEAD;
		passed |= state == SIGNATURES_PASS;
		stripped |= state == SIGNATURES_STRIPPED;
	}
	if (!alive)
		return DNSSEC_NO_ANSWER;
	if (stripped)
		return DNSSEC_STRIPPED;
	if (validates)
		return DNSSEC_VALID;
	return passed ? DNSSEC_BOGUS : DNSSEC_UNSURE;
}

enum way_state judge_way(const struct way_count *count, bool smtp)
{
	if (count->tried == 0)
		return WAY_UNTRIED;
	if (count->connected == 0)
		return count->tried > 1 ? WAY_BLOCKED : WAY_MAYBE_BLOCKED;
	if (!smtp || count->starttls > 0)
		return WAY_OPEN;
	if (count->plain == 0)
		return WAY_UNCLEAR;
	return count->plain > 1 || count->mangled > 0 ? WAY_STRIPPED : WAY_MAYBE_STRIPPED;
}
