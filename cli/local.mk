# cli: the tool, one file per subcommand
stsgate_CPPFLAGS = $(front_inc) -I$(srcdir)/cli $(product_defs)
stsgate_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS)
cli_sources = \
	cli/audit.c cli/audit.h \
	cli/audit_print.c \
	cli/audit_read.c \
	cli/audit_state.c \
	cli/batch.c cli/batch.h \
	cli/command.def cli/commands.h \
	cli/describe.c cli/describe.h \
	cli/doctor.c cli/doctor.h \
	cli/doctor.def cli/doctor_internal.h \
	cli/doctor_entries.c cli/doctor_entries.h \
	cli/doctor_judge.c cli/doctor_judge.h \
	cli/doctor_machine.c \
	cli/doctor_network.c \
	cli/doctor_notes.c cli/doctor_notes.h \
	cli/doctor_outbound.c \
	cli/doctor_postfix.c cli/doctor_postfix.h \
	cli/doctor_run.c \
	cli/doctor_sendmail.c \
	cli/doctor_sockets.c \
	cli/doctor_store.c \
	cli/domains.c cli/domains.h \
	cli/dump.c cli/dump.h \
	cli/export.c \
	cli/enforced.c cli/enforced.h \
	cli/events.c \
	cli/forget.c \
	cli/import.c \
	cli/running.c cli/running.h \
	cli/session.c cli/session.h \
	cli/letter.c cli/letter.h \
	cli/lines.c cli/lines.h \
	cli/lint.c cli/lint.h \
	cli/lint_domain.c \
	cli/list.c \
	cli/postfix_checks_internal.h cli/postfix_checks.c cli/postfix_checks.h \
	cli/postfix_config.c cli/postfix_config.h \
	cli/postfix_map_checks.c cli/postfix_milter_checks.c \
	cli/postfix_route_checks.c cli/postfix_tls_checks.c \
	cli/preview.c cli/preview.h \
	cli/maillog.c cli/maillog.h \
	cli/maillog_text.c cli/maillog_text.h \
	cli/nameserver.c cli/nameserver.h \
	cli/output.c cli/output.h \
	cli/override.c \
	cli/progress.c cli/progress.h \
	cli/query.c \
	cli/read_text.c cli/read_text.h \
	cli/record_json.c cli/record_json.h \
	cli/refresh.c \
	cli/sendmail_checks.c cli/sendmail_checks.h \
	cli/sendmail_config.c cli/sendmail_config.h \
	cli/settings_cmd.c \
	cli/show.c \
	cli/stored.c cli/stored.h \
	cli/stats.c cli/stats.h cli/stats_json.c cli/stats_read.c cli/stats_text.c \
	cli/survey.c cli/survey.h \
	cli/talk.c cli/talk.h \
	cli/way_out.c cli/way_out.h \
	cli/tally.c cli/tally.h \
	cli/trace.c cli/trace.h \
	cli/values.c cli/values.h \
	cli/verdict_shown.c cli/verdict_shown.h \
	cli/warm.c \
	cli/why.c
stsgate_SOURCES = cli/main.c $(cli_sources)
stsgate_LDADD = $(all_layers) $(all_libs) $(ZLIB_LIBS)
