# tests: unit tables (cmocka), scenarios, fuzz corpora replayed

# fakes of clock, DNS, policy hosts, next hops and store trouble, in place of files of common/io
fakes_inc = -I$(srcdir)/tests/fakes $(check_inc)
fakes_ldflags = $(AM_LDFLAGS) -Wl,--wrap=cond_wait_until,--wrap=store_view_begin,--wrap=store_view_end \
	-Wl,--wrap=store_change_entry,--wrap=store_change_hop,--wrap=store_submit,--wrap=events_note
fakes = tests/fakes/world.h tests/fakes/world.c tests/fakes/world_calls.c tests/fakes/world_dns.c \
	tests/fakes/fake_clock.c tests/fakes/fake_dns.c tests/fakes/fake_fetch.c tests/fakes/fake_host_name.c tests/fakes/fake_probe.c tests/fakes/fake_trust.c \
	tests/fakes/fake_trouble.c tests/fakes/fake_events.c tests/fakes/fake_events.h

# scenarios: one program over all cases
check_PROGRAMS += tests/scenarios/runner
tests_scenarios_runner_CPPFLAGS = $(fakes_inc) -I$(srcdir)/tests/scenarios $(AM_CPPFLAGS)
tests_scenarios_runner_LDFLAGS = $(fakes_ldflags)
tests_scenarios_runner_SOURCES = tests/scenarios/runner.c tests/scenarios/scene.c tests/scenarios/scene.h \
	tests/scenarios/scene_world.c tests/scenarios/counts.c tests/scenarios/counts.h tests/scenarios/expect.c \
	tests/scenarios/table.c tests/scenarios/table.h tests/fakes/fake_log.c tests/fakes/fake_log.h $(fakes)
tests_scenarios_runner_LDADD = $(all_layers) $(all_libs)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_entry
tests_unit_test_entry_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_entry_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_entry_SOURCES = tests/unit/test_entry.c tests/unit/cm.h
tests_unit_test_entry_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_tlsa
tests_unit_test_tlsa_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_tlsa_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tlsa_SOURCES = tests/unit/test_tlsa.c tests/unit/cm.h
tests_unit_test_tlsa_LDADD = libcore.a libtext.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_tlsa_find
tests_unit_test_tlsa_find_CPPFLAGS = $(check_inc) $(AM_CPPFLAGS)
tests_unit_test_tlsa_find_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tlsa_find_SOURCES = tests/unit/test_tlsa_find.c common/check/tlsa_find.c common/check/tlsa_find.h \
	common/check/lookups.c common/check/lookups.h tests/unit/cm.h
tests_unit_test_tlsa_find_LDADD = libcore.a libtext.a $(IDN2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_host_name
tests_unit_test_host_name_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_host_name_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_host_name_SOURCES = tests/unit/test_host_name.c tests/unit/cm.h
tests_unit_test_host_name_LDADD = libio.a libbase.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_health
tests_unit_test_health_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_health_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_health_SOURCES = tests/unit/test_health.c tests/unit/cm.h
tests_unit_test_health_LDADD = libcore.a libtext.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_merge
tests_unit_test_merge_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_merge_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_merge_SOURCES = tests/unit/test_merge.c tests/unit/cm.h
tests_unit_test_merge_LDADD = libcore.a libtext.a $(IDN2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_tables
tests_unit_test_tables_CPPFLAGS = -I$(srcdir)/cli $(front_inc) $(AM_CPPFLAGS)
tests_unit_test_tables_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_tables_SOURCES = tests/unit/test_tables.c tests/unit/cm.h cli/record_json.c cli/record_json.h cli/output.c cli/output.h
tests_unit_test_tables_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_entry_codec
tests_unit_test_entry_codec_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_entry_codec_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_entry_codec_SOURCES = tests/unit/test_entry_codec.c tests/unit/cm.h
tests_unit_test_entry_codec_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store
tests_unit_test_store_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_store_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LMDB_CFLAGS)
tests_unit_test_store_SOURCES = tests/unit/test_store.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
tests_unit_test_store_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_events
tests_unit_test_events_CPPFLAGS = $(fakes_inc) $(AM_CPPFLAGS)
tests_unit_test_events_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LMDB_CFLAGS)
tests_unit_test_events_LDFLAGS = $(fakes_ldflags) -Wl,--wrap=store_note_event
tests_unit_test_events_SOURCES = tests/unit/test_events.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h $(fakes)
tests_unit_test_events_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store_full
tests_unit_test_store_full_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_store_full_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LMDB_CFLAGS)
tests_unit_test_store_full_SOURCES = tests/unit/test_store_full.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
tests_unit_test_store_full_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store_damage
tests_unit_test_store_damage_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_store_damage_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LMDB_CFLAGS)
tests_unit_test_store_damage_SOURCES = tests/unit/test_store_damage.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
tests_unit_test_store_damage_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store_look
tests_unit_test_store_look_CPPFLAGS = -I$(srcdir)/tests/fakes $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_store_look_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LMDB_CFLAGS)
tests_unit_test_store_look_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fork,--wrap=clock_mono_ms
tests_unit_test_store_look_SOURCES = tests/unit/test_store_look.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/fakes/faulty_disk.c tests/fakes/faulty_disk.h
tests_unit_test_store_look_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store_shared
tests_unit_test_store_shared_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_store_shared_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LMDB_CFLAGS)
tests_unit_test_store_shared_SOURCES = tests/unit/test_store_shared.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
tests_unit_test_store_shared_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store_batch
tests_unit_test_store_batch_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_store_batch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LMDB_CFLAGS)
tests_unit_test_store_batch_SOURCES = tests/unit/test_store_batch.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
tests_unit_test_store_batch_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
# 25 rounds; the long form: test_store_crash -n 500
check_PROGRAMS += tests/unit/test_store_crash
tests_unit_test_store_crash_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_store_crash_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LMDB_CFLAGS)
tests_unit_test_store_crash_SOURCES = tests/unit/test_store_crash.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h
tests_unit_test_store_crash_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store_faults
tests_unit_test_store_faults_CPPFLAGS = -I$(srcdir)/tests/fakes $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_store_faults_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LMDB_CFLAGS)
tests_unit_test_store_faults_SOURCES = tests/unit/test_store_faults.c tests/unit/room.c tests/unit/room.h tests/unit/cm.h \
	tests/fakes/faulty_disk.c tests/fakes/faulty_disk.h
tests_unit_test_store_faults_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_failure
tests_unit_test_failure_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
tests_unit_test_failure_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_failure_SOURCES = tests/unit/test_failure.c
tests_unit_test_failure_LDADD = libbase.a libtext.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_lock
tests_unit_test_lock_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
tests_unit_test_lock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_lock_SOURCES = tests/unit/test_lock.c
tests_unit_test_lock_LDADD = libbase.a libtext.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_loop
tests_unit_test_loop_CPPFLAGS = $(loop_inc) $(AM_CPPFLAGS)
tests_unit_test_loop_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_loop_SOURCES = tests/unit/test_loop.c tests/unit/cm.h
tests_unit_test_loop_LDADD = libloop.a libbase.a libtext.a $(EVENT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_client
tests_unit_test_client_CPPFLAGS = $(loop_inc) $(AM_CPPFLAGS)
tests_unit_test_client_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_client_SOURCES = tests/unit/test_client.c tests/unit/cm.h
tests_unit_test_client_LDADD = libloop.a libbase.a libtext.a $(EVENT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_log
tests_unit_test_log_CPPFLAGS = $(base_inc) $(AM_CPPFLAGS)
tests_unit_test_log_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_SOURCES = tests/unit/test_log.c
tests_unit_test_log_LDADD = libbase.a libtext.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_settings
tests_unit_test_settings_CPPFLAGS = -I$(srcdir)/tests/fakes $(base_inc) $(AM_CPPFLAGS)
tests_unit_test_settings_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_settings_SOURCES = tests/unit/test_settings.c tests/fakes/fake_log.c tests/fakes/fake_log.h
tests_unit_test_settings_LDADD = libbase.a libtext.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_dns_answer
tests_unit_test_dns_answer_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_dns_answer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_dns_answer_SOURCES = tests/unit/test_dns_answer.c tests/unit/cm.h
tests_unit_test_dns_answer_LDADD = libio.a libtext.a $(UNBOUND_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_dns
tests_unit_test_dns_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_dns_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_dns_SOURCES = tests/unit/test_dns.c tests/unit/dns_await.h tests/unit/dns_port.c tests/unit/dns_port.h tests/unit/dns_wait.c tests/unit/dns_wait.h tests/unit/cm.h
tests_unit_test_dns_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
if HAVE_LDNS
check_PROGRAMS += tests/unit/test_dnssec
tests_unit_test_dnssec_CPPFLAGS = -I$(srcdir)/tests/fakes $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_dnssec_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(LDNS_CFLAGS)
tests_unit_test_dnssec_SOURCES = tests/unit/test_dnssec.c tests/unit/signed_server.c tests/unit/signed_server.h \
	tests/unit/dns_await.h tests/unit/dns_port.c tests/unit/dns_port.h tests/unit/dns_wait.c tests/unit/dns_wait.h tests/unit/cm.h tests/fakes/fake_log.c tests/fakes/fake_log.h
tests_unit_test_dnssec_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS) $(LDNS_LIBS)
endif
check_PROGRAMS += tests/unit/test_lint
tests_unit_test_lint_CPPFLAGS = -DCORPUS_DIR='"$(srcdir)/tests/corpus"' -DSTSGATE_BUILT='"./stsgate"' $(AM_CPPFLAGS)
tests_unit_test_lint_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_lint_SOURCES = tests/unit/test_lint.c tests/unit/tool.c tests/unit/tool.h tests/unit/corpus.c tests/unit/corpus.h \
	tests/unit/cm.h
tests_unit_test_lint_LDADD = $(JANSSON_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_cli
tests_unit_test_cli_CPPFLAGS = -DSTSGATE_BUILT='"./stsgate"' $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_cli_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_cli_SOURCES = tests/unit/test_cli.c tests/unit/tool.c tests/unit/tool.h tests/unit/cm.h
tests_unit_test_cli_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_query
tests_unit_test_query_CPPFLAGS = -DSTSGATE_BUILT='"./stsgate"' -I$(srcdir)/tests/fakes -I$(srcdir)/cli $(front_inc) $(AM_CPPFLAGS)
tests_unit_test_query_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_query_SOURCES = tests/unit/test_query.c tests/unit/call.c tests/unit/call.h tests/unit/tool.c tests/unit/tool.h \
	tests/unit/cm.h $(cli_sources) tests/fakes/world.h tests/fakes/world.c tests/fakes/world_calls.c tests/fakes/world_dns.c \
	tests/fakes/fake_clock.c tests/fakes/fake_dns.c tests/fakes/fake_fetch.c tests/fakes/fake_host_name.c tests/fakes/fake_probe.c tests/fakes/fake_trust.c \
	tests/fakes/fake_trouble.c
tests_unit_test_query_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=cond_wait_until \
	-Wl,--wrap=store_view_begin,--wrap=store_view_end,--wrap=store_change_entry,--wrap=store_change_hop,--wrap=store_submit
tests_unit_test_query_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
moving_files = tests/unit/moving_room.c tests/unit/moving_room.h tests/unit/call.c tests/unit/call.h tests/unit/tool.c \
	tests/unit/tool.h tests/unit/cm.h $(cli_sources) $(fakes)
check_PROGRAMS += tests/unit/test_moving
tests_unit_test_moving_CPPFLAGS = $(tests_unit_test_query_CPPFLAGS)
tests_unit_test_moving_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_moving_SOURCES = tests/unit/test_moving.c $(moving_files)
tests_unit_test_moving_LDFLAGS = $(fakes_ldflags)
tests_unit_test_moving_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_import_lines
tests_unit_test_import_lines_CPPFLAGS = $(tests_unit_test_query_CPPFLAGS)
tests_unit_test_import_lines_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_import_lines_SOURCES = tests/unit/test_import_lines.c $(moving_files)
tests_unit_test_import_lines_LDFLAGS = $(fakes_ldflags)
tests_unit_test_import_lines_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_warm
tests_unit_test_warm_CPPFLAGS = $(tests_unit_test_query_CPPFLAGS)
tests_unit_test_warm_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_warm_SOURCES = tests/unit/test_warm.c $(moving_files)
tests_unit_test_warm_LDFLAGS = $(fakes_ldflags)
tests_unit_test_warm_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_limits
tests_unit_test_limits_CPPFLAGS = $(check_inc) $(AM_CPPFLAGS)
tests_unit_test_limits_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_limits_SOURCES = tests/unit/test_limits.c tests/unit/cm.h
tests_unit_test_limits_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_runner
tests_unit_test_runner_CPPFLAGS = $(check_inc) $(AM_CPPFLAGS)
tests_unit_test_runner_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_runner_SOURCES = tests/unit/test_runner.c tests/unit/cm.h
tests_unit_test_runner_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_check_refresh
tests_unit_test_check_refresh_CPPFLAGS = $(fakes_inc) $(AM_CPPFLAGS)
tests_unit_test_check_refresh_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_check_refresh_LDFLAGS = $(fakes_ldflags)
tests_unit_test_check_refresh_SOURCES = tests/unit/test_check_refresh.c tests/unit/product.c tests/unit/product.h $(fakes)
tests_unit_test_check_refresh_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_refresher
tests_unit_test_refresher_CPPFLAGS = $(front_inc) -I$(srcdir)/milter $(AM_CPPFLAGS)
tests_unit_test_refresher_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_refresher_SOURCES = tests/unit/test_refresher.c milter/refresher.c milter/refresher.h
tests_unit_test_refresher_LDADD = libcheck.a libio.a libcore.a libbase.a libtext.a $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_metrics
tests_unit_test_metrics_CPPFLAGS = $(check_inc) $(AM_CPPFLAGS)
tests_unit_test_metrics_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_metrics_SOURCES = tests/unit/test_metrics.c tests/unit/cm.h
tests_unit_test_metrics_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_trust
tests_unit_test_trust_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_trust_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_trust_SOURCES = tests/unit/test_trust.c tests/unit/pki.c tests/unit/pki.h
tests_unit_test_trust_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
EXTRA_DIST += tests/corpus
core_test_files = tests/unit/corpus.c tests/unit/corpus.h tests/unit/cm.h
core_test_CPPFLAGS = -DCORPUS_DIR='"$(srcdir)/tests/corpus"' $(core_inc) $(AM_CPPFLAGS)
core_test_libs = libcore.a libtext.a $(IDN2_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_domain
tests_unit_test_domain_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_domain_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_domain_SOURCES = tests/unit/test_domain.c $(core_test_files)
tests_unit_test_domain_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_policy
tests_unit_test_policy_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_policy_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_policy_SOURCES = tests/unit/test_policy.c $(core_test_files)
tests_unit_test_policy_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_question
tests_unit_test_question_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_question_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_question_SOURCES = tests/unit/test_question.c $(core_test_files)
tests_unit_test_question_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_rdata
tests_unit_test_rdata_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_rdata_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_rdata_SOURCES = tests/unit/test_rdata.c $(core_test_files)
tests_unit_test_rdata_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_record
tests_unit_test_record_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_record_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_record_SOURCES = tests/unit/test_record.c $(core_test_files)
tests_unit_test_record_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_smtp
tests_unit_test_smtp_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_smtp_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_smtp_SOURCES = tests/unit/test_smtp.c $(core_test_files)
tests_unit_test_smtp_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_delegation
tests_unit_test_delegation_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_delegation_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_delegation_SOURCES = tests/unit/test_delegation.c tests/unit/cm.h
tests_unit_test_delegation_LDADD = libcore.a libtext.a $(IDN2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_socketmap
tests_unit_test_socketmap_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_socketmap_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_socketmap_SOURCES = tests/unit/test_socketmap.c $(core_test_files)
tests_unit_test_socketmap_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_text
tests_unit_test_text_CPPFLAGS = $(core_test_CPPFLAGS)
tests_unit_test_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_text_SOURCES = tests/unit/test_text.c $(core_test_files)
tests_unit_test_text_LDADD = $(core_test_libs)
check_PROGRAMS += tests/unit/test_fetch
tests_unit_test_fetch_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_fetch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_fetch_SOURCES = tests/unit/test_fetch.c tests/unit/fetch_await.h tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h
tests_unit_test_fetch_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_fetch_line
tests_unit_test_fetch_line_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_fetch_line_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_fetch_line_SOURCES = tests/unit/test_fetch_line.c tests/unit/cm.h tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h
tests_unit_test_fetch_line_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_verdict
tests_unit_test_verdict_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_verdict_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_verdict_SOURCES = tests/unit/test_verdict.c
tests_unit_test_verdict_LDADD = libcore.a libtext.a $(IDN2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_verdict_worlds
tests_unit_test_verdict_worlds_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_verdict_worlds_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_verdict_worlds_SOURCES = tests/unit/test_verdict_worlds.c tests/unit/oracle.c tests/unit/oracle.h \
	tests/unit/random_draw.h tests/unit/random_hosts.c tests/unit/random_world.c tests/unit/random_world.h \
	tests/unit/world_map.c tests/unit/world_run.c tests/unit/world_run.h tests/unit/cm.h
tests_unit_test_verdict_worlds_LDADD = libcore.a libtext.a $(IDN2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_schedule
tests_unit_test_schedule_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_schedule_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_schedule_SOURCES = tests/unit/test_schedule.c
tests_unit_test_schedule_LDADD = libcore.a libtext.a $(IDN2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_map_reply
tests_unit_test_map_reply_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_map_reply_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_map_reply_SOURCES = tests/unit/test_map_reply.c tests/unit/cm.h
tests_unit_test_map_reply_LDADD = libcore.a libtext.a $(IDN2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_answer
tests_unit_test_answer_CPPFLAGS = $(core_inc) $(AM_CPPFLAGS)
tests_unit_test_answer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_answer_SOURCES = tests/unit/test_answer.c
tests_unit_test_answer_LDADD = libcore.a libtext.a $(IDN2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_check
tests_unit_test_check_CPPFLAGS = $(fakes_inc) $(AM_CPPFLAGS)
tests_unit_test_check_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_check_LDFLAGS = $(fakes_ldflags)
tests_unit_test_check_SOURCES = tests/unit/test_check.c tests/unit/product.c tests/unit/product.h $(fakes)
tests_unit_test_check_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_check_faults
tests_unit_test_check_faults_CPPFLAGS = $(fakes_inc) $(AM_CPPFLAGS)
tests_unit_test_check_faults_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_check_faults_LDFLAGS = $(fakes_ldflags)
tests_unit_test_check_faults_SOURCES = tests/unit/test_check_faults.c tests/unit/product.c tests/unit/product.h $(fakes)
tests_unit_test_check_faults_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_flood
tests_unit_test_flood_CPPFLAGS = $(check_inc) $(AM_CPPFLAGS)
tests_unit_test_flood_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_flood_SOURCES = tests/unit/test_flood.c
tests_unit_test_flood_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_check_storm
tests_unit_test_check_storm_CPPFLAGS = $(fakes_inc) $(AM_CPPFLAGS)
tests_unit_test_check_storm_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_check_storm_LDFLAGS = $(fakes_ldflags)
tests_unit_test_check_storm_SOURCES = tests/unit/test_check_storm.c tests/unit/storm.c tests/unit/storm.h \
	tests/unit/product.c tests/unit/product.h $(fakes)
tests_unit_test_check_storm_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
milter_test_CPPFLAGS = $(front_inc) -I$(srcdir)/milter -I$(srcdir)/tests/fakes $(AM_CPPFLAGS)
milter_test_files = $(milter_sources) tests/fakes/fake_check.c tests/fakes/fake_check.h tests/unit/cm.h \
	tests/unit/milter_client.c tests/unit/milter_client.h tests/unit/milter_room.c tests/unit/milter_room.h
check_PROGRAMS += tests/unit/test_milter
tests_unit_test_milter_CPPFLAGS = $(milter_test_CPPFLAGS)
tests_unit_test_milter_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_milter_SOURCES = tests/unit/test_milter.c $(milter_test_files)
tests_unit_test_milter_LDADD = $(all_layers) $(all_libs) $(MILTER_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_milter_burst
tests_unit_test_milter_burst_CPPFLAGS = $(milter_test_CPPFLAGS)
tests_unit_test_milter_burst_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_milter_burst_SOURCES = tests/unit/test_milter_burst.c $(milter_test_files)
tests_unit_test_milter_burst_LDADD = $(all_layers) $(all_libs) $(MILTER_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_probe
tests_unit_test_probe_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_probe_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_probe_SOURCES = tests/unit/test_probe.c tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h \
	tests/unit/probe_await.h
tests_unit_test_probe_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_probe_dane
tests_unit_test_probe_dane_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_probe_dane_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_probe_dane_SOURCES = tests/unit/test_probe_dane.c tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h \
	tests/unit/probe_await.h tests/unit/tls_hop.c tests/unit/tls_hop.h tests/unit/cm.h
tests_unit_test_probe_dane_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_probe_loop
tests_unit_test_probe_loop_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_unit_test_probe_loop_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_probe_loop_SOURCES = tests/unit/test_probe_loop.c tests/unit/netns.c tests/unit/netns.h tests/unit/pki.c tests/unit/pki.h \
	tests/unit/probe_await.h tests/unit/cm.h
tests_unit_test_probe_loop_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_sightings
tests_unit_test_sightings_CPPFLAGS = $(check_inc) $(AM_CPPFLAGS)
tests_unit_test_sightings_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sightings_SOURCES = tests/unit/test_sightings.c tests/unit/pki.c tests/unit/pki.h tests/unit/tls_hop.c tests/unit/tls_hop.h \
	tests/unit/probe_await.h tests/unit/cm.h
tests_unit_test_sightings_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_server
tests_unit_test_server_CPPFLAGS = $(milter_test_CPPFLAGS)
tests_unit_test_server_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_server_SOURCES = tests/unit/test_server.c $(server_sources) milter/refresher.c milter/refresher.h \
	milter/reload.c milter/reload.h tests/fakes/fake_check.c tests/fakes/fake_check.h \
	tests/fakes/fake_log.c tests/fakes/fake_log.h tests/unit/cm.h
tests_unit_test_server_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_delegation_server
tests_unit_test_delegation_server_CPPFLAGS = $(milter_test_CPPFLAGS)
tests_unit_test_delegation_server_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_delegation_server_SOURCES = tests/unit/test_delegation_server.c $(server_sources) \
	tests/fakes/fake_check.c tests/fakes/fake_check.h tests/fakes/fake_log.c tests/fakes/fake_log.h tests/unit/cm.h
tests_unit_test_delegation_server_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_listener
tests_unit_test_listener_CPPFLAGS = $(loop_inc) $(AM_CPPFLAGS)
tests_unit_test_listener_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_listener_SOURCES = tests/unit/test_listener.c tests/unit/cm.h
tests_unit_test_listener_LDADD = libloop.a libbase.a libtext.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_activation
tests_unit_test_activation_CPPFLAGS = $(loop_inc) $(AM_CPPFLAGS)
tests_unit_test_activation_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_activation_SOURCES = tests/unit/test_activation.c tests/unit/cm.h
tests_unit_test_activation_LDADD = libloop.a libbase.a libtext.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_daemon
tests_unit_test_daemon_CPPFLAGS = -DSTSGATED_BUILT='"./stsgated"' $(io_inc) $(AM_CPPFLAGS)
if HAVE_SYSTEMD
tests_unit_test_daemon_CPPFLAGS += -DHAVE_SYSTEMD
endif
# To what the options say already.
AM_TESTS_ENVIRONMENT = TSAN_OPTIONS="$$TSAN_OPTIONS suppressions=$(srcdir)/tests/tsan.supp"; export TSAN_OPTIONS;
EXTRA_DIST += tests/tsan.supp
tests_unit_test_daemon_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_daemon_SOURCES = tests/unit/test_daemon.c tests/unit/cm.h
tests_unit_test_daemon_LDADD = $(all_layers) $(all_libs) $(CMOCKA_LIBS)
endif

# fuzz targets, replayed over seeds; no fuzzer needed
fuzz_files = tests/fuzz/fuzz.h tests/fuzz/replay.c
fuzz_libs = libcore.a libtext.a $(IDN2_LIBS)
EXTRA_DIST += tests/fuzz/seeds tests/fuzz/run
check_PROGRAMS += tests/fuzz/replay_policy
tests_fuzz_replay_policy_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/corpus/policies"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_policy_SOURCES = tests/fuzz/fuzz_policy.c $(fuzz_files)
tests_fuzz_replay_policy_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_rdata
tests_fuzz_replay_rdata_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/rdata"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_rdata_SOURCES = tests/fuzz/fuzz_rdata.c $(fuzz_files)
tests_fuzz_replay_rdata_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_tlsa
tests_fuzz_replay_tlsa_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/tlsa"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_tlsa_SOURCES = tests/fuzz/fuzz_tlsa.c $(fuzz_files)
tests_fuzz_replay_tlsa_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_recipient
tests_fuzz_replay_recipient_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/recipient"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_recipient_SOURCES = tests/fuzz/fuzz_recipient.c $(fuzz_files)
tests_fuzz_replay_recipient_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_entry
tests_fuzz_replay_entry_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/entry"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_entry_SOURCES = tests/fuzz/fuzz_entry.c $(fuzz_files)
tests_fuzz_replay_entry_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_record
tests_fuzz_replay_record_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/record"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_record_SOURCES = tests/fuzz/fuzz_record.c $(fuzz_files)
tests_fuzz_replay_record_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_smtp
tests_fuzz_replay_smtp_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/smtp"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_smtp_SOURCES = tests/fuzz/fuzz_smtp.c $(fuzz_files)
tests_fuzz_replay_smtp_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_socketmap
tests_fuzz_replay_socketmap_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/socketmap"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_socketmap_SOURCES = tests/fuzz/fuzz_socketmap.c $(fuzz_files)
tests_fuzz_replay_socketmap_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_delegation
tests_fuzz_replay_delegation_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/delegation"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_delegation_SOURCES = tests/fuzz/fuzz_delegation.c $(fuzz_files)
tests_fuzz_replay_delegation_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_mx
tests_fuzz_replay_mx_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/mx"' $(core_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_mx_SOURCES = tests/fuzz/fuzz_mx.c $(fuzz_files)
tests_fuzz_replay_mx_LDADD = $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_dialogue
tests_fuzz_replay_dialogue_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/dialogue"' $(io_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_dialogue_SOURCES = tests/fuzz/fuzz_dialogue.c $(fuzz_files)
tests_fuzz_replay_dialogue_LDADD = libio.a libbase.a $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_dns
tests_fuzz_replay_dns_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/dns"' $(io_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_dns_SOURCES = tests/fuzz/fuzz_dns.c $(fuzz_files)
tests_fuzz_replay_dns_LDADD = libio.a $(fuzz_libs) $(UNBOUND_LIBS)
check_PROGRAMS += tests/fuzz/replay_response
tests_fuzz_replay_response_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/response"' $(io_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_response_SOURCES = tests/fuzz/fuzz_response.c $(fuzz_files)
tests_fuzz_replay_response_LDADD = libio.a $(fuzz_libs)
check_PROGRAMS += tests/fuzz/replay_http
tests_fuzz_replay_http_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/http"' $(front_inc) -I$(srcdir)/milter $(AM_CPPFLAGS)
tests_fuzz_replay_http_SOURCES = tests/fuzz/fuzz_http.c milter/http_server.c milter/http_server.h $(fuzz_files)
tests_fuzz_replay_http_LDADD = libcheck.a libcore.a libbase.a libtext.a $(IDN2_LIBS)
check_PROGRAMS += tests/fuzz/replay_dump
tests_fuzz_replay_dump_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/dump"' -I$(srcdir)/cli $(front_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_dump_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_replay_dump_SOURCES = tests/fuzz/fuzz_dump.c cli/dump.c cli/dump.h cli/record_json.c cli/record_json.h cli/output.c cli/output.h $(fuzz_files)
tests_fuzz_replay_dump_LDADD = libcore.a libbase.a libtext.a $(IDN2_LIBS) $(JANSSON_LIBS)

# the house: core is pure, layers hold
dist_check_SCRIPTS = tests/core-purity tests/layers tests/mutants tests/spec-cases tests/threats
TESTS += $(dist_check_SCRIPTS)
check_PROGRAMS += tests/fuzz/replay_settings
tests_fuzz_replay_settings_CPPFLAGS = -DREPLAY_DIR='"$(srcdir)/tests/fuzz/seeds/settings"' $(base_inc) $(AM_CPPFLAGS)
tests_fuzz_replay_settings_SOURCES = tests/fuzz/fuzz_settings.c $(fuzz_files)
tests_fuzz_replay_settings_LDADD = libbase.a libtext.a

# tests/run: all tests; those of the whole relay need root
EXTRA_DIST += tests/system tests/mutation
# the cases themselves by dist-hook: each that is in the tree
EXTRA_DIST += tests/scenarios/README tests/scenarios/items

# tests/bench: loads that others can repeat; not part of make or make check
bench_programs = tests/bench/changes tests/bench/cold tests/bench/fill tests/bench/fresh tests/bench/mapload tests/bench/mapnull tests/bench/rcptload \
	tests/bench/rcptnull tests/bench/start tests/bench/world
EXTRA_PROGRAMS = $(bench_programs)
bench_stock = tests/bench/lapse.c tests/bench/lapse.h tests/bench/stock.c tests/bench/stock.h
tests_bench_changes_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_bench_changes_SOURCES = tests/bench/changes.c tests/bench/lapse.c tests/bench/lapse.h
tests_bench_changes_LDADD = $(all_layers) $(all_libs)
tests_bench_cold_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_bench_cold_SOURCES = tests/bench/cold.c tests/bench/lapse.c tests/bench/lapse.h
tests_bench_cold_LDADD = $(all_layers) $(all_libs)
tests_bench_world_CPPFLAGS = -I$(srcdir)/tests/unit $(AM_CPPFLAGS)
tests_bench_world_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
tests_bench_world_SOURCES = tests/bench/world.c tests/unit/pki.c tests/unit/pki.h
tests_bench_world_LDADD = $(OPENSSL_LIBS)
tests_bench_fill_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_bench_fill_SOURCES = tests/bench/fill.c tests/bench/stock.c tests/bench/stock.h
tests_bench_fill_LDADD = $(all_layers) $(all_libs)
tests_bench_fresh_CPPFLAGS = $(check_inc) $(AM_CPPFLAGS)
tests_bench_fresh_CFLAGS = $(AM_CFLAGS) $(LMDB_CFLAGS)
tests_bench_fresh_SOURCES = tests/bench/fresh.c tests/bench/plain.c tests/bench/plain.h $(bench_stock)
tests_bench_fresh_LDADD = $(all_layers) $(all_libs)
tests_bench_mapload_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_bench_mapload_SOURCES = tests/bench/mapload.c $(bench_stock)
tests_bench_mapload_LDADD = $(all_layers) $(all_libs)
tests_bench_mapnull_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS)
tests_bench_mapnull_SOURCES = tests/bench/mapnull.c
tests_bench_mapnull_LDADD = $(EVENT_LIBS)
tests_bench_rcptload_CPPFLAGS = -I$(srcdir)/tests/unit $(io_inc) $(AM_CPPFLAGS)
tests_bench_rcptload_SOURCES = tests/bench/rcptload.c tests/unit/milter_client.c tests/unit/milter_client.h $(bench_stock)
tests_bench_rcptload_LDADD = $(all_layers) $(all_libs)
tests_bench_start_CPPFLAGS = $(io_inc) $(AM_CPPFLAGS)
tests_bench_start_SOURCES = tests/bench/start.c $(bench_stock)
tests_bench_start_LDADD = $(all_layers) $(all_libs)
tests_bench_rcptnull_SOURCES = tests/bench/rcptnull.c
tests_bench_rcptnull_LDADD = $(MILTER_LIBS)
EXTRA_DIST += tests/bench/README tests/bench/run
CLEANFILES += $(bench_programs)
bench: stsgated$(EXEEXT) $(bench_programs)
	$(srcdir)/tests/bench/run .
.PHONY: bench
