#include "cm.h"

#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *file_text(FILE *file)
{
	long len = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
	assert_true(len >= 0);
	char *text = malloc((size_t)len + 1);
	rewind(file);
	assert_int_equal(fread(text, 1, (size_t)len, file), len);
	text[len] = '\0';
	fclose(file);
	return text;
}

struct call {
	int (*function)(void *arg);
	void *arg;
};

static struct tool_run child_run(FILE *in, const struct call *call)
{
	FILE *out = tmpfile(), *err = tmpfile();
	assert_true(out && err);
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (in)
			dup2(fileno(in), STDIN_FILENO);
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		alarm(TOOL_SECONDS);
		exit(call->function(call->arg));
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	struct tool_run run = {WIFEXITED(status) ? WEXITSTATUS(status) : -1, file_text(out), file_text(err)};
	return run;
}

struct tool_run tool_call(int (*function)(void *arg), void *arg)
{
	return child_run(NULL, &(struct call){function, arg});
}

static int tool_exec(void *arg)
{
	const char *const *words = arg;
	const char *program = getenv("STSGATE");
	char *argv[TOOL_WORDS_MAX + 2] = {"stsgate"};
	for (size_t i = 0; words[i] && i < TOOL_WORDS_MAX; i++)
		argv[i + 1] = (char *)words[i];
	execv(program ? program : STSGATE_BUILT, argv);
	return 127;
}

struct tool_run tool_run(const char *input, size_t input_len, const char *const *words)
{
	FILE *in = tmpfile();
	assert_non_null(in);
	assert_int_equal(fwrite(input ? input : "", 1, input_len, in), input_len);
	rewind(in);
	struct tool_run run = child_run(in, &(struct call){tool_exec, (void *)words});
	fclose(in);
	return run;
}

void tool_run_free(struct tool_run *run)
{
	free(run->out);
	free(run->err);
}

json_t *tool_json(const struct tool_run *run)
{
	json_error_t error;
	json_t *value = json_loads(run->out, 0, &error);
	if (!value)
		fail_msg("no JSON: %s: %s%s", error.text, run->out, run->err);
	return value;
}
