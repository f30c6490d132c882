# man: pages; the settings in them and in the sample file are made from settings.def, the metrics from metrics.def
# (tests/docs-settings and tests/docs-metrics compare)
noinst_PROGRAMS = man/settings_doc man/metrics_doc
man_metrics_doc_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
man_metrics_doc_SOURCES = man/metrics_doc.c
man_metrics_doc_LDADD = libbase.a libtext.a
man_settings_doc_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
man_settings_doc_SOURCES = man/settings_doc.c
man_settings_doc_LDADD = libbase.a libtext.a
dist_man_MANS += man/stsgated.8 man/stsgate.1 man/stsgate.conf.5
TESTS += tests/docs-events tests/docs-settings tests/docs-metrics tests/docs-man
EXTRA_DIST += tests/docs-events tests/docs-settings tests/docs-metrics tests/docs-man tests/run tests/built-files tests/mutation
noinst_PROGRAMS += man/events_doc
man_events_doc_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
man_events_doc_SOURCES = man/events_doc.c
man_events_doc_LDADD = libcore.a libtext.a $(IDN2_LIBS)
