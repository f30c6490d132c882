#include "cm.h"

#include "call.h"
#include "log.h"
#include "store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char call_directory[64];

int call_run(void *arg)
{
	const struct call *call = arg;
	char store[128], *overrides[3] = {store, (char *)"fetch_timeout=1s", (char *)call->override};
	snprintf(store, sizeof store, "store_path=%s", call->store ? call->store : "/nonexistent");
	struct own_value own[COUNT(call->own) + 1] = {{"rate", call->rate}};
	size_t own_count = call->rate ? 1 : 0;
	for (size_t i = 0; i < COUNT(call->own) && call->own[i].name; i++)
		own[own_count++] = call->own[i];
	struct options options = {.file = call->settings ? call->settings : "/dev/null",
		.overrides = overrides,
		.override_count = call->override ? 3 : 2,
		.json = call->json,
		.own = own,
		.own_count = own_count};
	size_t count = 0;
	while (count < COUNT(call->words) && call->words[count])
		count++;
	log_open("stsgate", true);
	log_terse();
	return call->run(&options, count, (char **)call->words);
}

struct tool_run call_tool(struct call call)
{
	return tool_call(call_run, &call);
}

json_t *call_for_json(struct call asked, int status)
{
	asked.json = true;
	struct tool_run run = call_tool(asked);
	if (run.status != status)
		fail_msg("%d: %s%s", run.status, run.out, run.err);
	json_t *value = tool_json(&run);
	tool_run_free(&run);
	return value;
}

const json_t *json_at(const json_t *value, const char *path)
{
	char key[64];
	while (*path) {
		size_t len = strcspn(path, ".");
		snprintf(key, sizeof key, "%.*s", (int)len, path);
		value = json_is_array(value) ? json_array_get(value, strtoul(key, NULL, 10))
					     : json_object_get(value, key);
		path += len + (path[len] == '.');
	}
	return value;
}

void json_is_text(const json_t *value, const char *path, const char *want)
{
	const json_t *got = json_at(value, path);
	if (!json_is_string(got) || strcmp(json_string_value(got), want) != 0)
		fail_msg("%s is not %s: %s", path, want, json_dumps(value, JSON_INDENT(1)));
}

void json_is_nothing(const json_t *value, const char *path)
{
	if (!json_is_null(json_at(value, path)))
		fail_msg("%s is not null: %s", path, json_dumps(value, JSON_INDENT(1)));
}

void call_store_make(void)
{
	struct failure why = {0};
	struct store *store = store_open(call_directory, 1 << 20, STORE_OWNER, &why);
	if (!store)
		fail_msg("%s", why.text);
	store_close(&store);
}

void call_store_remove(void)
{
	DIR *files = opendir(call_directory);
	for (const struct dirent *file; files && (file = readdir(files));)
		unlinkat(dirfd(files), file->d_name, 0);
	closedir(files);
}

int call_directory_make(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(call_directory, sizeof call_directory, "%.40s/stsgate-test.XXXXXX", base ? base : "/tmp");
	return mkdtemp(call_directory) && chmod(call_directory, 0777) == 0 && setenv("TMPDIR", call_directory, 1) == 0
		       ? 0
		       : -1;
}

int call_directory_remove(void **state)
{
	(void)state;
	return rmdir(call_directory);
}
