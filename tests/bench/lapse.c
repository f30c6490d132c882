#include "lapse.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t lapse_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t lapse_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t lapse_thread_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double lapse_median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof *values, compare_doubles);
	return values[ROUNDS / 2];
}

void lapses_add(struct lapses *lapses, int64_t ns)
{
	if (lapses->count == lapses->room) {
		lapses->room = lapses->room == 0 ? 65536 : 2 * lapses->room;
		lapses->ns = realloc(lapses->ns, lapses->room * sizeof *lapses->ns);
		if (lapses->ns == NULL)
			abort();
	}
	lapses->ns[lapses->count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Sorts the values. */
static double percentile_us(struct lapses *lapses, double percent)
{
	if (lapses->count == 0)
		return 0;
	qsort(lapses->ns, lapses->count, sizeof *lapses->ns, compare_numbers);
	size_t at = (size_t)((double)lapses->count * percent / 100);
	return lapses->ns[at < lapses->count ? at : lapses->count - 1] / 1000.0;
}

int64_t lapse_process_ns(pid_t process)
{
	clockid_t clock;
	return clock_getcpuclockid(process, &clock) == 0 ? clock_ns(clock) : 0;
}

struct seen_from seen_begin(pid_t server)
{
	return (struct seen_from){server, lapse_now_ns(), lapse_process_ns(server)};
}

struct seen seen_end(const struct seen_from *from, size_t requests, struct lapses *lapses)
{
	double number = (double)(requests > 0 ? requests : 1);
	struct seen seen = {.per_s = number * 1e9 / (double)(lapse_now_ns() - from->at_ns),
		.cpu_us = (double)(lapse_process_ns(from->server) - from->cpu_ns) / 1000 / number,
		.p50_us = percentile_us(lapses, 50),
		.p99_us = percentile_us(lapses, 99)};
	free(lapses->ns);
	*lapses = (struct lapses){.ns = NULL};
	return seen;
}

struct seen seen_median(const struct seen seen[ROUNDS])
{
	double per_s[ROUNDS], p50_us[ROUNDS], p99_us[ROUNDS], cpu_us[ROUNDS];
	for (size_t i = 0; i < ROUNDS; i++) {
		per_s[i] = seen[i].per_s;
		p50_us[i] = seen[i].p50_us;
		p99_us[i] = seen[i].p99_us;
		cpu_us[i] = seen[i].cpu_us;
	}
	return (struct seen){lapse_median(per_s), lapse_median(p50_us), lapse_median(p99_us), lapse_median(cpu_us)};
}

void fact_put(const char *key, const char *name, double value)
{
	const char *path = getenv("BENCH_FACTS");
	FILE *file = path ? fopen(path, "a") : NULL;
	if (!file)
		return;
	fprintf(file, "%s %s %.3f\n", key, name, value);
	fclose(file);
}

void seen_put(const char *key, const char *server, const struct seen *seen)
{
	char name[128];
	snprintf(name, sizeof name, "%s.%s", key, server);
	fact_put(name, "per_s", seen->per_s);
	fact_put(name, "cpu_us", seen->cpu_us);
	fact_put(name, "p50_us", seen->p50_us);
	fact_put(name, "p99_us", seen->p99_us);
}
