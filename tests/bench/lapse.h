/* Times of a benchmark: a clock, medians, percentiles. */
#ifndef BENCH_LAPSE_H
#define BENCH_LAPSE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ROUNDS 5 /* of each measurement; the median is printed */

int64_t lapse_cpu_ns(void);                 /* of this process, all threads */
int64_t lapse_thread_ns(void);              /* of the calling thread */
int64_t lapse_process_ns(pid_t process);    /* CPU time of another process; 0 if it does not exist */
int64_t lapse_now_ns(void);                 /* CLOCK_MONOTONIC */
double lapse_median(double values[ROUNDS]); /* sorts them */

/* The times of single requests. */
struct lapses {
	uint32_t *ns;
	size_t count, room;
};
void lapses_add(struct lapses *lapses, int64_t ns);

/* The result of one round of requests to another process. */
struct seen {
	double per_s, p50_us, p99_us;
	double cpu_us; /* of that process, per request */
};
struct seen_from {
	pid_t server;
	int64_t at_ns, cpu_ns;
};
struct seen_from seen_begin(pid_t server);
/* `requests` is the number of all requests; `lapses` has the times of some or all. Frees the memory of `lapses`. */
struct seen seen_end(const struct seen_from *from, size_t requests, struct lapses *lapses);
struct seen seen_median(const struct seen seen[ROUNDS]);

/* Appends the line "KEY NAME VALUE" to the file that the environment variable BENCH_FACTS names, if it is set; the script
 * performance reads it. */
void fact_put(const char *key, const char *name, double value);
/* Puts the four figures as "KEY.SERVER NAME VALUE". */
void seen_put(const char *key, const char *server, const struct seen *seen);

#endif
