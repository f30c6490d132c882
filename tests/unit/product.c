#include "product.h"

#include "clock.h"
#include "world.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct config *product_config(struct product *p, const char *setting)
{
	struct failure why;
	char own[] = "own_hosts=relay.example.net", more[128];
	snprintf(more, sizeof more, "%s", setting);
	char *overrides[] = {own, more};
	struct settings *settings = settings_read(NULL, false, overrides, 2, &why);
	assert_non_null(settings);
	struct config *config = config_new(settings, p->loops, &why);
	assert_non_null(config);
	return config;
}

void product_start(struct product *p)
{
	struct failure why;
	const char *where = getenv("TMPDIR");
	snprintf(p->directory, sizeof p->directory, "%s/stsgate-check-XXXXXX", where ? where : "/tmp");
	assert_non_null(mkdtemp(p->directory));
	p->store = store_open(p->directory, 64 << 20, STORE_OWNER, &why);
	assert_non_null(p->store);
	p->loops = loops_new(2, &why);
	assert_non_null(p->loops);
	p->config = product_config(p, "mta_enforces=no");
	struct check_options options = {
		.config = p->config, .store = p->store, .loops = p->loops, .inquiries_max = PRODUCT_INQUIRIES};
	p->check = check_new(&options, &why);
	assert_non_null(p->check);
}

void product_stop(struct product *p)
{
	check_free(&p->check);
	store_close(&p->store);
	config_unref(&p->config);
	loops_free(&p->loops);
	DIR *directory = opendir(p->directory);
	for (struct dirent *item; directory && (item = readdir(directory));) {
		char path[sizeof p->directory + sizeof item->d_name + 1];
		snprintf(path, sizeof path, "%s/%s", p->directory, item->d_name);
		if (item->d_name[0] != '.')
			unlink(path);
	}
	if (directory)
		closedir(directory);
	rmdir(p->directory);
	assert_int_equal(world_busy(), 0);
	assert_int_equal(world_views_open(), 0);
	world_reset();
}

void product_pause(int ms)
{
	nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

unsigned product_cases(struct check *check)
{
	lock_take(&check->lock);
	unsigned open = check->inquiries;
	lock_drop(&check->lock);
	return open;
}

static void held_add(void *arg, const struct slot *slot)
{
	*(uint32_t *)arg += slot->held;
}

void product_settle(struct check *check)
{
	int64_t deadline = clock_mono_ms() + SETTLE_MS;
	while (product_cases(check) > 0 && clock_mono_ms() < deadline)
		product_pause(1);
	assert_int_equal(product_cases(check), 0);
	uint32_t held = 0;
	for (int kind = 0; kind < LIMIT_KINDS; kind++)
		limits_each(check->bounds.limits, (enum limit_kind)kind, held_add, &held);
	assert_int_equal(held, 0);
}

check_ticket product_begin(struct check *check, const struct question *question, check_done *done, void *arg)
{
	struct outcome outcome;
	check_ticket ticket = CHECK_NO_TICKET;
	if (check_ask(check, question, done, arg, &ticket, &outcome)) {
		done(arg, &outcome);
		ticket = UINT64_MAX;
	}
	outcome_free(&outcome);
	return ticket;
}

void product_answer(struct check *check, const struct question *question, int wait_ms, struct outcome *out)
{
	check_ticket ticket = CHECK_NO_TICKET;
	int64_t deadline_ms = clock_mono_ms() + wait_ms;
	check_ask(check, question, NULL, NULL, wait_ms > 0 ? &ticket : NULL, out);
	if (ticket != CHECK_NO_TICKET)
		check_wait(check, ticket, deadline_ms, out);
}

void product_domain(const char *domain, const char *mx)
{
	char name[DOMAIN_SIZE + 16], text[DOMAIN_SIZE + 64];
	const char *record = text;
	snprintf(name, sizeof name, "_mta-sts.%s", domain);
	snprintf(text, sizeof text, "v=STSv1; id=1;");
	assert_true(world_dns(name, DNS_TXT, 3600, &record, 1));
	snprintf(text, sizeof text, "version: STSv1\nmode: enforce\nmax_age: 604800\nmx: %s\n", mx);
	world_policy(domain, text, strlen(text));
	snprintf(text, sizeof text, "10 %s", mx);
	assert_true(world_dns(domain, DNS_MX, 3600, &record, 1));
	world_address(mx);
	world_hop(mx, REASON_OK, 0x0304);
}

struct question product_question(const char *domain, enum purpose purpose)
{
	struct question question;
	question_from_next_hop(&question, domain, strlen(domain), purpose);
	return question;
}
