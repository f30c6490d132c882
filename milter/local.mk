# milter: the daemon
milter_inc = -I$(srcdir)/milter -I$(srcdir)/milter/page
stsgated_CPPFLAGS = $(front_inc) $(milter_inc) $(product_defs)
stsgated_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
milter_sources = \
	milter/arbiter.c milter/arbiter.h \
	milter/message.c milter/message.h \
	milter/milter.c milter/milter.h \
	milter/nudge.c milter/nudge.h
# The pages themselves, which tests of the server replace.
page_sources = \
	milter/page/page_domain.c milter/page/page_domain.h \
	milter/page/page_hosts.c milter/page/page_hosts.h \
	milter/page/page_overview.c milter/page/page_overview.h \
	milter/page/page_plots.c milter/page/page_plots.h \
	milter/page/plot.c milter/page/plot.h
server_sources = \
	milter/delegation_server.c milter/delegation_server.h \
	milter/front_end.h \
	milter/http_accept.c milter/http_accept.h \
	milter/http_fields.c milter/http_fields.h \
	milter/http_head.c milter/http_head.h \
	milter/http_server.c milter/http_server.h \
	milter/page/html.c milter/page/html.h \
	milter/page/page.c milter/page/page.h \
	milter/page/page_frame.c milter/page/page_frame.h \
	milter/page/page_parts.h \
	milter/page/page_request.c milter/page/page_request.h \
	milter/map_memo.c milter/map_memo.h \
	milter/socketmap_server.c milter/socketmap_server.h \
	milter/verdict_service.c milter/verdict_service.h
stsgated_SOURCES = \
	milter/background.c milter/background.h \
	milter/daemon.c milter/daemon.h \
	milter/event_command.c milter/event_command.h \
	milter/front_ends.c milter/front_ends.h \
	milter/gauges.c milter/gauges.h \
	milter/main.c \
	milter/milter_thread.c milter/milter_thread.h \
	milter/notify.h \
	milter/recorder.c milter/recorder.h \
	milter/refresher.c milter/refresher.h \
	milter/reload.c milter/reload.h \
	milter/signals.c milter/signals.h \
	milter/spare.c milter/spare.h \
	milter/tlsrpt_collector.c milter/tlsrpt_collector.h \
	milter/tlsrpt_reporter.c milter/tlsrpt_reporter.h \
	$(milter_sources) $(server_sources) $(page_sources)
if HAVE_SYSTEMD
stsgated_SOURCES += milter/notify_systemd.c
stsgated_CFLAGS += $(SYSTEMD_CFLAGS)
else
stsgated_SOURCES += milter/notify_none.c
endif
stsgated_LDADD = $(all_layers) $(all_libs) $(MILTER_LIBS) $(SYSTEMD_LIBS) -lm
