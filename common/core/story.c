#include "story.h"

#include "memory.h"
#include "names.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORY_MAGIC "STSS"
#define STORY_VERSION 1
#define EVENT_TAG 1
#define CUTS_MAX 8 /* after so many cuts any story fits */

/* --- lines and hosts ---------------------------------------------------------------------------------------------- */

void story_add_line(struct story_lines *lines, int64_t at, const char *text)
{
	struct story_line *line;
	if (lines->count == STORY_LINES_MAX) {
		line = &lines->line[STORY_LINES_MAX / 2];
		memmove(line, line + 1, (STORY_LINES_MAX / 2 - 1) * sizeof *line);
		lines->count--;
		lines->left_out += lines->left_out < UINT32_MAX;
	}
	line = &lines->line[lines->count++];
	line->at = at;
	snprintf(line->text, sizeof line->text, "%s", text);
	for (char *c = line->text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

bool story_next_host(const char **hosts, char host[DOMAIN_SIZE], uint16_t *port)
{
	const char *at = *hosts + strspn(*hosts, " ");
	size_t len = strcspn(at, " "), name_len = len;
	*hosts = at + len;
	for (size_t i = 0; i < len; i++)
		if (at[i] == ':')
			name_len = i;
	uint32_t number = 0;
	for (size_t i = name_len + 1; i < len && at[i] >= '0' && at[i] <= '9'; i++)
		number = number * 10 + (uint32_t)(at[i] - '0');
	*port = (uint16_t)number;
	if (name_len >= DOMAIN_SIZE)
		name_len = DOMAIN_SIZE - 1;
	memcpy(host, at, name_len);
	host[name_len] = '\0';
	return len > 0;
}

static bool hosts_have(const char *hosts, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = hosts; (at = strstr(at, word)); at += len)
		if ((at == hosts || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static void hosts_add(char hosts[STORY_HOSTS_SIZE], const char *word)
{
	size_t len = strlen(hosts), blank = len > 0 ? 1 : 0, more = strlen(" " STORY_HOSTS_MORE);
	if (!*word || hosts_have(hosts, word) || hosts_have(hosts, STORY_HOSTS_MORE))
		return;
	if (len + blank + strlen(word) + more >= STORY_HOSTS_SIZE)
		word = STORY_HOSTS_MORE;
	snprintf(hosts + len, STORY_HOSTS_SIZE - len, "%s%s", blank ? " " : "", word);
}

void story_add_host(char hosts[STORY_HOSTS_SIZE], const char *host, uint16_t port)
{
	char word[DOMAIN_SIZE + 8];
	if (!*host)
		return;
	snprintf(word, sizeof word, "%s:%u", host, port);
	hosts_add(hosts, word);
}

/* --- making and merging ------------------------------------------------------------------------------------------- */

struct story *story_new(const struct event_record *event)
{
	struct story *story = xcalloc(1, sizeof *story);
	story->event = *event;
	story_add_host(story->hosts, event->host, event->port);
	story_add_line(&story->lines, event->last_at, event->detail);
	return story;
}

/* Returns whether the line only repeats the first or the newest line. */
static bool line_is_known(const struct story_lines *lines, const struct story_line *line)
{
	return lines->count > 0 && (strcmp(lines->line[0].text, line->text) == 0 ||
					   strcmp(lines->line[lines->count - 1].text, line->text) == 0);
}

static void lines_merge(struct story_lines *lines, const struct story_lines *later)
{
	uint32_t half = later->left_out > 0 ? STORY_LINES_MAX / 2 : UINT32_MAX;
	for (uint32_t i = 0; i < later->count; i++) {
		if (i == half)
			lines->left_out += later->left_out;
		if (!line_is_known(lines, &later->line[i]))
			story_add_line(lines, later->line[i].at, later->line[i].text);
	}
}

void story_merge(struct story *story, const struct story *later)
{
	const char *hosts = later->hosts;
	char word[STORY_HOSTS_SIZE];
	if (story->before.at == 0)
		story->before = later->before;
	if (story->before_look.at == 0)
		story->before_look = later->before_look;
	if (!*story->dns_before)
		memcpy(story->dns_before, later->dns_before, sizeof story->dns_before);
	if (later->now.at != 0)
		story->now = later->now;
	if (later->now_look.at != 0 && story->now_look.at != 0 && story->first_look.at == 0)
		story->first_look = story->now_look;
	if (later->now_look.at != 0)
		story->now_look = later->now_look;
	if (*later->dns_now)
		memcpy(story->dns_now, later->dns_now, sizeof story->dns_now);
	if (*later->clock)
		memcpy(story->clock, later->clock, sizeof story->clock);
	while (*(hosts += strspn(hosts, " "))) {
		size_t len = strcspn(hosts, " ");
		memcpy(word, hosts, len);
		word[len] = '\0';
		hosts_add(story->hosts, word);
		hosts += len;
	}
	for (size_t i = 0; i < STORY_FATES; i++)
		story->mail[i] =
			later->mail[i] > UINT32_MAX - story->mail[i] ? UINT32_MAX : story->mail[i] + later->mail[i];
	story->gaps += later->gaps;
	lines_merge(&story->lines, &later->lines);
}

/* --- what became of mail ------------------------------------------------------------------------------------------ */

enum story_fate story_fate(
	enum verdict_door door, const struct verdict *verdict, enum deed deed, bool bound, bool mta_enforces)
{
	if (deed == DEED_DEFER || deed == DEED_QUARANTINE || deed == DEED_TEMP || deed == DEED_REJECT)
		return FATE_DELAYED;
	if (door == DOOR_MAP)
		return bound ? FATE_BOUND : FATE_OPEN;
	if (mta_enforces)
		return FATE_LEFT;
	return verdict->kind == VERDICT_PASS && verdict->reason == REASON_OK ? FATE_CHECKED : FATE_OPEN;
}

static void times_add(struct text *out, uint32_t times)
{
	if (times == 1) {
		text_add(out, " once");
		return;
	}
	text_add(out, " ");
	text_add_number(out, times);
	text_add(out, " times");
}

/* Adds what the counts allow to say. They allow it of the mail that was counted, not of all mail: the MTA may have delivered
 * what a front end let pass before the sign. */
static void conclusion_add(struct text *out, const struct story *story)
{
	bool none_open = story->mail[FATE_OPEN] == 0, none_checked = story->mail[FATE_CHECKED] == 0;
	if (none_open) {
		text_add(out, ", none of it ");
		text_add(out, none_checked ? "sent in the clear" : "let pass unchecked");
	}
}

/* Returns whether a sign is a change, which is not reported again while the new state lasts. */
static bool is_change(enum event_kind kind)
{
	return kind == EVENT_CERTIFICATE_CHANGED || kind == EVENT_TLS_LOWERED || kind == EVENT_EHLO_NAME_CHANGED ||
	       kind == EVENT_SMTP_REWRITTEN || kind == EVENT_HOP_MOVED;
}

void story_over_text(struct text *out, const struct story *story, int64_t seconds, unsigned quiet_days)
{
	static const char *const words[STORY_FATES] = {[FATE_DELAYED] = "delayed",
		[FATE_BOUND] = "bound to verified TLS",
		[FATE_CHECKED] = "let pass after a good check",
		[FATE_OPEN] = "let pass without a guarantee of TLS"};
	unsigned left = 0, said = 0;
	text_add(out, "over after ");
	text_add_span(out, seconds > 0 ? seconds : 0);
	if (quiet_days > 0) {
		text_add(out, ", the last ");
		text_add_span(out, (int64_t)quiet_days * 86400);
		text_add(out, is_change(story->event.kind) ? " without a further change" : " without it");
	}
	if (story->event.domain[0] == '\0') /* mail is counted by domain */
		return;
	for (int i = FATE_DELAYED; i < STORY_FATES; i++)
		left += story->mail[i] > 0;
	text_add(out, left > 0 ? ": mail was " : ": no mail was ");
	text_add(out, left > 0 ? "" : story->gaps > 0 ? "counted" : "due meanwhile");
	for (int i = FATE_DELAYED; i < STORY_FATES; i++) {
		if (story->mail[i] == 0)
			continue;
		text_add(out, said++ == 0 ? "" : left == 1 ? " and " : ", ");
		left--;
		text_add(out, words[i]);
		times_add(out, story->mail[i]);
	}
	if (said > 0)
		conclusion_add(out, story);
	if (story->gaps > 0)
		text_add(out, "; for some of that time mail was not counted");
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

static const struct field_form form_look = {.kind = FIELD_RECORD, .table = &look_table};

static const struct field line_rows[] = {
	FIELD(1, form_time, struct story_line, at, NULL, NULL),
	FIELD(2, form_printable, struct story_line, text, NULL, NULL),
};
static const struct fields line_table = FIELDS(line_rows, "", "");
static const struct field_form form_line = {.kind = FIELD_RECORD, .table = &line_table};

/* Tags are permanent: see tables.c. EVENT_TAG is the event. */
#define ROW(tag, form, member, shown) FIELD(tag, form_##form, struct story, member, NULL, shown)
#define LINE(n) FIELD(40 + (n), form_line, struct story, lines.line[n], NULL, NULL)
static const struct field story_rows[] = {
	ROW(2, evidence, before, "before.evidence"),
	ROW(3, look, before_look, "before.look"),
	ROW(4, evidence, now, "now.evidence"),
	ROW(5, look, now_look, "now.look"),
	ROW(6, look, first_look, "first.look"),
	ROW(7, printable, dns_before, "before.dns"),
	ROW(8, printable, dns_now, "now.dns"),
	ROW(9, printable, clock, "clock"),
	ROW(10, printable, hosts, "hosts"),
	ROW(11, u32, mail[FATE_DELAYED], "mail.delayed"),
	ROW(12, u32, mail[FATE_BOUND], "mail.bound"),
	ROW(13, u32, mail[FATE_CHECKED], "mail.checked"),
	ROW(14, u32, mail[FATE_OPEN], "mail.open"),
	ROW(15, u32, lines.left_out, "lines_left_out"),
	ROW(16, u32, gaps, "mail.gaps"),
	LINE(0),
	LINE(1),
	LINE(2),
	LINE(3),
	LINE(4),
	LINE(5),
	LINE(6),
	LINE(7),
	LINE(8),
	LINE(9),
	LINE(10),
	LINE(11),
	LINE(12),
	LINE(13),
	LINE(14),
	LINE(15),
	LINE(16),
	LINE(17),
	LINE(18),
	LINE(19),
	LINE(20),
	LINE(21),
	LINE(22),
	LINE(23),
};
_Static_assert(STORY_LINES_MAX == 24, "each line has a row");
const struct fields story_table = FIELDS(story_rows, "", "hosts before now first clock mail lines lines_left_out");

static void text_cut(char *text, size_t max)
{
	if (strlen(text) > max)
		text[max] = '\0';
}

static void look_cut(struct look *look, unsigned cut)
{
	text_cut(look->greeting, sizeof look->greeting >> cut);
	text_cut(look->ehlo, sizeof look->ehlo >> cut);
	text_cut(look->ehlo_tls, sizeof look->ehlo_tls >> cut);
	text_cut(look->chain, sizeof look->chain >> cut);
	text_cut(look->dns, sizeof look->dns >> cut);
}

/* Takes two of the lines in the middle out. */
static void lines_cut(struct story_lines *lines)
{
	uint32_t middle = lines->count / 2;
	if (middle == 0)
		return;
	memmove(&lines->line[middle - 1], &lines->line[middle + 1], (lines->count - middle - 1) * sizeof *lines->line);
	lines->count -= 2;
	lines->left_out += 2;
}

/* Makes a story that is too large smaller. Each call cuts more. */
static void story_cut(struct story *story, unsigned cut)
{
	if (cut > 1)
		memset(&story->first_look, 0, sizeof story->first_look);
	look_cut(&story->before_look, cut);
	look_cut(&story->now_look, cut);
	look_cut(&story->first_look, cut);
	text_cut(story->dns_before, sizeof story->dns_before >> cut);
	text_cut(story->dns_now, sizeof story->dns_now >> cut);
	for (unsigned i = 0; cut > 2 && i < 2; i++)
		lines_cut(&story->lines);
}

static struct bytes encode_whole(const struct story *story)
{
	struct bytes event = event_encode(&story->event);
	struct fields_out out;
	fields_frame_begin(&out, STORY_MAGIC, STORY_VERSION);
	size_t begun = fields_begin(&out, EVENT_TAG);
	fields_bytes(&out, event.at, event.len);
	fields_end(&out, begun);
	fields_put(&out, &story_table, story);
	fields_frame_end(&out);
	free(event.at);
	return (struct bytes){out.at, out.len};
}

struct bytes story_encode(const struct story *story)
{
	struct bytes bytes = encode_whole(story);
	if (bytes.len <= STORY_BYTES_MAX)
		return bytes;
	struct story *less = xmemdup(story, sizeof *story);
	for (unsigned cut = 1; cut <= CUTS_MAX && bytes.len > STORY_BYTES_MAX; cut++) {
		free(bytes.at);
		story_cut(less, cut);
		/* The lines are without gaps: those behind the last one must be absent. */
		memset(&less->lines.line[less->lines.count], 0,
			(STORY_LINES_MAX - less->lines.count) * sizeof *less->lines.line);
		bytes = encode_whole(less);
	}
	free(less);
	return bytes;
}

/* Decodes the event, which is the first field. */
static bool event_take(struct span body, struct event_record *event)
{
	uint64_t tag, len;
	return fields_take_number(&body, 2, &tag) && tag == EVENT_TAG && fields_take_number(&body, 4, &len) &&
	       len <= body.len && event_decode(event, body.at, (size_t)len);
}

bool story_decode(struct story *out, const void *bytes, size_t len)
{
	struct span body;
	memset(out, 0, sizeof *out);
	if (len > STORY_BYTES_MAX || !fields_frame_open((struct span){bytes, len}, STORY_MAGIC, STORY_VERSION, &body) ||
		!event_take(body, &out->event) || !fields_take(body, &story_table, out))
		return false;
	while (out->lines.count < STORY_LINES_MAX && out->lines.line[out->lines.count].at != 0)
		out->lines.count++;
	for (uint32_t i = out->lines.count; i < STORY_LINES_MAX; i++)
		if (out->lines.line[i].at != 0)
			return false;
	return true;
}
