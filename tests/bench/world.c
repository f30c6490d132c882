/* world CA-FILE: runs the servers for cold on all addresses of the loopback network: DNS (port 53), policy hosts (443) and
 * mail hosts (25). Writes the certificate of its authority to CA-FILE, then serves until it is ended.
 *
 * Every domain has a record, an enforce policy and one mail host. Each policy host and mail host has its own certificate,
 * and the hosts are spread over many networks. Name servers of domains that begin with quiet-dns, policy hosts of
 * quiet-https and mail hosts of quiet-smtp accept connections and never answer. */
#include "serve.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define SERVE_S 600 /* then it ends by itself */

enum { NET_HTTPS = 16, NET_SMTP = 32, QUIET = 64 }; /* second octets of addresses; QUIET is added */

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool dns_is_silent(const char *name)
{
	const char *domain = strchr(name, '.') ? strchr(name, '.') + 1 : name;
	return starts_with(name, "quiet-dns") || starts_with(domain, "quiet-dns");
}

static bool has_record(const char *domain)
{
	(void)domain;
	return true;
}

static const char *mode(const char *domain)
{
	(void)domain;
	return "enforce";
}

/* 127.NET.x.y, one of 4096 networks. */
static uint32_t address(const char *host)
{
	bool mail = starts_with(host, "mx.");
	uint32_t hash = 2166136261u, net = mail ? NET_SMTP : NET_HTTPS;
	for (const char *at = host; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	net += (hash >> 8 & 15) + (strstr(host, mail ? ".quiet-smtp" : ".quiet-https") ? QUIET : 0);
	return 127u << 24 | net << 16 | (hash & 255) << 8 | 1;
}

static enum conduct meet(uint32_t to, uint16_t port)
{
	(void)port;
	return to >> 16 & QUIET ? CONDUCT_SILENT : CONDUCT_GOOD;
}

int main(int argc, char **argv)
{
	static const struct serve_rules rules = {.threads = 8,
		.dns_is_silent = dns_is_silent,
		.has_record = has_record,
		.mode = mode,
		.address = address,
		.meet = meet};
	if (argc != 2)
		return EX_USAGE;
	serve_start(&rules, argv[1]);
	sleep(SERVE_S);
	return EX_OK;
}
