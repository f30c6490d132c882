# cli: the tool. A command is one file here, or a directory if it is large.
cli_inc = -I$(srcdir)/cli -I$(srcdir)/cli/audit -I$(srcdir)/cli/doctor -I$(srcdir)/cli/fleet -I$(srcdir)/cli/lint -I$(srcdir)/cli/query -I$(srcdir)/cli/report -I$(srcdir)/cli/stats
stsgate_CPPFLAGS = $(front_inc) $(cli_inc) $(product_defs)
stsgate_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS)
cli_sources = \
	cli/author.c cli/author.h cli/batch.c cli/batch.h cli/command.def cli/commands.h cli/dns_wait.c cli/dns_wait.h cli/domains.c cli/domains.h \
	cli/event_show.c cli/event_show.h cli/events.c cli/export.c cli/forget.c cli/import.c cli/lines.c cli/lines.h cli/list.c \
	cli/output.c cli/output.h cli/override.c cli/progress.c cli/progress.h cli/read_text.c cli/read_text.h \
	cli/session.c cli/session.h cli/values.c cli/values.h cli/warm.c \
	cli/audit/audit.c cli/audit/audit.h cli/audit/audit_print.c cli/audit/audit_read.c cli/audit/audit_state.c \
	cli/audit/maillog.c cli/audit/maillog.h cli/audit/maillog_text.c cli/audit/maillog_text.h \
	cli/audit/tally.c cli/audit/tally.h \
	cli/doctor/doctor.c cli/doctor/doctor.def cli/doctor/doctor.h \
	cli/doctor/doctor_entries.c cli/doctor/doctor_entries.h cli/doctor/doctor_internal.h \
	cli/doctor/doctor_fleet.c cli/doctor/doctor_judge.c cli/doctor/doctor_judge.h cli/doctor/doctor_machine.c cli/doctor/doctor_network.c \
	cli/doctor/doctor_notes.c cli/doctor/doctor_notes.h cli/doctor/doctor_outbound.c \
	cli/doctor/doctor_postfix.c cli/doctor/doctor_postfix.h cli/doctor/doctor_reports.c cli/doctor/doctor_reports.h cli/doctor/doctor_run.c cli/doctor/doctor_sendmail.c \
	cli/doctor/doctor_sockets.c cli/doctor/doctor_store.c cli/doctor/enforced.c cli/doctor/enforced.h \
	cli/doctor/nameserver.c cli/doctor/nameserver.h cli/doctor/postfix_checks.c cli/doctor/postfix_checks.h \
	cli/doctor/postfix_checks_internal.h cli/doctor/postfix_config.c cli/doctor/postfix_config.h \
	cli/doctor/postfix_map_checks.c cli/doctor/postfix_milter_checks.c cli/doctor/postfix_report_checks.c \
	cli/doctor/postfix_route_checks.c cli/doctor/report_signer.c cli/doctor/report_signer.h \
	cli/doctor/postfix_tls_checks.c cli/doctor/sendmail_checks.c cli/doctor/sendmail_checks.h \
	cli/doctor/sendmail_config.c cli/doctor/sendmail_config.h cli/doctor/talk.c cli/doctor/talk.h \
	cli/doctor/way_out.c cli/doctor/way_out.h \
	cli/fleet/fleet.c cli/fleet/fleet_guest.c cli/fleet/fleet_guest.h cli/fleet/fleet_list.c cli/fleet/fleet_list.h \
	cli/fleet/server_info.c cli/fleet/server_info.h \
	cli/lint/lint.c cli/lint/lint.h cli/lint/lint_domain.c cli/lint/survey.c cli/lint/survey.h \
	cli/query/describe.c cli/query/describe.h cli/query/domain_print.c cli/query/domain_print.h \
	cli/query/query.c cli/query/refresh.c cli/query/show.c \
	cli/query/trace.c cli/query/trace.h \
	cli/query/verdict_print.c cli/query/verdict_print.h cli/query/why.c \
	cli/report/report.c cli/report/report_parts.h cli/report/report_list.c cli/report/report_bounced.c cli/report/report_send.c cli/report/report_show.c cli/report/report_state.c cli/report/report_test.c \
	cli/report/failures.c cli/report/failures.h cli/report/mail_parts.c cli/report/mail_parts.h \
	cli/report/received.c cli/report/received.h \
	cli/report/report_read.c cli/report/report_read.h cli/report/report_read_json.c cli/report/report_read_print.c \
	cli/stats/running.c cli/stats/running.h cli/stats/settings_cmd.c cli/stats/stats.c cli/stats/stats.h cli/stats/stats_census.c \
	cli/stats/stats_json.c cli/stats/stats_networks.c cli/stats/stats_read.c cli/stats/stats_text.c
stsgate_SOURCES = cli/main.c $(cli_sources)
stsgate_LDADD = $(all_layers) $(all_libs)
