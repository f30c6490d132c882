# tests: unit tables (cmocka), scenarios, fuzz corpora replayed
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_entry
tests_unit_test_entry_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_entry_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_entry_SOURCES = tests/unit/test_entry.c
tests_unit_test_entry_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_failure
tests_unit_test_failure_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
tests_unit_test_failure_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_failure_SOURCES = tests/unit/test_failure.c
tests_unit_test_failure_LDADD = libbase.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_lock
tests_unit_test_lock_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
tests_unit_test_lock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_lock_SOURCES = tests/unit/test_lock.c
tests_unit_test_lock_LDADD = libbase.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_log
tests_unit_test_log_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
tests_unit_test_log_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_SOURCES = tests/unit/test_log.c
tests_unit_test_log_LDADD = libbase.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_settings
tests_unit_test_settings_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
tests_unit_test_settings_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_settings_SOURCES = tests/unit/test_settings.c
tests_unit_test_settings_LDADD = libbase.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_dns
tests_unit_test_dns_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_dns_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_dns_SOURCES = tests/unit/test_dns.c
tests_unit_test_dns_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_lint
tests_unit_test_lint_CPPFLAGS = -DCORPUS_DIR='"$(srcdir)/tests/corpus"' -DSTSGATE_BUILT='"./stsgate"' $(AM_CPPFLAGS)
tests_unit_test_lint_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_lint_SOURCES = tests/unit/test_lint.c tests/unit/tool.c tests/unit/tool.h tests/unit/corpus.c tests/unit/corpus.h \
	tests/unit/cm.h
tests_unit_test_lint_LDADD = $(JANSSON_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_cli
tests_unit_test_cli_CPPFLAGS = -DSTSGATE_BUILT='"./stsgate"' $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_cli_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_cli_SOURCES = tests/unit/test_cli.c tests/unit/tool.c tests/unit/tool.h tests/unit/cm.h
tests_unit_test_cli_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_query
tests_unit_test_query_CPPFLAGS = -DSTSGATE_BUILT='"./stsgate"' -I$(srcdir)/tests/fakes -I$(srcdir)/cli $(front_inc) $(AM_CPPFLAGS)
tests_unit_test_query_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_query_SOURCES = tests/unit/test_query.c tests/unit/call.c tests/unit/call.h tests/unit/tool.c tests/unit/tool.h \
	tests/unit/cm.h $(cli_sources) tests/fakes/world.h tests/fakes/world.c tests/fakes/world_calls.c tests/fakes/world_dns.c \
	tests/fakes/fake_clock.c tests/fakes/fake_dns.c tests/fakes/fake_fetch.c tests/fakes/fake_probe.c tests/fakes/fake_trouble.c
tests_unit_test_query_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=cond_wait_until \
	-Wl,--wrap=store_view_begin,--wrap=store_view_end,--wrap=store_change_entry,--wrap=store_change_hop
tests_unit_test_query_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_budget
tests_unit_test_budget_CPPFLAGS = $(check_inc) $(AM_CPPFLAGS)
tests_unit_test_budget_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_budget_SOURCES = tests/unit/test_budget.c tests/unit/cm.h
tests_unit_test_budget_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_workers
tests_unit_test_workers_CPPFLAGS = $(check_inc) $(AM_CPPFLAGS)
tests_unit_test_workers_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_workers_SOURCES = tests/unit/test_workers.c tests/unit/cm.h
tests_unit_test_workers_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_trust
tests_unit_test_trust_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_trust_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_trust_SOURCES = tests/unit/test_trust.c tests/unit/pki.c tests/unit/pki.h
tests_unit_test_trust_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
EXTRA_DIST += tests/corpus
core_test_files = tests/unit/corpus.c tests/unit/corpus.h tests/unit/cm.h
core_test_CPPFLAGS = -DCORPUS_DIR='"$(srcdir)/tests/corpus"' $(core_inc) $(AM_CPPFLAGS)
core_test_libs = libcore.a $(IDN2_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_domain
tests_unit_test_domain_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_domain_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_domain_SOURCES = tests/unit/test_domain.c $(core_test_files)
tests_unit_test_domain_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_policy
tests_unit_test_policy_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_policy_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_policy_SOURCES = tests/unit/test_policy.c $(core_test_files)
tests_unit_test_policy_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_question
tests_unit_test_question_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_question_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_question_SOURCES = tests/unit/test_question.c $(core_test_files)
tests_unit_test_question_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_rdata
tests_unit_test_rdata_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_rdata_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_rdata_SOURCES = tests/unit/test_rdata.c $(core_test_files)
tests_unit_test_rdata_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_record
tests_unit_test_record_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_record_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_record_SOURCES = tests/unit/test_record.c $(core_test_files)
tests_unit_test_record_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_smtp
tests_unit_test_smtp_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_smtp_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_smtp_SOURCES = tests/unit/test_smtp.c $(core_test_files)
tests_unit_test_smtp_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_socketmap
tests_unit_test_socketmap_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_socketmap_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_socketmap_SOURCES = tests/unit/test_socketmap.c $(core_test_files)
tests_unit_test_socketmap_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_text
tests_unit_test_text_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_text_SOURCES = tests/unit/test_text.c $(core_test_files)
tests_unit_test_text_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_fetch
tests_unit_test_fetch_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_fetch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_fetch_SOURCES = tests/unit/test_fetch.c tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h
tests_unit_test_fetch_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
endif

# fuzz targets, replayed over seeds; no fuzzer needed
fuzz_files = tests/fuzz/fuzz.h tests/fuzz/replay.c
fuzz_libs = libcore.a $(IDN2_LIBS)
EXTRA_DIST += tests/fuzz/seeds
check_PROGRAMS += tests/fuzz/replay_policy
tests_fuzz_replay_policy_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/corpus/policies"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_policy_SOURCES = tests/fuzz/fuzz_policy.c $(fuzz_files)
tests_fuzz_replay_policy_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_rdata
tests_fuzz_replay_rdata_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/rdata"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_rdata_SOURCES = tests/fuzz/fuzz_rdata.c $(fuzz_files)
tests_fuzz_replay_rdata_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_recipient
tests_fuzz_replay_recipient_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/recipient"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_recipient_SOURCES = tests/fuzz/fuzz_recipient.c $(fuzz_files)
tests_fuzz_replay_recipient_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_record
tests_fuzz_replay_record_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/record"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_record_SOURCES = tests/fuzz/fuzz_record.c $(fuzz_files)
tests_fuzz_replay_record_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_smtp
tests_fuzz_replay_smtp_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/smtp"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_smtp_SOURCES = tests/fuzz/fuzz_smtp.c $(fuzz_files)
tests_fuzz_replay_smtp_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_socketmap
tests_fuzz_replay_socketmap_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/socketmap"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_socketmap_SOURCES = tests/fuzz/fuzz_socketmap.c $(fuzz_files)
tests_fuzz_replay_socketmap_LDADD = $(fuzz_libs)

# the house: core is pure, layers hold
dist_check_SCRIPTS = tests/core-purity tests/layers
TESTS += $(dist_check_SCRIPTS)
check_PROGRAMS += tests/fuzz/replay_settings
tests_fuzz_replay_settings_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/settings"' $(base_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_settings_SOURCES = tests/fuzz/fuzz_settings.c $(fuzz_files)
tests_fuzz_replay_settings_LDADD = libbase.a

# tests/run: all tests; those of the whole relay need root
EXTRA_DIST += tests/system
