/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/keeper.h"

#include "tools/cathedral-load/ends.h"
#include "tools/cathedral-load/traffic.h"

#include <sys/socket.h>

#define AT_ONCE 8 /* an offer takes a tenth of a millisecond, and packets wait meanwhile */

static void
tell(struct keeper *k, uint64_t number)
{
	struct device_moment m = { clock_now(), k->random };
	struct fleet_end end = { number, k->shroud, k->run };
	size_t lane = traffic_lane(k->roster, end_tunnel(number), k->lanes->count);
	struct device_packet packet;
	struct device d;

	end_open(&d, k->roster, &end, &m);
	device_make_info(&d, &m, &packet);
	device_wipe(&d);
	k->told += send(k->lanes->list[lane].fd[number % 2], packet.bytes, packet.len,
		       MSG_DONTWAIT) == (ssize_t)packet.len;
}

uint64_t
keeper_turn(void *keeper, uint64_t now_ns)
{
	struct keeper *k = keeper;
	uint64_t ends = 2 * k->tunnels, step_ns = KEEPER_ROUND_NS / ends;

	if (k->due_ns == 0)
		k->due_ns = now_ns + step_ns;
	for (int n = 0; n < AT_ONCE && k->due_ns <= now_ns; n++) {
		tell(k, 2 * k->first + k->next);
		k->next = (k->next + 1) % ends;
		k->due_ns += step_ns;
	}
	/* What it is behind with after a pause is not made up for at once. */
	if (k->due_ns + NS_PER_S < now_ns)
		k->due_ns = now_ns;
	return k->due_ns;
}
