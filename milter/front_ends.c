#include "front_ends.h"

#include "delegation_server.h"
#include "http_server.h"
#include "metrics.h"
#include "milter.h"
#include "milter_thread.h"
#include "socketmap_server.h"

#define ADDRESS(name) .setting = #name, .value = offsetof(struct settings, name)

const struct front_end front_ends[] = {
	{.name = "milter",
		ADDRESS(milter_socket),
		.for_mta = true,
		.fd_name = "milter",
		.refused =
			"libmilter opens its own socket and cannot use a socket from outside: remove this socket from "
			"the socket unit, and set the address with milter_socket",
		.gauge = METRIC_MILTER_WAITING,
		.load = milter_waiting,
		.open = milter_open,
		.start = milter_thread_start,
		.stop = milter_thread_stop,
		.close = milter_close},
	{.name = "socketmap",
		ADDRESS(socketmap_socket),
		.for_mta = true,
		.fd_name = "socketmap",
		.gauge = METRIC_MAP_CLIENTS,
		.service_new = socketmap_server_new,
		.on_all_threads = true},
	{.name = "delegation",
		ADDRESS(delegation_socket),
		.for_mta = true,
		.fd_name = "delegation",
		.gauge = NO_GAUGE,
		.service_new = delegation_server_new,
		.on_all_threads = true},
	{.name = "http",
		ADDRESS(metrics_socket),
		.fd_name = "metrics",
		.gauge = NO_GAUGE,
		.service_new = http_server_new},
};
const size_t front_ends_count = sizeof front_ends / sizeof *front_ends;
_Static_assert(sizeof front_ends / sizeof *front_ends <= FRONT_ENDS_MAX, "FRONT_ENDS_MAX is too small");

const char *front_end_address(const struct front_end *front_end, const struct settings *settings)
{
	return *(char *const *)((const char *)settings + front_end->value);
}
