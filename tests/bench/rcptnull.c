/* rcptnull SOCKET: the ceiling of rcptload. A milter that negotiates like stsgated's and accepts everything. */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define SERVE_S 600 /* then it ends by itself */

static sfsistat on_envelope(SMFICTX *context, char **argv)
{
	(void)context;
	(void)argv;
	return SMFIS_CONTINUE;
}

static sfsistat on_mail(SMFICTX *context, char **argv)
{
	(void)context;
	(void)argv;
	return SMFIS_NOREPLY;
}

static sfsistat on_end(SMFICTX *context)
{
	(void)context;
	return SMFIS_CONTINUE;
}

#define ACTIONS (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE | SMFIF_SETSYMLIST)
#define STEPS                                                                                                          \
	(SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOBODY | SMFIP_NOEOH | SMFIP_NODATA | SMFIP_NOUNKNOWN |                \
		SMFIP_NR_MAIL | SMFIP_NR_HDR)

static sfsistat on_negotiate(SMFICTX *context, unsigned long actions, unsigned long steps, unsigned long unused2,
	unsigned long unused3, unsigned long *actions_out, unsigned long *steps_out, unsigned long *out2,
	unsigned long *out3)
{
	char mail[] = "i {auth_type} {auth_authen}", rcpt[] = "i {rcpt_mailer} {rcpt_host} {rcpt_addr}", eom[] = "i";
	(void)unused2;
	(void)unused3;
	*actions_out = actions & ACTIONS;
	*steps_out = steps & STEPS;
	*out2 = *out3 = 0;
	smfi_setsymlist(context, SMFIM_ENVFROM, mail);
	smfi_setsymlist(context, SMFIM_ENVRCPT, rcpt);
	smfi_setsymlist(context, SMFIM_EOM, eom);
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	char name[] = "rcptnull";
	struct smfiDesc filter = {.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = ACTIONS,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_envelope,
		.xxfi_eom = on_end,
		.xxfi_negotiate = on_negotiate};
	alarm(SERVE_S);
	if (argc != 2 || smfi_register(filter) != MI_SUCCESS || smfi_setconn(argv[1]) != MI_SUCCESS ||
		smfi_opensocket(0) != MI_SUCCESS) {
		fprintf(stderr, "rcptnull: cannot listen\n");
		return EX_UNAVAILABLE;
	}
	return smfi_main() == MI_SUCCESS ? EX_OK : EX_SOFTWARE;
}
