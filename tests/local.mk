# tests: unit tables (cmocka), scenarios, fuzz corpora replayed

# fakes of clock, DNS, policy hosts, next hops and store trouble, in place of files of common/io
fakes_ldflags = $(AM_LDFLAGS) -Wl,--wrap=cond_wait_until,--wrap=store_view_begin,--wrap=store_view_end \
	-Wl,--wrap=store_change_entry,--wrap=store_change_hop,--wrap=store_submit,--wrap=events_note,--wrap=events_note_sign
fakes = tests/fakes/world.h tests/fakes/world.c tests/fakes/world_calls.c tests/fakes/world_dns.c \
	tests/fakes/fake_clock.c tests/fakes/fake_dns.c tests/fakes/fake_fetch.c tests/fakes/fake_host_name.c tests/fakes/fake_network.c tests/fakes/fake_probe.c tests/fakes/fake_trust.c \
	tests/fakes/fake_trouble.c tests/fakes/fake_events.c tests/fakes/fake_events.h

# scenarios: one program over all cases
check_PROGRAMS += tests/scenarios/runner
tests_scenarios_runner_LDFLAGS = $(fakes_ldflags)
tests_scenarios_runner_SOURCES = tests/scenarios/runner.c tests/scenarios/scene.c tests/scenarios/scene.h \
	tests/scenarios/scene_world.c tests/scenarios/sessions.c tests/scenarios/sessions.h tests/scenarios/counts.c tests/scenarios/counts.h tests/scenarios/expect.c \
	tests/scenarios/table.c tests/scenarios/table.h tests/fakes/fake_log.c tests/fakes/fake_log.h $(fakes)

postfix_check_files = cli/doctor/postfix_checks_internal.h cli/doctor/postfix_checks.c cli/doctor/postfix_checks.h cli/doctor/postfix_config.c cli/doctor/postfix_config.h \
	cli/doctor/postfix_map_checks.c cli/doctor/postfix_milter_checks.c cli/doctor/postfix_report_checks.c cli/doctor/postfix_route_checks.c cli/doctor/postfix_tls_checks.c \
	cli/doctor/report_signer.c cli/doctor/report_signer.h
received_files = cli/report/failures.c cli/report/failures.h cli/report/mail_parts.c cli/report/mail_parts.h \
	cli/report/received.c cli/report/received.h
if HAVE_CMOCKA
# The longest come first: tests begin in this order, several at a time.
check_PROGRAMS += tests/unit/test_verdict_worlds
check_PROGRAMS += tests/unit/test_cli
check_PROGRAMS += tests/unit/test_dns
if HAVE_LDNS
check_PROGRAMS += tests/unit/test_dnssec
endif
check_PROGRAMS += tests/unit/test_probe
check_PROGRAMS += tests/unit/test_refresher
check_PROGRAMS += tests/unit/test_server
check_PROGRAMS += tests/unit/test_events
check_PROGRAMS += tests/unit/test_milter
check_PROGRAMS += tests/unit/test_entry
check_PROGRAMS += tests/unit/test_tls_required
tests_unit_test_tls_required_SOURCES = tests/unit/test_tls_required.c tests/unit/cm.h
check_PROGRAMS += tests/unit/test_tlsa
check_PROGRAMS += tests/unit/test_tlsa_find
tests_unit_test_tlsa_find_SOURCES = tests/unit/test_tlsa_find.c \
	common/check/lookups.c common/check/lookups.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_host_name
check_PROGRAMS += tests/unit/test_health
check_PROGRAMS += tests/unit/test_sign
check_PROGRAMS += tests/unit/test_nearby
check_PROGRAMS += tests/unit/test_census
check_PROGRAMS += tests/unit/test_census_taker
tests_unit_test_census_taker_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=check_config,--wrap=config_unref
tests_unit_test_census_taker_SOURCES = tests/unit/test_census_taker.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_movement
tests_unit_test_movement_SOURCES = tests/unit/test_movement.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_tlsrpt_tally
check_PROGRAMS += tests/unit/test_tlsrpt_tallies
tests_unit_test_tlsrpt_tallies_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_wall_s,--wrap=store_add_tallies
tests_unit_test_tlsrpt_tallies_SOURCES = tests/unit/test_tlsrpt_tallies.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_store_tallies
tests_unit_test_store_tallies_SOURCES = tests/unit/test_store_tallies.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_merge
check_PROGRAMS += tests/unit/test_fleet_trust
check_PROGRAMS += tests/unit/test_tables
tests_unit_test_tables_SOURCES = tests/unit/test_tables.c tests/unit/cm.h
check_PROGRAMS += tests/unit/test_entry_codec
check_PROGRAMS += tests/unit/test_store
tests_unit_test_store_SOURCES = tests/unit/test_store.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_event_json
tests_unit_test_events_LDFLAGS = $(fakes_ldflags) -Wl,--wrap=store_note_sign
tests_unit_test_events_SOURCES = tests/unit/test_events.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h $(fakes)
check_PROGRAMS += tests/unit/test_story
tests_unit_test_story_SOURCES = tests/unit/test_story.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_turns
tests_unit_test_turns_LDFLAGS = $(fakes_ldflags)
tests_unit_test_turns_SOURCES = tests/unit/test_turns.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h $(fakes)
check_PROGRAMS += tests/unit/test_stories
tests_unit_test_stories_LDFLAGS = $(fakes_ldflags)
tests_unit_test_stories_SOURCES = tests/unit/test_stories.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h $(fakes)
check_PROGRAMS += tests/unit/test_verdicts
tests_unit_test_verdicts_LDFLAGS = $(fakes_ldflags) -Wl,--wrap=store_note_verdicts
tests_unit_test_verdicts_SOURCES = tests/unit/test_verdicts.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/unit/product.c tests/unit/product.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h $(fakes)
check_PROGRAMS += tests/unit/test_signs
tests_unit_test_signs_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=events_note_sign,--wrap=store_put_looks,--wrap=store_look_of
check_PROGRAMS += tests/unit/test_overrides
tests_unit_test_overrides_SOURCES = tests/unit/test_overrides.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_decisions
tests_unit_test_decisions_SOURCES = tests/unit/test_decisions.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_why
tests_unit_test_why_SOURCES = tests/unit/test_why.c tests/unit/room.c tests/unit/room.h tests/unit/tool.c tests/unit/tool.h \
	tests/unit/cm.h
check_PROGRAMS += tests/unit/test_report_cmd
tests_unit_test_report_cmd_SOURCES = tests/unit/test_report_cmd.c tests/unit/report_schema.c tests/unit/report_schema.h \
	tests/unit/room.c tests/unit/room.h tests/unit/tool.c tests/unit/tool.h cli/output.c cli/output.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_store_full
tests_unit_test_store_full_SOURCES = tests/unit/test_store_full.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_store_looks
tests_unit_test_store_looks_SOURCES = tests/unit/test_store_looks.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_store_damage
tests_unit_test_store_damage_SOURCES = tests/unit/test_store_damage.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_store_look
tests_unit_test_store_look_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fork,--wrap=clock_mono_ms
tests_unit_test_store_look_SOURCES = tests/unit/test_store_look.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/fakes/faulty_disk.c tests/fakes/faulty_disk.h
check_PROGRAMS += tests/unit/test_store_beside
tests_unit_test_store_beside_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fork
tests_unit_test_store_beside_SOURCES = tests/unit/test_store_beside.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_store_shared
tests_unit_test_store_shared_SOURCES = tests/unit/test_store_shared.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_store_batch
tests_unit_test_store_batch_SOURCES = tests/unit/test_store_batch.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
# runs 25 rounds; the long form is test_store_crash -n 500
check_PROGRAMS += tests/unit/test_store_crash
tests_unit_test_store_crash_SOURCES = tests/unit/test_store_crash.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_store_faults
tests_unit_test_store_faults_SOURCES = tests/unit/test_store_faults.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/fakes/faulty_disk.c tests/fakes/faulty_disk.h
check_PROGRAMS += tests/unit/test_failure
check_PROGRAMS += tests/unit/test_lock
check_PROGRAMS += tests/unit/test_loop
check_PROGRAMS += tests/unit/test_fleet_call
check_PROGRAMS += tests/unit/test_fleet_node
check_PROGRAMS += tests/unit/test_fleet_nodes
tests_unit_test_fleet_nodes_SOURCES = tests/unit/test_fleet_nodes.c tests/fakes/fake_log.c tests/fakes/fake_log.h tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_fleet_cmd
tests_unit_test_fleet_cmd_SOURCES = tests/unit/test_fleet_cmd.c tests/unit/shared_store.c tests/unit/shared_store.h \
	tests/unit/tool.c tests/unit/tool.h cli/fleet/server_info.c cli/fleet/server_info.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_client
check_PROGRAMS += tests/unit/test_fleet_health
tests_unit_test_fleet_health_SOURCES = tests/unit/test_fleet_health.c tests/fakes/fake_log.c tests/fakes/fake_log.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_fleet_keys
check_PROGRAMS += tests/unit/test_fleet_keeper
tests_unit_test_fleet_keeper_SOURCES = tests/unit/test_fleet_keeper.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h
check_PROGRAMS += tests/unit/test_fleet_link
tests_unit_test_fleet_link_SOURCES = tests/unit/test_fleet_link.c tests/fakes/fake_log.c tests/fakes/fake_log.h tests/unit/store_server.c tests/unit/store_server.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_log
check_PROGRAMS += tests/unit/test_program
check_PROGRAMS += tests/unit/test_settings
tests_unit_test_settings_SOURCES = tests/unit/test_settings.c tests/fakes/fake_log.c tests/fakes/fake_log.h
check_PROGRAMS += tests/unit/test_dns_answer
tests_unit_test_dns_SOURCES = tests/unit/test_dns.c tests/unit/dns_await.h tests/unit/dns_port.c tests/unit/dns_port.h cli/dns_wait.c cli/dns_wait.h tests/unit/cm.h
if HAVE_LDNS
tests_unit_test_dnssec_SOURCES = tests/unit/test_dnssec.c tests/unit/signed_server.c tests/unit/signed_server.h \
	tests/unit/dns_await.h tests/unit/dns_port.c tests/unit/dns_port.h cli/dns_wait.c cli/dns_wait.h tests/unit/cm.h tests/fakes/fake_log.c tests/fakes/fake_log.h
tests_unit_test_dnssec_LDADD = $(LDADD) $(LDNS_LIBS)
endif
if HAVE_LIBLOC
check_PROGRAMS += tests/unit/test_network
tests_unit_test_network_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_mono_ms
tests_unit_test_network_SOURCES = tests/unit/test_network.c tests/unit/network_writer.c tests/unit/network_writer.h tests/unit/cm.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h
endif
check_PROGRAMS += tests/unit/test_lint
tests_unit_test_lint_SOURCES = tests/unit/test_lint.c tests/unit/tool.c tests/unit/tool.h tests/unit/corpus.c tests/unit/corpus.h \
	tests/unit/cm.h
tests_unit_test_cli_SOURCES = tests/unit/test_cli.c tests/unit/tool.c tests/unit/tool.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_doctor_run
tests_unit_test_doctor_run_SOURCES = tests/unit/test_doctor_run.c tests/unit/tool.c tests/unit/tool.h tests/unit/cm.h \
	cli/doctor/doctor.c cli/doctor/doctor_run.c cli/domains.c cli/output.c
check_PROGRAMS += tests/unit/test_doctor
tests_unit_test_doctor_SOURCES = tests/unit/test_doctor.c tests/unit/tool.c tests/unit/tool.h tests/unit/cm.h \
	cli/doctor/doctor_judge.c cli/doctor/doctor_judge.h cli/doctor/nameserver.c cli/doctor/nameserver.h \
	cli/doctor/talk.c cli/doctor/talk.h cli/doctor/way_out.c cli/doctor/way_out.h
check_PROGRAMS += tests/unit/test_query
tests_unit_test_query_SOURCES = tests/unit/test_query.c tests/unit/call.c tests/unit/call.h tests/unit/tool.c tests/unit/tool.h \
	tests/unit/cm.h $(cli_sources) tests/fakes/world.h tests/fakes/world.c tests/fakes/world_calls.c tests/fakes/world_dns.c \
	tests/fakes/fake_clock.c tests/fakes/fake_dns.c tests/fakes/fake_fetch.c tests/fakes/fake_host_name.c tests/fakes/fake_network.c tests/fakes/fake_probe.c tests/fakes/fake_trust.c \
	tests/fakes/fake_trouble.c
tests_unit_test_query_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=cond_wait_until \
	-Wl,--wrap=store_view_begin,--wrap=store_view_end,--wrap=store_change_entry,--wrap=store_change_hop,--wrap=store_submit
moving_files = tests/unit/moving_room.c tests/unit/moving_room.h tests/unit/call.c tests/unit/call.h tests/unit/tool.c \
	tests/unit/tool.h tests/unit/cm.h $(cli_sources) $(fakes)
check_PROGRAMS += tests/unit/test_moving
tests_unit_test_moving_SOURCES = tests/unit/test_moving.c $(moving_files)
tests_unit_test_moving_LDFLAGS = $(fakes_ldflags)
check_PROGRAMS += tests/unit/test_import_lines
tests_unit_test_import_lines_SOURCES = tests/unit/test_import_lines.c $(moving_files)
tests_unit_test_import_lines_LDFLAGS = $(fakes_ldflags)
check_PROGRAMS += tests/unit/test_warm
tests_unit_test_warm_SOURCES = tests/unit/test_warm.c $(moving_files)
tests_unit_test_warm_LDFLAGS = $(fakes_ldflags)
check_PROGRAMS += tests/unit/test_audit
tests_unit_test_audit_SOURCES = tests/unit/test_audit.c $(moving_files)
tests_unit_test_audit_LDFLAGS = $(fakes_ldflags)
check_PROGRAMS += tests/unit/test_maillog
maillog_files = cli/audit/maillog.c cli/audit/maillog.h cli/audit/maillog_text.c cli/audit/maillog_text.h
tests_unit_test_maillog_SOURCES = tests/unit/test_maillog.c tests/unit/cm.h $(maillog_files)
check_PROGRAMS += tests/unit/test_lint_domain
tests_unit_test_lint_domain_SOURCES = tests/unit/test_lint_domain.c $(moving_files)
tests_unit_test_lint_domain_LDFLAGS = $(fakes_ldflags)
check_PROGRAMS += tests/unit/test_json_manual
tests_unit_test_json_manual_SOURCES = tests/unit/test_json_manual.c tests/unit/shared_store.c tests/unit/shared_store.h $(moving_files)
tests_unit_test_json_manual_LDFLAGS = $(fakes_ldflags)
mta_check_files = tests/unit/findings.c tests/unit/findings.h tests/unit/cm.h cli/doctor/doctor.h cli/output.c cli/output.h
check_PROGRAMS += tests/unit/test_postfix_checks
tests_unit_test_postfix_checks_SOURCES = tests/unit/test_postfix_checks.c $(postfix_check_files) $(mta_check_files)
check_PROGRAMS += tests/unit/test_sendmail_checks
tests_unit_test_sendmail_checks_SOURCES = tests/unit/test_sendmail_checks.c cli/doctor/report_signer.c cli/doctor/report_signer.h cli/doctor/sendmail_checks.c cli/doctor/sendmail_checks.h \
	cli/doctor/sendmail_config.c cli/doctor/sendmail_config.h $(mta_check_files)
check_PROGRAMS += tests/unit/test_read_text
tests_unit_test_read_text_SOURCES = tests/unit/test_read_text.c cli/read_text.c cli/read_text.h cli/output.c cli/output.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_mail_parts
tests_unit_test_mail_parts_SOURCES = tests/unit/test_mail_parts.c cli/report/mail_parts.c cli/report/mail_parts.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_report_read
tests_unit_test_report_read_SOURCES = tests/unit/test_report_read.c tests/unit/report_mail.c tests/unit/report_mail.h \
	tests/unit/tool.c tests/unit/tool.h tests/unit/cm.h $(received_files) cli/report/report_read.c cli/report/report_read.h \
	cli/report/report_read_json.c cli/report/report_read_print.c cli/output.c cli/output.h
check_PROGRAMS += tests/unit/test_report_round_trip
tests_unit_test_report_round_trip_SOURCES = tests/unit/test_report_round_trip.c $(received_files) $(core_test_files)
check_PROGRAMS += tests/unit/test_limits
check_PROGRAMS += tests/unit/test_runner
check_PROGRAMS += tests/unit/test_tlsrpt_own
tests_unit_test_tlsrpt_own_LDFLAGS = $(fakes_ldflags)
tests_unit_test_tlsrpt_own_SOURCES = tests/unit/test_tlsrpt_own.c tests/unit/product.c tests/unit/product.h $(fakes)
check_PROGRAMS += tests/unit/test_check_refresh
tests_unit_test_check_refresh_LDFLAGS = $(fakes_ldflags)
tests_unit_test_check_refresh_SOURCES = tests/unit/test_check_refresh.c tests/unit/product.c tests/unit/product.h $(fakes)
check_PROGRAMS += tests/unit/test_event_command
tests_unit_test_event_command_SOURCES = tests/unit/test_event_command.c milter/event_command.c milter/event_command.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h tests/unit/cm.h
tests_unit_test_event_command_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=geteuid,--wrap=clock_mono_ms,--wrap=cond_wait_until \
	-Wl,--wrap=program_run,--wrap=store_event_number,--wrap=check_config,--wrap=config_unref,--wrap=check_event
tests_unit_test_refresher_SOURCES = tests/unit/test_refresher.c milter/refresher.c milter/refresher.h
check_PROGRAMS += tests/unit/test_recorder
tests_unit_test_recorder_SOURCES = tests/unit/test_recorder.c milter/recorder.c milter/recorder.h tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_spare
tests_unit_test_spare_SOURCES = tests/unit/test_spare.c milter/spare.c milter/spare.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_running
tests_unit_test_running_SOURCES = tests/unit/test_running.c tests/unit/tool.c tests/unit/tool.h tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_snapshot
tests_unit_test_snapshot_SOURCES = tests/unit/test_snapshot.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_metrics
check_PROGRAMS += tests/unit/test_fetch_list
tests_unit_test_fetch_list_SOURCES = tests/unit/test_fetch_list.c tests/unit/netns.c tests/unit/netns.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_revocations
tests_unit_test_revocations_SOURCES = tests/unit/test_revocations.c tests/unit/pki.c tests/unit/pki.h tests/unit/netns.c tests/unit/netns.h \
	tests/unit/dns_port.c tests/unit/dns_port.h tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_revocation_shown
tests_unit_test_revocation_shown_SOURCES = tests/unit/test_revocation_shown.c tests/unit/room.c tests/unit/room.h tests/unit/tool.c \
	tests/unit/tool.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_tlsrpt_sender
tests_unit_test_tlsrpt_sender_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_wall_s
tests_unit_test_tlsrpt_sender_SOURCES = tests/unit/test_tlsrpt_sender.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_fetch_post
tests_unit_test_fetch_post_SOURCES = tests/unit/test_fetch_post.c tests/unit/post_server.c tests/unit/post_server.h tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h \
	tests/unit/cm.h
check_PROGRAMS += tests/unit/test_tlsrpt_https
tests_unit_test_tlsrpt_https_SOURCES = tests/unit/test_tlsrpt_https.c tests/unit/post_server.c tests/unit/post_server.h \
	tests/unit/smtp_server.c tests/unit/smtp_server.h tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h \
	tests/unit/dns_port.c tests/unit/dns_port.h tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_report_send
tests_unit_test_report_send_SOURCES = tests/unit/test_report_send.c tests/unit/room.c tests/unit/room.h tests/unit/tool.c \
	tests/unit/tool.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_post
tests_unit_test_post_SOURCES = tests/unit/test_post.c tests/unit/smtp_server.c tests/unit/smtp_server.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_tlsrpt_send
tests_unit_test_tlsrpt_send_SOURCES = tests/unit/test_tlsrpt_send.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_staple
tests_unit_test_staple_SOURCES = tests/unit/test_staple.c tests/unit/pki.c tests/unit/pki.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_crl
tests_unit_test_crl_SOURCES = tests/unit/test_crl.c tests/unit/pki.c tests/unit/pki.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_dkim
tests_unit_test_dkim_SOURCES = tests/unit/test_dkim.c tests/unit/dkim_verify.c tests/unit/dkim_verify.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_report_test
tests_unit_test_report_test_SOURCES = tests/unit/test_report_test.c tests/unit/dkim_verify.c tests/unit/dkim_verify.h \
	tests/unit/smtp_server.c tests/unit/smtp_server.h tests/unit/tool.c tests/unit/tool.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_tlsrpt_letter
tests_unit_test_tlsrpt_letter_SOURCES = tests/unit/test_tlsrpt_letter.c tests/unit/dkim_verify.c tests/unit/dkim_verify.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_doctor_reports
tests_unit_test_doctor_reports_SOURCES = tests/unit/test_doctor_reports.c tests/unit/dns_port.c tests/unit/dns_port.h \
	tests/unit/findings.c tests/unit/findings.h tests/unit/cm.h cli/dns_wait.c cli/dns_wait.h cli/doctor/doctor_reports.c \
	cli/doctor/doctor_reports.h cli/output.c cli/output.h
EXTRA_DIST += tests/dkim-verify
check_PROGRAMS += tests/unit/test_key_context
tests_unit_test_key_context_SOURCES = tests/unit/test_key_context.c tests/unit/cm.h
check_PROGRAMS += tests/unit/test_trust
tests_unit_test_trust_SOURCES = tests/unit/test_trust.c tests/unit/pki.c tests/unit/pki.h
EXTRA_DIST += tests/corpus
core_test_files = tests/unit/corpus.c tests/unit/corpus.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_domain
tests_unit_test_domain_SOURCES = tests/unit/test_domain.c $(core_test_files)
check_PROGRAMS += tests/unit/test_policy
tests_unit_test_policy_SOURCES = tests/unit/test_policy.c $(core_test_files)
check_PROGRAMS += tests/unit/test_question
tests_unit_test_question_SOURCES = tests/unit/test_question.c $(core_test_files)
check_PROGRAMS += tests/unit/test_tlsrpt_envelope
tests_unit_test_tlsrpt_envelope_SOURCES = tests/unit/test_tlsrpt_envelope.c $(core_test_files)
check_PROGRAMS += tests/unit/test_rdata
tests_unit_test_rdata_SOURCES = tests/unit/test_rdata.c $(core_test_files)
check_PROGRAMS += tests/unit/test_record
tests_unit_test_record_SOURCES = tests/unit/test_record.c $(core_test_files)
report_files = tests/unit/report_schema.c tests/unit/report_schema.h $(core_test_files)
check_PROGRAMS += tests/unit/test_tlsrpt_report
tests_unit_test_tlsrpt_report_SOURCES = tests/unit/test_tlsrpt_report.c $(report_files)
check_PROGRAMS += tests/unit/test_tlsrpt_mail
EXTRA_DIST += tests/report_mail.py
check_PROGRAMS += tests/unit/test_gzip
tests_unit_test_gzip_SOURCES = tests/unit/test_gzip.c $(core_test_files)
check_PROGRAMS += tests/unit/test_smtp
tests_unit_test_smtp_SOURCES = tests/unit/test_smtp.c $(core_test_files)
check_PROGRAMS += tests/unit/test_delegation
check_PROGRAMS += tests/unit/test_tlsrpt_collector
tests_unit_test_tlsrpt_collector_SOURCES = tests/unit/test_tlsrpt_collector.c milter/tlsrpt_collector.c milter/tlsrpt_collector.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h tests/unit/cm.h
if HAVE_LIBTLSRPT
check_PROGRAMS += tests/unit/test_tlsrpt_library
endif
tests_unit_test_tlsrpt_library_SOURCES = tests/unit/test_tlsrpt_library.c milter/tlsrpt_collector.c milter/tlsrpt_collector.h \
	tests/unit/cm.h
EXTRA_DIST += tests/unit/test_tlsrpt_library.c
check_PROGRAMS += tests/unit/test_tlsrpt_session
tests_unit_test_tlsrpt_session_SOURCES = tests/unit/test_tlsrpt_session.c tests/unit/cm.h
check_PROGRAMS += tests/unit/test_socketmap
tests_unit_test_socketmap_SOURCES = tests/unit/test_socketmap.c $(core_test_files)
check_PROGRAMS += tests/unit/test_text
tests_unit_test_text_SOURCES = tests/unit/test_text.c $(core_test_files)
check_PROGRAMS += tests/unit/test_fetch
tests_unit_test_fetch_SOURCES = tests/unit/test_fetch.c tests/unit/fetch_await.h tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h
check_PROGRAMS += tests/unit/test_fetch_line
tests_unit_test_fetch_line_SOURCES = tests/unit/test_fetch_line.c tests/unit/cm.h tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h
check_PROGRAMS += tests/unit/test_tlsrpt_read
check_PROGRAMS += tests/unit/test_verdict
tests_unit_test_verdict_worlds_SOURCES = tests/unit/test_verdict_worlds.c tests/unit/oracle.c tests/unit/oracle.h \
	tests/unit/random_draw.h tests/unit/random_hosts.c tests/unit/random_world.c tests/unit/random_world.h \
	tests/unit/world_map.c tests/unit/world_requiretls.c tests/unit/world_run.c tests/unit/world_run.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_schedule
check_PROGRAMS += tests/unit/test_map_reply
check_PROGRAMS += tests/unit/test_storm_model
tests_unit_test_storm_model_SOURCES = tests/unit/test_storm_model.c tests/storm/model.c tests/storm/model.h tests/bench/serve.h \
	tests/bench/stock.h tests/unit/cm.h
tests_unit_test_storm_model_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/bench -I$(srcdir)/tests/storm
check_PROGRAMS += tests/unit/test_tlsrpt_observed
check_PROGRAMS += tests/unit/test_answer
check_PROGRAMS += tests/unit/test_check
tests_unit_test_check_LDFLAGS = $(fakes_ldflags)
tests_unit_test_check_SOURCES = tests/unit/test_check.c tests/unit/product.c tests/unit/product.h $(fakes)
check_PROGRAMS += tests/unit/test_again
tests_unit_test_again_LDFLAGS = $(fakes_ldflags)
tests_unit_test_again_SOURCES = tests/unit/test_again.c tests/unit/product.c tests/unit/product.h tests/unit/random_draw.h \
	tests/unit/random_world.h $(fakes)
check_PROGRAMS += tests/unit/test_map_memo
tests_unit_test_map_memo_SOURCES = tests/unit/test_map_memo.c milter/map_memo.c milter/map_memo.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_hints
tests_unit_test_hints_LDFLAGS = $(fakes_ldflags)
tests_unit_test_hints_SOURCES = tests/unit/test_hints.c tests/unit/product.c tests/unit/product.h $(fakes)
check_PROGRAMS += tests/unit/test_verdict_hints
tests_unit_test_verdict_hints_SOURCES = tests/unit/test_verdict_hints.c tests/unit/random_draw.h tests/unit/random_hosts.c \
	tests/unit/random_world.c tests/unit/random_world.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_fleet_hints
tests_unit_test_fleet_hints_LDFLAGS = $(fakes_ldflags)
tests_unit_test_fleet_hints_SOURCES = tests/unit/test_fleet_hints.c tests/unit/fake_link.c tests/unit/fake_link.h \
	tests/unit/product.c tests/unit/product.h $(fakes)
check_PROGRAMS += tests/unit/test_check_faults
tests_unit_test_check_faults_LDFLAGS = $(fakes_ldflags)
tests_unit_test_check_faults_SOURCES = tests/unit/test_check_faults.c tests/unit/product.c tests/unit/product.h $(fakes)
check_PROGRAMS += tests/unit/test_flood
check_PROGRAMS += tests/unit/test_check_storm
tests_unit_test_check_storm_LDFLAGS = $(fakes_ldflags)
tests_unit_test_check_storm_SOURCES = tests/unit/test_check_storm.c tests/unit/storm.c tests/unit/storm.h \
	tests/unit/product.c tests/unit/product.h $(fakes)
milter_test_files = $(milter_sources) tests/fakes/fake_check.c tests/fakes/fake_check.h tests/unit/cm.h \
	tests/unit/milter_client.c tests/unit/milter_client.h tests/unit/milter_room.c tests/unit/milter_room.h
tests_unit_test_milter_SOURCES = tests/unit/test_milter.c $(milter_test_files)
tests_unit_test_milter_LDADD = $(LDADD) $(MILTER_LIBS)
check_PROGRAMS += tests/unit/test_milter_wishes
tests_unit_test_milter_wishes_SOURCES = tests/unit/test_milter_wishes.c tests/unit/corpus.c tests/unit/corpus.h \
	$(milter_test_files)
tests_unit_test_milter_wishes_LDADD = $(LDADD) $(MILTER_LIBS)
check_PROGRAMS += tests/unit/test_milter_burst
tests_unit_test_milter_burst_SOURCES = tests/unit/test_milter_burst.c $(milter_test_files)
tests_unit_test_milter_burst_LDADD = $(LDADD) $(MILTER_LIBS)
tests_unit_test_probe_SOURCES = tests/unit/test_probe.c tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h \
	tests/unit/probe_await.h
check_PROGRAMS += tests/unit/test_probe_dane
tests_unit_test_probe_dane_SOURCES = tests/unit/test_probe_dane.c tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h \
	tests/unit/probe_await.h tests/unit/tls_hop.c tests/unit/tls_hop.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_probe_loop
tests_unit_test_probe_loop_SOURCES = tests/unit/test_probe_loop.c tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h \
	tests/unit/probe_await.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_sightings
tests_unit_test_sightings_SOURCES = tests/unit/test_sightings.c tests/unit/pki.c tests/unit/pki.h tests/unit/tls_hop.c tests/unit/tls_hop.h \
	tests/unit/probe_await.h tests/unit/cm.h
tests_unit_test_server_SOURCES = tests/unit/test_server.c $(server_sources) milter/refresher.c milter/refresher.h \
	milter/reload.c milter/reload.h tests/fakes/fake_check.c tests/fakes/fake_check.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h tests/fakes/fake_pages.c tests/fakes/fake_pages.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_page
tests_unit_test_page_SOURCES = tests/unit/test_page.c milter/http_accept.c milter/http_accept.h milter/http_fields.c milter/http_fields.h \
	milter/page/html.c milter/page/html.h milter/page/page_request.c milter/page/page_request.h milter/page/plot.c milter/page/plot.h \
	tests/unit/cm.h
tests_unit_test_page_LDADD = $(LDADD) -lm
check_PROGRAMS += tests/unit/test_page_domain
tests_unit_test_page_domain_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=check_config
tests_unit_test_page_domain_SOURCES = tests/unit/test_page_domain.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	milter/page/html.c milter/page/html.h milter/page/page_frame.c milter/page/page_frame.h \
	milter/page/page_domain.c milter/page/page_domain.h milter/page/page_hosts.c milter/page/page_hosts.h
check_PROGRAMS += tests/unit/test_overview
tests_unit_test_overview_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=check_config -Wl,--wrap=census_latest \
	-Wl,--wrap=store_events
tests_unit_test_overview_SOURCES = tests/unit/test_overview.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_page_overview
tests_unit_test_page_overview_SOURCES = tests/unit/test_page_overview.c milter/page/html.c milter/page/html.h \
	milter/page/page_frame.c milter/page/page_frame.h milter/page/page_overview.c milter/page/page_overview.h \
	milter/page/page_parts.h milter/page/page_plots.c milter/page/page_plots.h milter/page/plot.c milter/page/plot.h tests/unit/cm.h
tests_unit_test_page_overview_LDADD = $(LDADD) -lm
check_PROGRAMS += tests/unit/test_delegation_server
tests_unit_test_delegation_server_SOURCES = tests/unit/test_delegation_server.c $(server_sources) \
	tests/fakes/fake_check.c tests/fakes/fake_check.h tests/fakes/fake_pages.c tests/fakes/fake_pages.h tests/fakes/fake_log.c tests/fakes/fake_log.h tests/unit/cm.h
check_PROGRAMS += tests/unit/test_listener
check_PROGRAMS += tests/unit/test_activation
check_PROGRAMS += tests/unit/test_daemon
tests_unit_test_daemon_CPPFLAGS = $(AM_CPPFLAGS)
if HAVE_SYSTEMD
tests_unit_test_daemon_CPPFLAGS += -DHAVE_SYSTEMD
endif
# Added to the options that are set already.
AM_TESTS_ENVIRONMENT = TSAN_OPTIONS="$$TSAN_OPTIONS suppressions=$(srcdir)/tests/tsan.supp"; export TSAN_OPTIONS;
EXTRA_DIST += tests/tsan.supp
endif

# fuzz targets, replayed over seeds; no fuzzer needed
fuzz_files = tests/fuzz/fuzz.h tests/fuzz/replay.c
EXTRA_DIST += tests/fuzz/seeds tests/fuzz/run
check_PROGRAMS += tests/fuzz/replay_policy
tests_fuzz_replay_policy_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/corpus/policies"' $(AM_CPPFLAGS)
tests_fuzz_replay_policy_SOURCES = tests/fuzz/fuzz_policy.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_crl
tests_fuzz_replay_crl_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/crl"' $(AM_CPPFLAGS)
tests_fuzz_replay_crl_SOURCES = tests/fuzz/fuzz_crl.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_staple
tests_fuzz_replay_staple_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/staple"' $(AM_CPPFLAGS)
tests_fuzz_replay_staple_SOURCES = tests/fuzz/fuzz_staple.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_rdata
tests_fuzz_replay_rdata_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/rdata"' $(AM_CPPFLAGS)
tests_fuzz_replay_rdata_SOURCES = tests/fuzz/fuzz_rdata.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_tlsa
tests_fuzz_replay_tlsa_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/tlsa"' $(AM_CPPFLAGS)
tests_fuzz_replay_tlsa_SOURCES = tests/fuzz/fuzz_tlsa.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_tlsrpt_session
tests_fuzz_replay_tlsrpt_session_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/tlsrpt_session"' $(AM_CPPFLAGS)
tests_fuzz_replay_tlsrpt_session_SOURCES = tests/fuzz/fuzz_tlsrpt_session.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_server_info
tests_fuzz_replay_server_info_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/server_info"' $(AM_CPPFLAGS)
tests_fuzz_replay_server_info_SOURCES = tests/fuzz/fuzz_server_info.c $(fuzz_files) cli/fleet/server_info.c cli/fleet/server_info.h
check_PROGRAMS += tests/fuzz/replay_nameserver
tests_fuzz_replay_nameserver_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/nameserver"' $(AM_CPPFLAGS)
tests_fuzz_replay_nameserver_SOURCES = tests/fuzz/fuzz_nameserver.c $(fuzz_files) cli/doctor/nameserver.c cli/doctor/nameserver.h
check_PROGRAMS += tests/fuzz/replay_recipient
tests_fuzz_replay_recipient_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/recipient"' $(AM_CPPFLAGS)
tests_fuzz_replay_recipient_SOURCES = tests/fuzz/fuzz_recipient.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_entry
tests_fuzz_replay_entry_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/entry"' $(AM_CPPFLAGS)
tests_fuzz_replay_entry_SOURCES = tests/fuzz/fuzz_entry.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_dkim_record
tests_fuzz_replay_dkim_record_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/dkim_record"' $(AM_CPPFLAGS)
tests_fuzz_replay_dkim_record_SOURCES = tests/fuzz/fuzz_dkim_record.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_record
tests_fuzz_replay_record_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/record"' $(AM_CPPFLAGS)
tests_fuzz_replay_record_SOURCES = tests/fuzz/fuzz_record.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_tlsrpt_read
tests_fuzz_replay_tlsrpt_read_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/tlsrpt_read"' $(AM_CPPFLAGS)
tests_fuzz_replay_tlsrpt_read_SOURCES = tests/fuzz/fuzz_tlsrpt_read.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_report_mail
tests_fuzz_replay_report_mail_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/report_mail"' $(AM_CPPFLAGS)
tests_fuzz_replay_report_mail_SOURCES = tests/fuzz/fuzz_report_mail.c $(received_files) $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_smtp
tests_fuzz_replay_smtp_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/smtp"' $(AM_CPPFLAGS)
tests_fuzz_replay_smtp_SOURCES = tests/fuzz/fuzz_smtp.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_tls_required
tests_fuzz_replay_tls_required_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/tls_required"' $(AM_CPPFLAGS)
tests_fuzz_replay_tls_required_SOURCES = tests/fuzz/fuzz_tls_required.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_socketmap
tests_fuzz_replay_socketmap_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/socketmap"' $(AM_CPPFLAGS)
tests_fuzz_replay_socketmap_SOURCES = tests/fuzz/fuzz_socketmap.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_delegation
tests_fuzz_replay_delegation_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/delegation"' $(AM_CPPFLAGS)
tests_fuzz_replay_delegation_SOURCES = tests/fuzz/fuzz_delegation.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_mx
tests_fuzz_replay_mx_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/mx"' $(AM_CPPFLAGS)
tests_fuzz_replay_mx_SOURCES = tests/fuzz/fuzz_mx.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_dialogue
tests_fuzz_replay_dialogue_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/dialogue"' $(AM_CPPFLAGS)
tests_fuzz_replay_dialogue_SOURCES = tests/fuzz/fuzz_dialogue.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_dns
tests_fuzz_replay_dns_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/dns"' $(AM_CPPFLAGS)
tests_fuzz_replay_dns_SOURCES = tests/fuzz/fuzz_dns.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_response
tests_fuzz_replay_response_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/response"' $(AM_CPPFLAGS)
tests_fuzz_replay_response_SOURCES = tests/fuzz/fuzz_response.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_http
tests_fuzz_replay_http_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/http"' $(AM_CPPFLAGS)
tests_fuzz_replay_http_SOURCES = tests/fuzz/fuzz_http.c milter/http_accept.c milter/http_accept.h \
	milter/http_fields.c milter/http_fields.h milter/http_head.c milter/http_head.h milter/http_server.c milter/http_server.h \
	milter/page/html.c milter/page/html.h milter/page/page_frame.c milter/page/page_frame.h \
	milter/page/page_request.c milter/page/page_request.h $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_snapshot
tests_fuzz_replay_snapshot_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/snapshot"' $(AM_CPPFLAGS)
tests_fuzz_replay_snapshot_SOURCES = tests/fuzz/fuzz_snapshot.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_dump
tests_fuzz_replay_dump_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/dump"' $(AM_CPPFLAGS)
tests_fuzz_replay_dump_SOURCES = tests/fuzz/fuzz_dump.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_fleet_value
tests_fuzz_replay_fleet_value_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/fleet_value"' $(AM_CPPFLAGS)
tests_fuzz_replay_fleet_value_SOURCES = tests/fuzz/fuzz_fleet_value.c tests/fuzz/fuzz_key.h $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_fleet_node
tests_fuzz_replay_fleet_node_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/fleet_node"' $(AM_CPPFLAGS)
tests_fuzz_replay_fleet_node_SOURCES = tests/fuzz/fuzz_fleet_node.c tests/fuzz/fuzz_key.h $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_fleet_decision
tests_fuzz_replay_fleet_decision_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/fleet_decision"' $(AM_CPPFLAGS)
tests_fuzz_replay_fleet_decision_SOURCES = tests/fuzz/fuzz_fleet_decision.c tests/fuzz/fuzz_key.h $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_fleet_reply
tests_fuzz_replay_fleet_reply_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/fleet_reply"' $(AM_CPPFLAGS)
tests_fuzz_replay_fleet_reply_SOURCES = tests/fuzz/fuzz_fleet_reply.c $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_maillog
tests_fuzz_replay_maillog_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/maillog"' $(AM_CPPFLAGS)
tests_fuzz_replay_maillog_SOURCES = tests/fuzz/fuzz_maillog.c cli/audit/maillog.c cli/audit/maillog.h cli/audit/maillog_text.c cli/audit/maillog_text.h $(fuzz_files)

# structure and pages: core is pure, layers hold, mutants apply, references resolve, proofs exist
dist_check_SCRIPTS = tests/core-purity tests/layers tests/mutants tests/references tests/spec-cases tests/threats
TESTS += $(dist_check_SCRIPTS)
check_PROGRAMS += tests/fuzz/replay_postconf
tests_fuzz_replay_postconf_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/postconf"' $(AM_CPPFLAGS)
tests_fuzz_replay_postconf_SOURCES = tests/fuzz/fuzz_postconf.c tests/fuzz/doctor_fake.h $(postfix_check_files) cli/output.c cli/output.h $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_sendmail_cf
tests_fuzz_replay_sendmail_cf_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/sendmail_cf"' $(AM_CPPFLAGS)
tests_fuzz_replay_sendmail_cf_SOURCES = tests/fuzz/fuzz_sendmail_cf.c tests/fuzz/doctor_fake.h cli/doctor/report_signer.c cli/doctor/report_signer.h cli/doctor/sendmail_checks.c cli/doctor/sendmail_checks.h \
	cli/doctor/sendmail_config.c cli/doctor/sendmail_config.h cli/output.c cli/output.h $(fuzz_files)
check_PROGRAMS += tests/fuzz/replay_settings
tests_fuzz_replay_settings_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/settings"' $(AM_CPPFLAGS)
tests_fuzz_replay_settings_SOURCES = tests/fuzz/fuzz_settings.c $(fuzz_files)

# tests/run runs all tests; those of the whole relay need root
EXTRA_DIST += tests/system tests/mutation
# dist-hook adds the cases: every one in the tree
EXTRA_DIST += tests/scenarios/README tests/scenarios/items

# tests/page: the status page in a browser; the fixture makes its stores
EXTRA_PROGRAMS = tests/page/fixture
CLEANFILES += tests/page/fixture
EXTRA_DIST += tests/page/run tests/page/attacks.py tests/page/browser.py tests/page/gates.py tests/page/looks.py tests/page/main.py tests/page/texts.py
tests_page_fixture_SOURCES = tests/page/fixture.c tests/page/town.c tests/page/town.h
tests_page_fixture_LDADD = $(all_layers) $(all_libs)
if HAVE_LIBLOC
tests_page_fixture_SOURCES += tests/unit/network_writer.c tests/unit/network_writer.h
tests_page_fixture_CPPFLAGS = -DPAGE_NETWORKS $(AM_CPPFLAGS)
endif

# tests/watch: the alert rules and the dashboard, with Prometheus; tests/alerts checks their words
check_PROGRAMS += tests/watch/metric_names
TESTS += tests/alerts
EXTRA_DIST += tests/alerts tests/watch/run tests/watch/main.py tests/watch/expressions.py tests/watch/grafana tests/watch/grafana_types.py tests/watch/stsgate.test.yml tests/watch/stsgate-hours.test.yml

# tests/bench: benchmarks that others can repeat; not part of make or make check
bench_programs = tests/bench/census tests/bench/changes tests/bench/cold tests/bench/fill tests/bench/fresh tests/bench/mapload tests/bench/mapnull tests/bench/rcptload \
	tests/bench/rcptnull tests/bench/rewrite tests/bench/start tests/bench/world
EXTRA_PROGRAMS += $(bench_programs)
bench_stock = tests/bench/lapse.c tests/bench/lapse.h tests/bench/stock.c tests/bench/stock.h
tests_bench_census_SOURCES = tests/bench/census.c tests/bench/lapse.c tests/bench/lapse.h
tests_bench_census_LDADD = $(all_layers) $(all_libs)
tests_bench_changes_SOURCES = tests/bench/changes.c tests/bench/lapse.c tests/bench/lapse.h
tests_bench_changes_LDADD = $(all_layers) $(all_libs)
tests_bench_cold_SOURCES = tests/bench/cold.c tests/bench/lapse.c tests/bench/lapse.h
tests_bench_cold_LDADD = $(all_layers) $(all_libs)
bench_serve = tests/bench/serve.c tests/bench/serve.h tests/unit/pki.c tests/unit/pki.h
tests_bench_world_SOURCES = tests/bench/world.c $(bench_serve)
tests_bench_world_LDADD = $(OPENSSL_LIBS)
tests_bench_fill_SOURCES = tests/bench/fill.c tests/bench/stock.c tests/bench/stock.h
tests_bench_fill_LDADD = $(all_layers) $(all_libs)
tests_bench_fresh_SOURCES = tests/bench/fresh.c tests/bench/plain.c tests/bench/plain.h $(bench_stock)
tests_bench_fresh_LDADD = $(all_layers) $(all_libs)
tests_bench_mapload_SOURCES = tests/bench/mapload.c $(bench_stock)
tests_bench_mapload_LDADD = $(all_layers) $(all_libs) -lm
tests_bench_mapnull_SOURCES = tests/bench/mapnull.c
tests_bench_mapnull_LDADD = $(EVENT_LIBS)
tests_bench_rcptload_SOURCES = tests/bench/rcptload.c tests/unit/milter_client.c tests/unit/milter_client.h $(bench_stock)
tests_bench_rcptload_LDADD = $(all_layers) $(all_libs)
tests_bench_rewrite_SOURCES = tests/bench/rewrite.c $(bench_stock)
tests_bench_rewrite_LDADD = $(all_layers) $(all_libs)
tests_bench_start_SOURCES = tests/bench/start.c $(bench_stock)
tests_bench_start_LDADD = $(all_layers) $(all_libs)
tests_bench_rcptnull_SOURCES = tests/bench/rcptnull.c
tests_bench_rcptnull_LDADD = $(MILTER_LIBS)
EXTRA_DIST += tests/bench/README tests/bench/run tests/bench/performance doc/performance doc/performance.json \
	doc/performance-latency.svg doc/performance-size.svg
CLEANFILES += $(bench_programs)
bench: stsgated$(EXEEXT) $(bench_programs) tests/storm/storm
	$(srcdir)/tests/bench/run .
.PHONY: bench

# tests/storm: two and a half thousand clients, failing hosts, and a model of the right answers; tests/run runs it
EXTRA_PROGRAMS += tests/storm/storm
tests_storm_storm_SOURCES = tests/storm/storm.c tests/storm/clients.c tests/storm/clients.h tests/storm/model.c tests/storm/model.h \
	tests/storm/watch.c tests/storm/watch.h $(bench_serve) $(bench_stock)
tests_storm_storm_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/bench
tests_storm_storm_LDADD = $(all_layers) $(all_libs)
EXTRA_DIST += tests/storm/run
CLEANFILES += tests/storm/storm
