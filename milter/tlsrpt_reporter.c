#include "tlsrpt_reporter.h"

#include "clock.h"
#include "log.h"
#include "memory.h"
#include "tlsrpt_sender.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct reporter {
	struct check *check;
	struct tlsrpt_sender *sender;
	pthread_t thread;
};

static void *reporter_main(void *arg)
{
	struct reporter *reporter = arg;
	bool goes_on, failed = false;
	do {
		struct config *config = check_config(reporter->check);
		struct tlsrpt_pass pass;
		struct failure why = {0};
		int64_t begun_ms = clock_mono_ms();
		bool good = tlsrpt_sender_pass(reporter->sender, config, &pass, &why);
		if (!good && !failed)
			log_warning("TLS reports wait: %s", why.text);
		failed = !good;
		config_unref(&config);
		goes_on = tlsrpt_sender_rest(reporter->sender, begun_ms + REPORTER_TICK_MS);
	} while (goes_on);
	return NULL;
}

struct reporter *reporter_start(struct check *check, struct store *store, struct loop *loop, struct failure *why)
{
	struct reporter *reporter = xcalloc(1, sizeof *reporter);
	reporter->check = check;
	reporter->sender = tlsrpt_sender_new(&(struct tlsrpt_sender_options){.store = store, .loop = loop});
	int err = pthread_create(&reporter->thread, NULL, reporter_main, reporter);
	if (err == 0)
		return reporter;
	failure_set(why, EX_OSERR, "cannot start a thread: %s", strerror(err));
	tlsrpt_sender_free(&reporter->sender);
	free(reporter);
	return NULL;
}

void reporter_stop(struct reporter **slot)
{
	struct reporter *reporter = *slot;
	if (!reporter)
		return;
	tlsrpt_sender_stop(reporter->sender);
	pthread_join(reporter->thread, NULL);
	tlsrpt_sender_free(&reporter->sender);
	free(reporter);
	*slot = NULL;
}
