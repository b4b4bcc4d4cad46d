#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Clocks of the chain's hosts are set, forward and back, while all of it runs: the service's, then a
# cathedral's with its cathedral-sync.  Drawn in fleet.sh.
TEST_LIMIT=${TEST_LIMIT:-300}
. "$(dirname "$0")/lib.sh"
. "$HERE/fleet.sh"
command -v faketime >/dev/null || skip_all "faketime is not installed"
in_ns people faketime -f +9s cathedral-probe --version >/dev/null 2>&1 ||
	skip_all "faketime cannot be used with a sanitizer"
PRELOAD=$(faketime -m -f +0s printenv LD_PRELOAD)
plan 79

# set_clock HOST BY: from now on its clock is off by this much.
set_clock() {
	echo "$2" >"clock-$1.new"
	mv "clock-$1.new" "clock-$1"
}

# by_clock HOST: BY runs a program by the clock of that host; it reads it each time it asks.  Waits by
# the monotonic clock are left alone: what faketime makes of them keeps a core busy.
by_clock() {
	set_clock "$1" +0s
	BY=(env "LD_PRELOAD=$PRELOAD" "FAKETIME_TIMESTAMP_FILE=$WORK/clock-$1" FAKETIME_NO_CACHE=1
		FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_FORCE_MONOTONIC_FIX=0)
}

by_clock api
API_BY=("${BY[@]}")
start_api
ok $? "the service starts"
starts "${FLEET[@]}"
stop sync-two
stop two
by_clock two
start sync-two two "${BY[@]}" "${AS_USER[@]}" cathedral-sync -c "$WORK/two/sync.conf"
serve two "${BY[@]}"
ok $? "one of them has a clock of its own"
becomes 20 peers 2 "each learns of the others from the service"
settle 01 02 03
becomes 5 devices 3 "every cathedral has them"
tunnel 01 one 03 three
ok $? "a tunnel"

# --- the service's clock ---

# off_by: seconds, as who asks the service sees it.
off_by() {
	local date

	date=$(in_ns people curl -si "$API/v1/register/challenge" | sed -n 's/^Date: //ip' | tr -d '\r')
	echo $(($(date -d "$date" +%s) - $(date +%s)))
}

# api_at BY SECONDS NUMBER: the service's clock is set; every cathedral goes on with so many devices.
api_at() {
	set_clock api "$1"
	between "$(off_by)" $(($2 - 2)) $(($2 + 2)) "the service's clock is off by $1"
	sleep 3
	all devices "$3" && all peers 2
	ok $? "$1: every cathedral has $3 devices and knows the others"
}

# arrives NUMBER COUNT: a device joins and is approved.
arrives() {
	join "d$1" "$1" 2>>join.log && approve "$ID" "$1"
	ok $? "a device joins"
	becomes 10 devices "$2" "and is known everywhere"
}

api_at +10m 600 3
arrives 04 4
# Accounts of this service are good for a day.
join d09 09
ok $? "a device asks to join"
for by in +3d +400d; do
	api_at $by $((${by//[+d]/} * 86400)) 4
	as owner reliquary-device-approve --kek 09 "$FLOCK" "$ID" 2>approve.txt
	like "$? $(cat approve.txt)" '^1 .*(expired|no longer)' "$by: who seems to have expired can do nothing"
done
api_at +0s 0 4
approve "$ID" 09
ok $? "all is as it was"
becomes 10 devices 5 "and what was wanted can be done"
api_at -10m -600 5
api_at -3d $((-3 * 86400)) 5
arrives 06 6
bundle && as owner reliquary-ambry-upload "$FLOCK" bundle >/dev/null
ok $? "a bundle is uploaded"
delete "$ID"
becomes 10 devices 5 "a device is deleted"
stop api
is "$STATUS" 0 "the service ends"
set_clock api +3d
start_api
ok $? "and starts with another clock"
api_at +3d $((3 * 86400)) 5
api_at +0s 0 5
is "$(as owner reliquary-device-list "$FLOCK" | jq '.devices | length')" 5 "nothing is lost"
like "$(as owner reliquary-flock-list)" "$FLOCK" "and the account is there"
arrives 07 6
apart 01 03 2000 "who was talking did not notice"

# --- a cathedral's clock ---

stale() {
	cathedralctl --json -s "$WORK/two/control" counters | jq .total.packets.stale
}
staler() {
	[ "$(stale)" -gt "$1" ]
}
count=6
for by in +1h -1h; do
	tunnel 02 two 07 two
	ok $? "a tunnel at a cathedral"
	tunnel 04 "two one" 03 three --give-up 3
	ok $? "a device that has another one to go to"
	was=$(stale)
	set_clock two $by
	wait_for 10 staler "$was"
	ok $? "the clock there is off by $by: offers are refused"
	wait_for 10 moved end-04-03 one
	ok $? "who has another cathedral goes there"
	count=$((count + 1))
	arrives "1$count" $count
	probe two one
	is $? 1 "nobody gets a new tunnel"
	was=$(stale)
	set_clock two +0s
	probe two one
	ok $? "until the clock is right again"
	apart 02 07 2000 "who was talking did not notice"
	apart 04 03 2000 "nor did who went elsewhere"
done
sleep 2
was=$(stale)
sleep 2
is "$(stale)" "$was" "nothing is stale any more"
for name in "${FLEET[@]}"; do
	stop "sync-$name"
	is "$STATUS" 0 "cathedral-sync of $name ends well"
	stop "$name"
	is "$STATUS" 0 "cathedral $name ends well"
done
