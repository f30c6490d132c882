#include "fuzz.h"
#include "nameserver.h"

#include <string.h>

#define MAX 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nameserver_reply reply;
	struct address address[MAX];
	struct domain mx[MAX], again;
	reply.len = size < sizeof reply.bytes ? size : sizeof reply.bytes;
	memcpy(reply.bytes, data, reply.len);
	reply.type = 15;
	uint16_t id = size >= 2 ? (uint16_t)(data[0] << 8 | data[1]) : 0;
	bool answered = nameserver_reply_read(&reply, id);
	FUZZ_MUST(answered == reply.answered);
	size_t addresses = nameserver_addresses(&reply, address, MAX), hosts = nameserver_mx(&reply, mx, MAX);
	FUZZ_MUST(addresses <= MAX && hosts <= MAX && (answered || addresses + hosts == 0));
	for (size_t i = 0; i < addresses; i++)
		FUZZ_MUST(address[i].len == 4 || address[i].len == 16);
	for (size_t i = 0; i < hosts; i++)
		FUZZ_MUST(domain_parse(&again, mx[i].name, strlen(mx[i].name)) && strcmp(again.name, mx[i].name) == 0);
	return 0;
}
