# packaging: files that are installed besides the programs
systemdsystemunit_DATA = packaging/stsgated.service
dist_systemdsystemunit_DATA = packaging/stsgated-socketmap.socket
sysusers_DATA = packaging/sysusers.d/stsgate.conf
tmpfiles_DATA = packaging/tmpfiles.d/stsgate.conf
# bash finds the completion of a command by its name.
completiondir = $(datadir)/bash-completion/completions
dist_completion_DATA = packaging/completion/stsgate
# Programs for event_command, and for relays that share what they know. They are documentation that runs: an operator copies and
# changes them. So are the files for Exim's configuration.
examplesdir = $(docdir)/examples
dist_examples_SCRIPTS = packaging/examples/event-mail packaging/examples/event-webhook packaging/examples/share-store
# A drop-in and a profile that an operator, or a package, puts where systemd and AppArmor look for them; and rules and a
# dashboard for Prometheus and Grafana, which usually run elsewhere.
dist_examples_DATA = packaging/examples/stsgate-share.service packaging/examples/stsgate-share.timer \
	packaging/examples/exim-router packaging/examples/exim-transport \
	packaging/stsgated-strict.conf packaging/apparmor/usr.sbin.stsgated \
	packaging/prometheus/stsgate.rules.yml packaging/grafana/stsgate.json
dist_doc_DATA = README NEWS doc/index doc/coming-from doc/operations doc/design doc/runbooks doc/spec-cases doc/threat-model \
	doc/CONTRIBUTING doc/SECURITY
EXTRA_DIST += packaging/build-deps packaging/deb packaging/debian packaging/quickstart packaging/stsgate.conf \
	packaging/stsgate.sysusers packaging/stsgate.tmpfiles packaging/stsgated.service.in
CLEANFILES += $(systemdsystemunit_DATA) $(sysusers_DATA) $(tmpfiles_DATA)

packaging/stsgated.service: packaging/stsgated.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) packaging && sed 's|[@]sbindir[@]|$(sbindir)|g' $(srcdir)/packaging/stsgated.service.in >$@.new && mv $@.new $@
packaging/sysusers.d/stsgate.conf: packaging/stsgate.sysusers
	$(AM_V_GEN)$(MKDIR_P) packaging/sysusers.d && cp $(srcdir)/packaging/stsgate.sysusers $@
packaging/tmpfiles.d/stsgate.conf: packaging/stsgate.tmpfiles
	$(AM_V_GEN)$(MKDIR_P) packaging/tmpfiles.d && cp $(srcdir)/packaging/stsgate.tmpfiles $@

# The sample is documentation: `make install` never changes the host's stsgate.conf.
install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(docdir)"
	$(INSTALL_DATA) $(srcdir)/packaging/stsgate.conf "$(DESTDIR)$(docdir)/stsgate.conf.sample"
uninstall-local:
	rm -f "$(DESTDIR)$(docdir)/stsgate.conf.sample"

TESTS += tests/packaging tests/quickstart tests/completion tests/event-examples tests/share-store tests/docs-pages
EXTRA_DIST += tests/docs-pages tests/packaging tests/quickstart tests/completion tests/event-examples tests/share-store
EXTRA_DIST += tests/packages/run tests/packages/with-systemd tests/packages/check-unit tests/packages/check-apparmor \
	tests/packages/check-rpm tests/packages/check-image tests/packages/run-rpm tests/packages/rpm-macros \
	tests/packages/rpmlint.toml packaging/rpm packaging/oci
