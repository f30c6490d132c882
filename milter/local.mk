# milter: the daemon
stsgated_CPPFLAGS = $(front_inc) -I$(srcdir)/milter $(AM_CPPFLAGS)
stsgated_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS)
stsgated_SOURCES = \
	milter/main.c \
	milter/milter.c milter/milter.h \
	milter/notify.h \
	milter/privileges.c milter/privileges.h \
	milter/refresher.c milter/refresher.h \
	milter/server.c milter/server.h \
	milter/socketmap_server.c milter/socketmap_server.h
if HAVE_SYSTEMD
stsgated_SOURCES += milter/notify_systemd.c
stsgated_CFLAGS += $(SYSTEMD_CFLAGS)
else
stsgated_SOURCES += milter/notify_none.c
endif
stsgated_LDADD = $(all_layers) $(all_libs) $(EVENT_LIBS) $(MILTER_LIBS) $(SYSTEMD_LIBS)
