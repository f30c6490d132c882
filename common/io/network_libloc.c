#include "network.h"

#include "clock.h"
#include "file_version.h"
#include "lock.h"
#include "log.h"
#include "memory.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <libloc/database.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* An open database. libloc counts references without atomics, so each one has a context of its own. */
struct data {
	FILE *file;
	struct file_version version;
	struct loc_ctx *context;
	struct loc_database *database;
};

struct network_db {
	char *path; /* "": there is no database */
	struct lock lock;
	struct data *data GUARDED_BY(lock);           /* NULL: there is none */
	struct file_version version GUARDED_BY(lock); /* of the file when it was last opened, or could not be opened */
	int64_t looked_at_ms GUARDED_BY(lock);
};

static void on_log(struct loc_ctx *context, int priority, const char *file, int line, const char *function,
	const char *format, va_list args)
{
	(void)context, (void)priority, (void)file, (void)line, (void)function, (void)format, (void)args;
}

/* --- opening ------------------------------------------------------------------------------------------------------ */

static void data_free(struct data *data)
{
	if (!data)
		return;
	if (data->database)
		loc_database_unref(data->database);
	if (data->context)
		loc_unref(data->context);
	if (data->file)
		fclose(data->file);
	free(data);
}

static bool data_map(struct data *data, struct failure *why)
{
	int error = loc_new(&data->context);
	if (error == 0) {
		loc_set_log_fn(data->context, on_log);
		error = loc_database_new(data->context, &data->database, data->file);
	}
	if (error == 0)
		return true;
	data->database = NULL;
	return failure_set(why, EX_DATAERR, "libloc cannot use it (%d)", error);
}

/* A pipe or device at this path must not hold up the caller. */
static FILE *regular_file_open(const char *path, struct stat *st, struct failure *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		failure_set(why, errno == ENOENT ? EX_NOINPUT : EX_NOPERM, "%s", strerror(errno));
		return NULL;
	}
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return xneed(fdopen(fd, "r"));
	close(fd);
	failure_set(why, EX_DATAERR, "it is not a regular file");
	return NULL;
}

static struct data *data_open(const char *path, struct failure *why)
{
	struct stat st;
	FILE *file = regular_file_open(path, &st, why);
	if (!file)
		return NULL;
	struct data *data = xcalloc(1, sizeof *data);
	data->file = file;
	data->version = file_version_of(&st);
	if (network_file_check(file, st.st_size, why) && data_map(data, why))
		return data;
	data_free(data);
	return NULL;
}

/* Logs what was opened, or why nothing was. */
static void report(const struct network_db *db, const struct data *data, const struct failure *why)
{
	if (data) {
		char made_at[64];
		struct text text;
		text_init(&text, made_at, sizeof made_at);
		text_add_time(&text, loc_database_created_at(data->database));
		log_info("network_db: %s is in use; it was made at %s", db->path, made_at);
	} else if (why->code != EX_NOINPUT || strcmp(db->path, NETWORK_DB_USUAL) != 0) {
		log_warning(
			"network_db: %s cannot be used: %s; the database that was open before stays in use, or else autonomous "
			"systems and countries are unknown; replace the file, for example by `location update`",
			db->path, why->text);
	}
}

/* Opens the file if it is another one than before. Some ten milliseconds; other threads use the old data meanwhile. */
static void renew(struct network_db *db, bool first)
{
	struct failure why = {.code = 0};
	struct file_version now = file_version_now(db->path);
	lock_take(&db->lock);
	bool same = !first && file_version_same(&now, &db->version);
	db->version = now;
	lock_drop(&db->lock);
	if (same)
		return;
	struct data *fresh = data_open(db->path, &why);
	report(db, fresh, &why);
	if (!fresh)
		return;
	lock_take(&db->lock);
	struct data *old = db->data;
	db->data = fresh;
	lock_drop(&db->lock);
	data_free(old);
}

struct network_db *network_db_open(const char *path)
{
	struct network_db *db = xcalloc(1, sizeof *db);
	lock_init(&db->lock);
	db->path = xstrdup(path);
	db->looked_at_ms = clock_mono_ms();
	if (path[0] != '\0')
		renew(db, true);
	return db;
}

void network_db_close(struct network_db **db)
{
	if (!*db)
		return;
	data_free((*db)->data);
	lock_destroy(&(*db)->lock);
	free((*db)->path);
	free(*db);
	*db = NULL;
}

/* --- lookups ------------------------------------------------------------------------------------------------------ */

/* Returns the data, or NULL. A mapped file that somebody has cut off or written to must not be touched. */
static struct data *data_usable(const struct network_db *db) REQUIRES(db->lock)
{
	struct stat st;
	if (!db->data || fstat(fileno(db->data->file), &st) != 0)
		return NULL;
	struct file_version now = file_version_of(&st);
	return file_version_same(&now, &db->data->version) ? db->data : NULL;
}

static void look_for_change(struct network_db *db)
{
	int64_t now_ms = clock_mono_ms();
	lock_take(&db->lock);
	bool due = db->path[0] != '\0' && now_ms - db->looked_at_ms >= NETWORK_LOOK_S * 1000;
	if (due)
		db->looked_at_ms = now_ms;
	lock_drop(&db->lock);
	if (due)
		renew(db, false);
}

static void name_copy(struct data *data, uint32_t asn, char out[NETWORK_NAME_SIZE])
{
	struct loc_as *as = NULL;
	struct text text;
	text_init(&text, out, NETWORK_NAME_SIZE);
	if (asn == 0 || loc_database_get_as(data->database, &as, asn) != 0 || !as)
		return;
	const char *name = loc_as_get_name(as);
	text_add(&text, name ? name : "");
	loc_as_unref(as);
}

static void country_copy(struct loc_network *network, char out[NETWORK_COUNTRY_SIZE])
{
	const char *code = loc_network_get_country_code(network);
	bool letters = code && strlen(code) == 2;
	for (size_t i = 0; letters && i < 2; i++)
		letters = code[i] >= 'A' && code[i] <= 'Z';
	if (letters)
		memcpy(out, code, 3);
}

/* libloc knows an IPv4 address as one that is mapped into IPv6. */
static bool lookup(struct data *data, const struct address *address, struct network *out)
{
	/* At the end of a whole path through its tree, libloc reads one octet behind the address. */
	struct {
		struct in6_addr v6;
		uint8_t behind;
	} key;
	struct loc_network *network = NULL;
	memset(&key, 0, sizeof key);
	if (address->len == 4)
		memset(key.v6.s6_addr + 10, 0xff, 2);
	memcpy(key.v6.s6_addr + 16 - address->len, address->bytes, address->len);
	if (loc_database_lookup(data->database, &key.v6, &network) != 0 || !network)
		return false;
	out->asn = loc_network_get_asn(network);
	out->anycast = loc_network_has_flag(network, LOC_NETWORK_FLAG_ANYCAST);
	out->hostile = loc_network_has_flag(network, LOC_NETWORK_FLAG_DROP);
	country_copy(network, out->country);
	name_copy(data, out->asn, out->as_name);
	loc_network_unref(network);
	return true;
}

bool network_of(struct network_db *db, const struct address *address, struct network *out)
{
	memset(out, 0, sizeof *out);
	if (!db || (address->len != 4 && address->len != 16))
		return false;
	look_for_change(db);
	lock_take(&db->lock);
	struct data *data = data_usable(db);
	bool found = data && lookup(data, address, out);
	lock_drop(&db->lock);
	return found;
}

void network_as_name(struct network_db *db, uint32_t asn, char out[NETWORK_NAME_SIZE])
{
	out[0] = '\0';
	if (!db)
		return;
	lock_take(&db->lock);
	struct data *data = data_usable(db);
	if (data)
		name_copy(data, asn, out);
	lock_drop(&db->lock);
}
