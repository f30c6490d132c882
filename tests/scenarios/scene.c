#include "scene.h"

#include "check_internal.h"
#include "clock.h"
#include "counts.h"
#include "fake_events.h"
#include "fake_log.h"
#include "next_hop.h"
#include "override_text.h"
#include "sessions.h"
#include "world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Words */

bool duration_parse(const char *text, int64_t *seconds)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	int64_t total = 0;
	if (!*text)
		return false;
	while (*text) {
		char *end;
		long long number = strtoll(text, &end, 10);
		if (end == text || number < 0)
			return false;
		int64_t factor = *end ? 0 : 1;
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
			if (units[i].unit == *end)
				factor = units[i].seconds;
		if (factor == 0)
			return false;
		total += number * factor;
		text = end + (*end != '\0');
	}
	*seconds = total;
	return true;
}

const char *word_value(const char *word, const char *key)
{
	size_t len = strlen(key);
	return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

/* Inside double quotes \n is a line feed and \r a carriage return, \" a quote. */
static char *word_end(char *at)
{
	char *to = at;
	bool quoted = false;
	for (; *at && (quoted || *at != ' '); at++) {
		if (*at == '"') {
			quoted = !quoted;
		} else if (quoted && *at == '\\' && at[1]) {
			at++;
			*to++ = (char)(*at == 'n' ? '\n' : *at == 'r' ? '\r' : *at);
		} else {
			*to++ = *at;
		}
	}
	bool more = *at == ' ';
	*to = '\0';
	return at + more;
}

void words_cut(struct words *words, char *line)
{
	words->count = 0;
	while (*line && words->count < SCENE_WORDS_MAX) {
		if (*line == ' ' || *line == '\t') {
			line++;
			continue;
		}
		if (*line == '#')
			return;
		words->word[words->count++] = line;
		line = word_end(line);
	}
}

bool scene_bad(struct scene *scene, const char *what, const char *word)
{
	printf("# %s:%u: cannot be read: %s `%s`\n", scene->file, scene->line, what, word);
	scene->failures++;
	return false;
}

/* The product */

static struct config *config_made(struct scene *scene)
{
	struct failure why;
	struct settings *settings = settings_read(NULL, false, scene->setting, scene->setting_count, &why);
	struct config *config = settings ? config_new(settings, scene->loops, &why) : NULL;
	if (!config)
		printf("# %s:%u: settings: %s\n", scene->file, scene->line, why.text);
	return config;
}

static bool product_start(struct scene *scene)
{
	struct failure why = {0};
	if (scene->check)
		return true;
	scene->store = store_open(scene->directory, 64 << 20, STORE_OWNER, &why);
	scene->loops = scene->store ? loops_new(2, &why) : NULL;
	scene->config = scene->loops ? config_made(scene) : NULL;
	struct check_options options = {
		.config = scene->config, .store = scene->store, .loops = scene->loops, .inquiries_max = 8192};
	scene->check = scene->config ? check_new(&options, &why) : NULL;
	if (scene->check)
		sessions_listen(scene);
	else
		printf("# %s:%u: start: %s\n", scene->file, scene->line, why.text);
	return scene->check != NULL;
}

static void product_stop(struct scene *scene)
{
	outcome_free(&scene->outcome);
	memset(&scene->outcome, 0, sizeof scene->outcome);
	check_free(&scene->check);
	store_close(&scene->store);
	config_unref(&scene->config);
	loops_free(&scene->loops);
}

/* Waits until all background work has ended. */
static bool settle(struct scene *scene)
{
	struct timespec pause = {0, 500000};
	int64_t deadline = clock_mono_ms() + SCENE_SETTLE_MS;
	for (;;) {
		lock_take(&scene->check->lock);
		unsigned cases = scene->check->inquiries;
		lock_drop(&scene->check->lock);
		if (cases == 0 && (!scene->check->own || tlsrpt_own_waiting(scene->check->own) == 0))
			return true;
		if (clock_mono_ms() > deadline)
			return scene_wrong(scene, "background work", "ended", "still under way");
		nanosleep(&pause, NULL);
	}
}

/* The same after a question, unless a gate holds work up. */
static bool work_ended(struct scene *scene)
{
	if (scene->gates > 0)
		return true;
	if (!settle(scene))
		return false;
	counts_settled(scene);
	return true;
}

void scene_begin(struct scene *scene, const char *file)
{
	memset(scene, 0, sizeof *scene);
	scene->file = file;
	const char *where = getenv("TMPDIR");
	snprintf(scene->directory, sizeof scene->directory, "%s/stsgate-scene-XXXXXX", where ? where : "/tmp");
	if (!mkdtemp(scene->directory)) {
		perror(scene->directory);
		exit(1);
	}
}

void scene_end(struct scene *scene)
{
	world_gate_open("");
	product_stop(scene);
	sessions_forget();
	DIR *directory = opendir(scene->directory);
	for (struct dirent *item; directory && (item = readdir(directory));) {
		char path[sizeof scene->directory + sizeof item->d_name + 1];
		snprintf(path, sizeof path, "%s/%s", scene->directory, item->d_name);
		if (item->d_name[0] != '.')
			unlink(path);
	}
	if (directory)
		closedir(directory);
	rmdir(scene->directory);
	for (size_t i = 0; i < scene->setting_count; i++)
		free(scene->setting[i]);
	world_reset();
}

/* Gates and time */

static void words_join(const struct words *words, size_t from, char *out, size_t size)
{
	size_t len = 0;
	out[0] = '\0';
	for (size_t i = from; i < words->count && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i > from ? " " : "", words->word[i]);
}

static bool run_shut(struct scene *scene, const struct words *words)
{
	char calls[WORLD_CALL_SIZE];
	words_join(words, 1, calls, sizeof calls);
	world_gate_shut(calls);
	scene->gates++;
	return true;
}

static bool run_open(struct scene *scene, const struct words *words)
{
	char calls[WORLD_CALL_SIZE];
	words_join(words, 1, calls, sizeof calls);
	world_gate_open(calls);
	scene->gates -= calls[0] ? 1 : scene->gates;
	return work_ended(scene);
}

static bool run_advance(struct scene *scene, const struct words *words)
{
	int64_t seconds;
	if (words->count != 2 || !duration_parse(words->word[1], &seconds))
		return scene_bad(scene, "advance", "DURATION");
	world_advance(seconds);
	return true;
}

/* at DURATION: moves the clock to DURATION after the start of the case */
static bool run_at(struct scene *scene, const struct words *words)
{
	int64_t seconds;
	if (words->count != 2 || !duration_parse(words->word[1], &seconds))
		return scene_bad(scene, "at", "DURATION");
	int64_t left = WORLD_START_S + seconds - world_wall_s();
	if (left < 0)
		return scene_bad(scene, "at", "a time that has passed");
	world_advance(left);
	return true;
}

/* clock back|forth DURATION: sets the wall clock only */
static bool run_clock(struct scene *scene, const struct words *words)
{
	int64_t seconds;
	if (words->count != 3 || !duration_parse(words->word[2], &seconds))
		return scene_bad(scene, "clock", "back|forth DURATION");
	world_set_back(strcmp(words->word[1], "back") == 0 ? seconds : -seconds);
	return true;
}

/* Settings and life cycle */

static bool run_set(struct scene *scene, const struct words *words)
{
	char text[SCENE_LINE_MAX];
	words_join(words, 1, text, sizeof text);
	if (scene->setting_count == SCENE_SETTINGS_MAX || !strchr(text, '='))
		return scene_bad(scene, "set", text);
	scene->setting[scene->setting_count++] = strdup(text);
	return true;
}

static bool run_reload(struct scene *scene, const struct words *words)
{
	(void)words;
	if (!product_start(scene))
		return false;
	struct config *config = config_made(scene);
	if (!config)
		return false;
	check_reconfigure(scene->check, config);
	config_unref(&config);
	return true;
}

static bool store_damage(const struct scene *scene)
{
	char path[sizeof scene->directory + sizeof "/" STORE_FILE];
	snprintf(path, sizeof path, "%s/%s", scene->directory, STORE_FILE);
	FILE *file = fopen(path, "w");
	bool done = file && fputs("this is no store\n", file) >= 0;
	return file && fclose(file) == 0 && done;
}

/* restart [damaged]: damaged overwrites the store with other bytes in between */
static bool run_restart(struct scene *scene, const struct words *words)
{
	product_stop(scene);
	fake_log_forget();
	fake_events_forget();
	if (words->count == 2 && strcmp(words->word[1], "damaged") == 0 && !store_damage(scene))
		return scene_bad(scene, "restart", "damaged");
	return product_start(scene);
}

/* Notes the event as the tool does. */
static void override_noted(struct scene *scene, enum event_kind kind, const struct override *override)
{
	char detail[OVERRIDE_TEXT_SIZE];
	struct event_record event;
	struct text text;
	text_init(&text, detail, sizeof detail);
	override_describe(&text, override);
	event_record_init(&event, kind, override_event_domain(override), detail, world_wall_s());
	store_note_event(scene->store, &event, NULL);
}

/* override DOMAIN|* pass|tag|enforce DURATION, override DOMAIN pin DURATION ASN..., override DOMAIN|* clear */
static bool run_override(struct scene *scene, const struct words *words)
{
	struct override override = {.author = "alice", .reason = "the test says so", .begins_at = world_wall_s()};
	struct override before;
	struct failure why = {0};
	int64_t seconds = 0;
	if (words->count < 3 || !product_start(scene))
		return scene_bad(scene, "override", "DOMAIN KIND DURATION");
	snprintf(override.domain, sizeof override.domain, "%s", words->word[1]);
	if (strcmp(words->word[2], "clear") == 0) {
		override_noted(scene, EVENT_OVERRIDE_CLEARED, &override);
		return store_clear_override(scene->store, override.domain, INT64_MAX, &before, &why) ||
		       scene_bad(scene, "override", why.text);
	}
	override.kind = override_kind_by_name((struct span){words->word[2], strlen(words->word[2])});
	if (words->count < 4 || !duration_parse(words->word[3], &seconds))
		return scene_bad(scene, "override", "DOMAIN KIND DURATION");
	override.ends_at = override.begins_at + seconds;
	for (size_t i = 4; i < words->count && i < 4 + OVERRIDE_ASNS_MAX; i++)
		override.asn[i - 4] = (uint32_t)strtoul(words->word[i], NULL, 10);
	if (!override_is_valid(&override))
		return scene_bad(scene, "override", "that is not valid");
	override_noted(scene, EVENT_OVERRIDE_SET, &override);
	return store_set_override(scene->store, &override, &before, &why) || scene_bad(scene, "override", why.text);
}

/* round: what the refresher does at the end of each round */
static bool run_round(struct scene *scene, const struct words *words)
{
	(void)words;
	if (!product_start(scene))
		return false;
	fake_log_forget();
	fake_events_forget();
	check_round_ended(scene->check, true, NULL);
	return true;
}

/* Questions */

static void question_ask(struct scene *scene, const struct question *question, int wait_ms)
{
	outcome_free(&scene->outcome);
	memset(&scene->outcome, 0, sizeof scene->outcome);
	scene->waited = false;
	scene->question = *question;
	scene->wait_ms = wait_ms;
	snprintf(scene->domain, sizeof scene->domain, "%s", question->domain);
	counts_ask();
	check_ticket ticket = CHECK_NO_TICKET;
	int64_t deadline_ms = clock_mono_ms() + wait_ms;
	check_ask(scene->check, question, NULL, NULL, wait_ms > 0 ? &ticket : NULL, &scene->outcome);
	scene->waited = ticket != CHECK_NO_TICKET;
	if (scene->waited)
		check_wait(scene->check, ticket, deadline_ms, &scene->outcome);
	counts_asked(scene);
}

static void question_begin(struct scene *scene)
{
	scene->calls_before = world_calls();
	sessions_forget();
	counts_question(scene);
}

static bool ask_refresh(struct scene *scene, const struct words *words)
{
	if (words->count < 3)
		return scene_bad(scene, "ask refresh", "DOMAIN [forced]");
	question_begin(scene);
	snprintf(scene->domain, sizeof scene->domain, "%s", words->word[2]);
	bool forced = words->count > 3 && strcmp(words->word[3], "forced") == 0;
	bool begun = check_refresh(scene->check, words->word[2], forced) == CHECK_REFRESH_BEGUN;
	bool ended = work_ended(scene);
	if (scene->gates == 0)
		counts_refreshed(scene, begun);
	return ended;
}

/* ask due: a round of the refresher */
static bool ask_due(struct scene *scene)
{
	struct names due = {0};
	struct failure why;
	unsigned begun = 0;
	question_begin(scene);
	if (!store_due(scene->store, clock_wall_s(), 100, &due, &why))
		return scene_bad(scene, "store_due", why.text);
	for (const char *name = names_next(&due, NULL); name; name = names_next(&due, name)) {
		snprintf(scene->domain, sizeof scene->domain, "%s", name);
		begun += check_refresh(scene->check, name, false) == CHECK_REFRESH_BEGUN;
	}
	names_free(&due);
	bool ended = work_ended(scene);
	if (scene->gates == 0)
		counts_refreshed(scene, begun);
	return ended;
}

/* ask deliver|requiretls|map|map-sts|query NEXT_HOP [wait=MS] | ask recipient ADDRESS [wait=MS] | ask refresh ... | ask due */
static bool run_ask(struct scene *scene, const struct words *words)
{
	static const struct {
		const char *word;
		enum purpose purpose;
	} purposes[] = {{"deliver", PURPOSE_DELIVER}, {"map", PURPOSE_MAP}, {"query", PURPOSE_QUERY},
		{"recipient", PURPOSE_DELIVER}, {"map-sts", PURPOSE_MAP}, {"requiretls", PURPOSE_DELIVER}};
	if (words->count < 2 || !product_start(scene))
		return scene_bad(scene, "ask", "what");
	fake_log_forget();
	fake_events_forget();
	if (strcmp(words->word[1], "refresh") == 0)
		return ask_refresh(scene, words);
	if (strcmp(words->word[1], "due") == 0)
		return ask_due(scene);
	const char *wait = words->count > 3 ? word_value(words->word[3], "wait") : NULL;
	for (size_t i = 0; i < sizeof purposes / sizeof purposes[0] && words->count > 2; i++) {
		struct question question;
		const char *text = words->word[2];
		if (strcmp(words->word[1], purposes[i].word) != 0)
			continue;
		if (i == 3)
			question_from_recipient(&question, text, strlen(text), purposes[i].purpose);
		else
			next_hop_question(&question, text, strlen(text), purposes[i].purpose);
		question.no_dane = i == 4;
		question.requiretls = i == 5;
		question_begin(scene);
		question_ask(scene, &question, wait ? (int)strtol(wait, NULL, 10) : 10000);
		return work_ended(scene);
	}
	return scene_bad(scene, "ask", words->word[1]);
}

/* again: repeats the last question of a front end; its steps are added to the earlier ones */
static bool run_again(struct scene *scene, const struct words *words)
{
	struct question question = scene->question;
	if (words->count != 1 || !question.domain[0])
		return scene_bad(scene, "again", "without a question");
	question_ask(scene, &question, scene->wait_ms);
	return work_ended(scene);
}

static bool run_expect(struct scene *scene, const struct words *words)
{
	scene->expectations++;
	return scene_expect(scene, words);
}

static const struct statement own_statements[] = {
	{"shut", run_shut},
	{"open", run_open},
	{"advance", run_advance},
	{"at", run_at},
	{"clock", run_clock},
	{"set", run_set},
	{"reload", run_reload},
	{"restart", run_restart},
	{"override", run_override},
	{"round", run_round},
	{"ask", run_ask},
	{"again", run_again},
	{"expect", run_expect},
	{NULL, NULL},
};

static const struct statement *statement_find(const struct statement *statements, const char *name)
{
	while (statements->name && strcmp(statements->name, name) != 0)
		statements++;
	return statements->name ? statements : NULL;
}

bool scene_run(struct scene *scene, char *line)
{
	struct words words;
	words_cut(&words, line);
	if (words.count == 0)
		return true;
	const struct statement *statement = statement_find(own_statements, words.word[0]);
	if (!statement)
		statement = statement_find(scene_world_statements, words.word[0]);
	return statement ? statement->run(scene, &words) : scene_bad(scene, "statement", words.word[0]);
}
