#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A cathedral that may send 20 Mbit/s, thirty-six tunnels that want less than their part, and one
# that sends as fast as it can: who gets what, and what the operator sees of it.
#
#   cathedral-load ---- 127.0.0.1:4500 shrouded, :4600 clear (narrow)
. "$(dirname "$0")/lib.sh"
plan 25

FLEET=$WORK/fleet
AS=()
AS_USER=()
[ -z "$REAL_ROOT" ] || AS=(--user nobody)
where=(--at 127.0.0.1:4600 --shroud no)

cathedral-load make "$FLEET" --flocks 10 --devices 8 --mbit 0 "${AS[@]}" --json >make.out
is "$?" 0 "a fleet without caps is made"
{
	echo "control $RUN/narrow.sock"
	echo "metrics 127.0.0.1:9464"
	echo "egress 20"
} >>"$FLEET/cathedral.conf"
sed -i "s/^workers .*/workers 2/" "$FLEET/cathedral.conf"
start narrow - "${AS_USER[@]}" cathedral -c "$FLEET/cathedral.conf"
wait_for 10 logged narrow ' is ready'
ok $? "the cathedral is ready"
is "$(ask narrow status | jq -c '[.egress.mbit, .egress.queued]')" '[20,0]' "nothing has waited yet"

# relay NAME ARGUMENT...: its lines go to NAME.out.
relay() {
	cathedral-load relay "${@:2}" --seconds 3 --fleet "$FLEET" --json >"$1.out" 2>"$1.log"
}

got() {
	jq -c "$2" "$1.out" 2>/dev/null | tail -n 1
}

# crowd NAME ARGUMENT...: the modest ones and the one beside each other, at these listeners.
crowd() {
	local name=$1 before after
	shift

	before=$(ask narrow status | jq .egress.dropped)
	relay "$name-modest" "$@" --tunnels 36 --rate 700 --size 600 &
	relay "$name-one" "$@" --tunnels 1 --first 39 --rate 6000 --size 1200
	is "$?" 0 "$name: the one sends"
	wait $!
	is "$?" 0 "$name: and so do the modest ones"
	after=$(ask narrow status | jq .egress.dropped)
	note "$name: modest $(got "$name-modest" '[.sent, .lost]')," \
		"one $(got "$name-one" '[.sent, .lost]'), dropped $((after - before))"
	is "$(got "$name-modest" '.sent > 1000 and .lost * 100 <= .sent')" true \
		"$name: who sends little loses next to nothing"
	is "$(got "$name-one" '.lost * 3 > .sent')" true "$name: who sends too much loses"
	is "$(got "$name-one" '.received * 1248 * 8 < 20 * 1000000 * 3.5')" true "$name: the rate holds"
	is "$(got "$name-one" '.received * 1248 * 8 > 8 * 1000000 * 3')" true \
		"$name: what others do not use is used"
	is "$(got "$name-one" '[.duplicates, .reordered]')" '[0,0]' "$name: nothing is reordered"
	ok "$([ "$after" -gt "$before" ]; echo $?)" "$name: what was dropped is counted"
}

crowd clear "${where[@]}"
crowd shrouded --at 127.0.0.1:4500

like "$(curl -s http://127.0.0.1:9464/metrics)" 'cathedral_egress_bytes_per_second 2500000' \
	"the metrics know the rate"
is "$(ask narrow status | jq '.egress | .queued == .sent + .dropped and .flocks_waiting == 0')" true \
	"what waited was sent or dropped, and nothing waits any more"

# --- another one takes over while packets wait ---

relay over "${where[@]}" --tunnels 1 --first 39 --rate 6000 --size 1200 &
load=$!
waits() {
	[ "$(ask narrow status | jq .egress.flocks_waiting)" -gt 0 ]
}
wait_for 10 waits
ok $? "packets wait"
before=${PIDS[narrow]}
start narrow - "${AS_USER[@]}" cathedral -r -c "$FLEET/cathedral.conf"
wait_for 10 logged narrow ' is ready' 2
ok $? "another cathedral takes over"
wait "$load"
wait "$before"
is "$?" 0 "the one before ends well"
is "$(got over '[.duplicates, .reordered, .received > 3000]')" '[0,0,true]' \
	"nothing is overtaken, and it goes on"
