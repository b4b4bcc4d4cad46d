#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The daemon is killed and started again, while devices that know nothing of it go on.
#
#   a, c 10.0.1.2 ---- 10.0.1.1 hub 10.0.2.1 ---- 10.0.2.2 b, d
#                  192.0.2.1: 4500 shrouded, 4600 clear
. "$(dirname "$0")/lib.sh"
plan 26

net_up a b hub
wire a 10.0.1.2 hub 10.0.1.1
wire b 10.0.2.2 hub 10.0.2.1
address hub 192.0.2.1
route a default 10.0.1.1
route b default 10.0.2.1
make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4
make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud" "listen 192.0.2.1:4600 nat 4601 clear" \
	"pidfile $RUN/hub.pid"
start_cathedral hub hub
ok $? "it starts"

# Devices as they are: an offer every 5 s.
start_end a a b --cathedral 192.0.2.1:4500 --rate 50
start_end b b a --cathedral 192.0.2.1:4500 --rate 50
start_end c a d --cathedral 192.0.2.1:4600 --rate 50 --shroud no
start_end d b c --cathedral 192.0.2.1:4600 --rate 50 --shroud no
ends=(a-b b-a c-d d-c)
for end in "${ends[@]}"; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done

# relays COUNT: whether it relayed more than that since its start.
relays() {
	[ "$(verdict hub relayed 2>/dev/null || echo 0)" -gt "${1:-0}" ]
}
for signal in KILL TERM ABRT; do
	sleep 1
	stop hub "$signal"
	case $signal in
	KILL) is "$STATUS" 137 "killed: socket and pidfile are left behind" ;;
	TERM) is "$STATUS" 0 "ended in order" ;;
	ABRT) is "$STATUS" 134 "crashed" ;;
	esac
	start_cathedral hub hub
	ok $? "it starts again at once"
	is "$(cat run/hub.pid)" "${PIDS[hub]}" "its pidfile is its own"
	wait_for 6 relays 100
	between "$WAITED_MS" 0 5700 "within one notify interval it relays again"
done

sleep 5.2 # so that the last of them is heard, too
for end in "${ends[@]}"; do
	stop "$end"
	is "$STATUS $(figure "$end" duplicates)$(figure "$end" foreign)" "0 00" \
		"$end ends well, and nothing came twice"
	between "$(jq -n "$(figure "$end" longest_gap_s) * 1000 | floor")" 20 5700 \
		"silence was never longer than one notify interval"
done
stop hub
is "$STATUS" 0 "the daemon ends well"
