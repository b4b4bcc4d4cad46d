#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The chain under trouble: the service is away, a cathedral loses its disk, lines are cut between the
# service and a cathedral and between two cathedrals.  Devices are served all the while, and what was
# changed meanwhile arrives by itself.  Drawn in fleet.sh.
#
# LONG=600: the service is away for so many seconds, and what ends by itself does.
LONG=${LONG:-15}
TEST_LIMIT=${TEST_LIMIT:-$((300 + 2 * LONG))}
. "$(dirname "$0")/lib.sh"
. "$HERE/fleet.sh"
plan 69

start_api
ok $? "the service starts"
starts "${FLEET[@]}"
becomes 20 peers 2 "each learns of the others from the service"
settle 01 02 03 04
becomes 5 devices 4 "every cathedral has them"

# discover NUMBER PEER CATHEDRAL: a device asks for a while who else is there.
discover() {
	keys_of "$1" ''
	start "list-$1" people cathedral-probe register --json --flock "$FLOCK" --tunnel "$1$2" \
		--group 4d --interval 1 --duration 9 --cathedral "${AT[$3]}:4500" "${OPTIONS[@]}"
}
discovered() { # NUMBER: whom, last of all
	finish "list-$1" 12
	events "list-$1" 'select(.event == "liturgy") | .peers | join(" ")' | tail -n 1
}

# sever HOST HOST HOW: nothing goes between them; "blackhole" says nothing, "unreachable" says so.
sever() {
	in_ns net ip rule add from "${AT[$1]}" to "${AT[$2]}" "$3"
	in_ns net ip rule add from "${AT[$2]}" to "${AT[$1]}" "$3"
}
mend() {
	in_ns net ip rule del from "${AT[$1]}" to "${AT[$2]}"
	in_ns net ip rule del from "${AT[$2]}" to "${AT[$1]}"
}

# complaints: how often the third cathedral-sync said that it gets no answer.
complaints() {
	grep -c 'service cannot be reached' sync-three.log
}

# --- without the service ---

tunnel 01 one 03 two
ok $? "a tunnel between two cathedrals"
tunnel 02 "three one" 04 two --give-up 3
ok $? "and another"
SHARE=$(as owner reliquary-account | jq -r .share_id)
stop api KILL
away=$(now_ms)
sqlite3 -cmd '.timeout 5000' "$DATA/reliquary.db" "UPDATE accounts SET expires = $(($(date +%s) + 5))
	WHERE share_id = '$SHARE'"
ok $? "the service is killed, and an account's time will end while it is away"
stop three KILL
wait_for 12 moved end-02-04 one
ok $? "a cathedral is killed: its device goes to another one"
discover 01 02 one
discover 02 01 two
serve three
ok $? "the cathedral starts"
is "$(knows three devices) $(knows three peers)" "4 2" "with all it knew"
is "$(discovered 01), $(discovered 02)" "02, 01" "devices at two cathedrals find each other"
apart 02 04 10000 "who was at the dead cathedral was not heard for a moment"
probe one three
ok $? "new tunnels come about"
while [ "$(now_ms)" -lt $((away + LONG * 1000)) ]; do
	sleep 0.5
done
apart 01 03 2000 "who was elsewhere did not notice"
tunnel 01 one 03 two
ok $? "a tunnel"
for name in "${FLEET[@]}"; do
	stop "$name"
	is "$STATUS" 0 "cathedral $name ends"
	serve "$name"
	ok $? "and starts again"
	sleep 1.5
done
apart 01 03 8000 "each of its cathedrals started anew"
is "$(knows one devices) $(knows two devices) $(knows three devices)" "4 4 4" \
	"that an account's time ended no cathedral can know"

# --- the service is back ---

start_api
ok $? "the service is back, after $((($(now_ms) - away) / 1000)) s"
becomes 40 devices 0 "what ended while it was away ends everywhere"
as owner reliquary-account extend >/dev/null
becomes 5 devices 4 "until it is paid for"
join d05 05 && approve "$ID" 05
ok $? "a device joins"
becomes 5 devices 5 "which every cathedral hears of at once"

# --- the line to a cathedral is cut, and nobody is told; meanwhile, other trouble ---

tunnel 01 three 03 three
ok $? "a tunnel at a cathedral"
before=$(complaints)
sever api three blackhole
silent=$(now_ms)
while [ "$(complaints)" = "$before" ]; do
	sleep 0.1
done && now_ms >noticed &
PIDS[notices]=$!
delete "$ID"
becomes 5 devices 4 "the others hear of a device that is deleted" one two
is "$(knows three devices)" 5 "who cannot reach the service goes on with what it knows"

from=$(now_ms)
wiped two
tunnel 02 two 04 two --interval 0.2
ok $? "a cathedral whose disk is new serves devices"
between $(($(now_ms) - from)) 0 5000 "within 5 s of its end"
note "$(($(now_ms) - from)) ms"
is "$(knows two devices) $(knows two peers)" "4 2" "it has all again"

tunnel 02 one 03 "two three" --give-up 10
ok $? "a tunnel between two cathedrals"
sever one two blackhole
broken=$(now_ms)
tunnel 01 one 04 "two three" --give-up 3
ok $? "a device finds its peer by a cathedral that reaches the peer's"
moved end-04-01 three
ok $? "for which it left its own"
if [ "$LONG" -ge 300 ]; then
	# A cathedral that has not heard of a peer for 120 s gives its device no answer.
	wait_for 180 moved end-03-02 three && wait_for 10 hears end-03-02 2
	ok $? "so does one that was there before"
else
	skip 1 "takes minutes: LONG=300"
fi
while [ "$(now_ms)" -lt $((broken + 6500)) ]; do # what the probe calls a silence
	sleep 0.1
done
mend one two
wait_for 10 hears end-02-03 2 && wait_for 10 hears end-03-02 2
ok $? "when the two see each other again, so do their devices"
apart 02 04 2000 "who was at one of them did not notice"

wait_for 45 test -s noticed
between $(($(<noticed) - silent)) 0 45000 "the silence is noticed"
note "$(($(<noticed) - silent)) ms"
finish notices 1
is "$(knows three devices)" 5 "nothing is known of the change"
mend api three
becomes 40 devices 4 "it is heard of once the line is mended" three

# --- the line is cut, and everybody is told ---

sever api three unreachable
rm -rf d05
join d05 05 && approve "$ID" 05
becomes 5 devices 5 "a device is approved" one two
is "$(knows three devices)" 4 "who cannot reach the service does not know"
mend api three
becomes 40 devices 5 "until it can again" three

# --- the line is cut for a moment: the same connection goes on, when what was lost is sent again ---

sever api three blackhole
delete "$ID"
becomes 5 devices 4 "a device is deleted" one two
sleep 4
is "$(knows three devices)" 5 "who cannot be told does not know"
mend api three
becomes 30 devices 4 "until what was lost is sent again" three
apart 01 03 2000 "who was at that cathedral did not notice"
for name in "${FLEET[@]}"; do
	stop "sync-$name"
	is "$STATUS" 0 "cathedral-sync of $name ends well"
	stop "$name"
	is "$STATUS" 0 "cathedral $name ends well"
done
