/* How doctor judges what it has observed. Pure; any thread. */
#ifndef CLI_DOCTOR_JUDGE_H
#define CLI_DOCTOR_JUDGE_H

#include "doctor.h"

#include <stdint.h>

/* Judges the space on the store's file system, in octets: what is left, the size of the store's file, and
 * store_max_bytes. It is a failure if writes are about to fail, and a warning if the file cannot grow to four times its
 * size and a bit more. */
enum doctor_result judge_space(uint64_t left, uint64_t file, uint64_t max_bytes);

#endif
