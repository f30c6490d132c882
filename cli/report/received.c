#include "received.h"

#include "domain.h"
#include "gzip.h"
#include "mail_parts.h"
#include "memory.h"

#include <stdlib.h>

/* The file or mail that is being read. */
struct source {
	struct received_list *list;
	size_t found;      /* reports */
	const char *wrong; /* why the first thing that should be a report is none; NULL: nothing is like a report */
	char why[TLSRPT_READ_WHY];
};

static void complain(struct received_list *list, const char *what)
{
	if (++list->complaints <= RECEIVED_COMPLAINTS_MAX)
		list->complain(list->arg, list->file, what);
}

static const char full[] = "is more than can be read at once; give fewer files";

static bool is_full(const struct received_list *list)
{
	return list->bytes > RECEIVED_BYTES_MAX || list->values > RECEIVED_VALUES_MAX;
}

/* Unpacks gzip. Returns memory that the caller frees, or NULL and what is wrong. What was unpacked in vain counts, too. */
static char *unpack(struct received_list *list, struct span packed, struct span *out, const char **wrong)
{
	*wrong = full;
	if (is_full(list))
		return NULL;
	char *bytes = gzip_unpack(packed, TLSRPT_READ_MAX, &out->len, wrong);
	list->bytes += bytes ? 0 : out->len;
	out->at = bytes;
	return bytes;
}

/* Returns the domain in a value such as `Reports <noreply@example.com>`, which the caller frees, or NULL. */
static char *domain_of(const char *value)
{
	struct domain domain;
	const char *angle = strrchr(value, '<');
	const char *address = angle ? angle + 1 : value;
	size_t len = strcspn(address, "> \t,;()");
	const char *at = memrchr(address, '@', len);
	const char *name = at ? at + 1 : address;
	if (!domain_parse(&domain, name, len - (size_t)(name - address)))
		return NULL;
	return xstrdup(domain.name);
}

/* --- one report --------------------------------------------------------------------------------------------------- */

static char *field_domain(struct span mail, const char *name)
{
	char value[MAIL_FIELD_SIZE];
	return mail_field(mail, name, value) ? domain_of(value) : NULL;
}

/* Adds the report to the list. Without a mail, `mail` is empty. */
static void row_add(struct received_list *list, const struct read_report *report, struct span mail)
{
	struct received *received = xcalloc(1, sizeof *received);
	*received = (struct received){.report = *report,
		.file = xstrdup(list->file),
		.from = field_domain(mail, "From"),
		.submitter = field_domain(mail, "TLS-Report-Submitter"),
		.about = field_domain(mail, "TLS-Report-Domain"),
		.contact = report->contact ? domain_of(report->contact) : NULL};
	if ((list->count & (list->count - 1)) == 0) /* the room is the next power of two */
		list->row = xrealloc(list->row, (list->count ? 2 * list->count : 1) * sizeof *list->row);
	list->row[list->count++] = received;
	list->found++;
}

/* Returns NULL, or why the report is not taken; the text is in `source` or static. */
static const char *report_take(struct source *source, struct span json, struct span mail)
{
	struct received_list *list = source->list;
	struct read_report report;
	if (is_full(list))
		return full;
	list->bytes += json.len;
	if (!tlsrpt_read(&report, json.at, json.len, source->why))
		return source->why;
	list->values += report.values;
	row_add(list, &report, mail);
	source->found++;
	return NULL;
}

/* Returns whether bytes begin like an object of JSON, perhaps behind a byte order mark and blanks. */
static bool is_json(struct span bytes)
{
	bytes = span_trim(bytes, "\xef\xbb\xbf \t\r\n");
	return bytes.len > 0 && bytes.at[0] == '{';
}

/* --- mails -------------------------------------------------------------------------------------------------------- */

/* mail_take: reads a part if it is packed, is JSON, or says that it is a report. So the name of a file does not matter. */
static bool part_take(void *arg, const struct mail_part *part)
{
	struct source *source = arg;
	static const char declared[] = "application/tlsrpt";
	bool is_declared = strncmp(part->type, declared, strlen(declared)) == 0;
	if (!gzip_is(part->body) && !is_json(part->body) && !is_declared)
		return true;
	struct span json = part->body;
	const char *wrong = NULL;
	char *unpacked = NULL;
	if (gzip_is(part->body))
		unpacked = unpack(source->list, part->body, &json, &wrong);
	if (!wrong)
		wrong = report_take(source, json, part->mail);
	free(unpacked);
	/* Another part, such as a signature, may be packed as well; one that is declared is meant. */
	if (wrong && (is_declared || !source->wrong))
		source->wrong = wrong;
	return true;
}

/* Returns whether the first line is a field of a header. */
static bool is_mail(struct span bytes)
{
	size_t len = 0;
	while (len < bytes.len && bytes.at[len] > ' ' && bytes.at[len] != ':' && bytes.at[len] != 0x7f)
		len++;
	return len > 0 && len < bytes.len && bytes.at[len] == ':';
}

static void mail_read(struct received_list *list, struct span mail, bool in_mbox)
{
	struct source source = {.list = list};
	mail_parts(mail, part_take, &source);
	if (source.found == 0 && source.wrong)
		complain(list, source.wrong);
	else if (source.found == 0 && in_mbox)
		list->without++;
	else if (source.found == 0)
		complain(list, "is a mail without a TLS report");
}

static void mbox_read(struct received_list *list, struct span mbox)
{
	while (mbox.len > 0)
		mail_read(list, mbox_next(&mbox), true);
	if (list->found == 0 && list->complaints == 0)
		complain(list, "has no mail with a TLS report");
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void file_read(struct received_list *list, struct span bytes, bool unpacked)
{
	struct source source = {.list = list};
	const char *wrong = NULL;
	if (gzip_is(bytes) && !unpacked) {
		struct span inner;
		char *memory = unpack(list, bytes, &inner, &wrong);
		if (memory)
			file_read(list, inner, true);
		free(memory);
	} else if (is_json(bytes)) {
		wrong = report_take(&source, bytes, (struct span){"", 0});
	} else if (bytes.len >= strlen("From ") && memcmp(bytes.at, "From ", strlen("From ")) == 0) {
		mbox_read(list, bytes);
	} else if (is_mail(bytes)) {
		mail_read(list, bytes, false);
	} else {
		wrong = bytes.len == 0 ? "is empty" : "is neither a mail nor JSON nor gzip";
	}
	if (wrong)
		complain(list, wrong);
}

bool received_add(struct received_list *list, const char *file, struct span bytes)
{
	list->file = file;
	list->complaints = list->without = 0;
	list->found = 0;
	file_read(list, bytes, false);
	return list->complaints == 0;
}

/* --- all reports -------------------------------------------------------------------------------------------------- */

/* For qsort(): equal reports side by side, and beside them those with the same id. */
static int by_id(const void *left, const void *right)
{
	const struct received *a = *(struct received *const *)left, *b = *(struct received *const *)right;
	return tlsrpt_read_compare(&a->report, &b->report);
}

static int by_period(const void *left, const void *right)
{
	const struct received *a = *(struct received *const *)left, *b = *(struct received *const *)right;
	if (a->report.begins_at != b->report.begins_at)
		return a->report.begins_at < b->report.begins_at ? -1 : 1;
	int order = strcmp(received_reporter(a), received_reporter(b));
	return order ? order : tlsrpt_read_compare(&a->report, &b->report);
}

static void one_free(struct received *received)
{
	tlsrpt_read_free(&received->report);
	free(received->file);
	free(received->from);
	free(received->submitter);
	free(received->about);
	free(received->contact);
	free(received);
}

void received_sort(struct received_list *list)
{
	size_t kept = 0;
	if (list->count == 0)
		return;
	qsort(list->row, list->count, sizeof *list->row, by_id);
	for (size_t i = 0; i < list->count; i++) {
		struct received *received = list->row[i], *before = kept > 0 ? list->row[kept - 1] : NULL;
		bool same_id = before && received->report.id &&
			       tlsrpt_read_compare_id(&before->report, &received->report) == 0;
		if (same_id && tlsrpt_read_compare(&before->report, &received->report) == 0) {
			one_free(received);
			list->repeated++;
			continue;
		}
		if (same_id)
			before->contradicted = received->contradicted = true;
		list->row[kept++] = received;
	}
	list->count = kept;
	qsort(list->row, list->count, sizeof *list->row, by_period);
}

void received_free(struct received_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		one_free(list->row[i]);
	free(list->row);
	list->row = NULL;
	list->count = 0;
}

const char *received_reporter(const struct received *received)
{
	const char *const names[] = {
		received->report.organization, received->submitter, received->from, received->report.contact};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i])
			return names[i];
	return "unknown";
}

bool received_disagrees(const struct received *received)
{
	const char *const names[] = {received->from, received->submitter, received->contact};
	const char *first = NULL;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *owner = names[i] ? domain_registered(names[i]) : first;
		if (first && strcmp(first, owner) != 0)
			return true;
		first = owner;
	}
	return false;
}

const char *received_domain(const struct received *received, const struct read_policy *policy)
{
	const char *domain = policy->domain ? policy->domain : received->about;
	return domain ? domain : "";
}
