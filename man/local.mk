# man: pages; the settings in them and in the sample file are made from settings.def, the metrics from metrics.def
# (tests/docs-settings and tests/docs-metrics compare)
noinst_PROGRAMS = man/settings_doc man/metrics_doc
man_metrics_doc_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
man_metrics_doc_SOURCES = man/metrics_doc.c
man_metrics_doc_LDADD = libbase.a
man_settings_doc_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
man_settings_doc_SOURCES = man/settings_doc.c
man_settings_doc_LDADD = libbase.a
dist_man_MANS += man/stsgated.8 man/stsgate.1 man/stsgate.conf.5
TESTS += tests/docs-settings tests/docs-metrics tests/docs-man
EXTRA_DIST += tests/docs-settings tests/docs-metrics tests/docs-man tests/run tests/built-files tests/mutation
