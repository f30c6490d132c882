# man: the manual pages. Their lists and the sample file are made from the tables *.def; tests/docs-tables compares them.
noinst_PROGRAMS = man/tables_doc
man_tables_doc_CPPFLAGS = $(base_inc) $(core_inc) -I$(srcdir)/cli -I$(srcdir)/cli/doctor $(product_defs)
man_tables_doc_SOURCES = man/tables_doc.c
man_tables_doc_LDADD = libbase.a libcore.a libtext.a $(core_libs)
dist_man_MANS += man/stsgated.8 man/stsgate.1 man/stsgate.conf.5
TESTS += tests/docs-tables tests/docs-man tests/docs-keys
EXTRA_DIST += tests/docs-tables tests/docs-man tests/docs-keys tests/run tests/built-files tests/mutation
