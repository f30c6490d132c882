# man: pages; the settings in them and in the sample file are made from settings.def (tests/docs-settings compares)
noinst_PROGRAMS = man/settings_doc
man_settings_doc_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
man_settings_doc_SOURCES = man/settings_doc.c
man_settings_doc_LDADD = libbase.a
dist_man_MANS += man/stsgated.8 man/stsgate.1 man/stsgate.conf.5
TESTS += tests/docs-settings tests/docs-man
EXTRA_DIST += tests/docs-settings tests/docs-man tests/run tests/built-files tests/mutation
