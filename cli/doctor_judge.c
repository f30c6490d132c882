#include "doctor_judge.h"

#define SPACE_LEAST ((uint64_t)32 << 20)
#define SPACE_MORE ((uint64_t)256 << 20)

enum doctor_result judge_space(uint64_t left, uint64_t file, uint64_t max_bytes)
{
	uint64_t map = max_bytes / 4 * 5, growth = map > file ? map - file : 0;
	if (left >= growth)
		return DOCTOR_OK;
	if (left < SPACE_LEAST)
		return DOCTOR_FAIL;
	return left < 3 * file + SPACE_MORE ? DOCTOR_WARN : DOCTOR_OK;
}
