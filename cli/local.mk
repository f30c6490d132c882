# cli: the tool, one file per subcommand
stsgate_CPPFLAGS = $(front_inc) -I$(srcdir)/cli $(AM_CPPFLAGS)
stsgate_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
stsgate_SOURCES = \
	cli/main.c cli/commands.h
stsgate_LDADD = $(all_layers) $(all_libs)
