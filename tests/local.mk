# tests: unit tables (cmocka), scenarios, fuzz corpora replayed
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_entry
tests_unit_test_entry_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_entry_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_entry_SOURCES = tests/unit/test_entry.c
tests_unit_test_entry_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
endif
