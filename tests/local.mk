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
endif
