/* Runs scenario cases (their language: tests/scenarios/README). Each case runs in its own process, with the real check,
 * core and store, and fakes for the network and the clock. `runner [-v] [FILE...]`; without files it runs all cases of
 * tests/scenarios in the source directory. Prints `ok NAME` or `not ok NAME` for each case, then a count. The exit status
 * is 1 if a case failed. */
#include "table.h"

#include "log.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE_TIME_S 120

static bool case_run(const char *path)
{
	static struct scene scene;
	static struct table table;
	char line[SCENE_LINE_MAX];
	FILE *file = fopen(path, "r");
	if (!file) {
		perror(path);
		return false;
	}
	alarm(CASE_TIME_S);
	scene_begin(&scene, path);
	while (fgets(line, sizeof line, file)) {
		scene.line++;
		line[strcspn(line, "\n")] = '\0';
		if (!table_run(&table, &scene, line) && !scene_run(&scene, line))
			scene.failures++;
	}
	fclose(file);
	table_end(&table, &scene);
	table_free(&table);
	if (table.cells_run)
		printf("# %u cells\n", table.cells_run);
	if (scene.expectations == 0) {
		printf("# %s: expects nothing\n", path);
		scene.failures++;
	}
	bool passed = scene.failures == 0;
	scene_end(&scene);
	return passed;
}

static bool case_apart(const char *path)
{
	int status = 0;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		bool passed = case_run(path);
		exit(passed ? 0 : 1); /* not _exit(): sanitizers check for leaks at exit() */
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return false;
	if (WIFSIGNALED(status))
		printf("# %s: ended by signal %d\n", path, WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool case_told(const char *path)
{
	const char *name = strrchr(path, '/');
	bool passed = case_apart(path);
	name = name ? name + 1 : path;
	printf("%s %.*s\n", passed ? "ok" : "not ok", (int)(strstr(name, ".case") ? strstr(name, ".case") - name : 80),
		name);
	return passed;
}

static int cases_told(char *const *path, size_t count)
{
	size_t failed = 0;
	for (size_t i = 0; i < count; i++)
		failed += !case_told(path[i]);
	printf("%zu cases, %zu failed\n", count, failed);
	return failed || count == 0;
}

int main(int argc, char **argv)
{
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	int first = verbose ? 2 : 1;
	log_open("runner", true);
	log_verbose(verbose);
	if (!verbose && !freopen("/dev/null", "w", stderr)) /* the product's log */
		return 1;
	if (argc > first)
		return cases_told(argv + first, (size_t)(argc - first));
	char pattern[SCENE_LINE_MAX];
	glob_t found;
	const char *source = getenv("srcdir");
	snprintf(pattern, sizeof pattern, "%s/tests/scenarios/*.case", source ? source : ".");
	if (glob(pattern, 0, NULL, &found) != 0) {
		printf("# no cases at %s\n", pattern);
		return 1;
	}
	int status = cases_told(found.gl_pathv, found.gl_pathc);
	globfree(&found);
	return status;
}
