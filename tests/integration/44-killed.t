#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The daemon is killed (-9) under load and started again at once, over and over, sometimes while it
# still starts.  Its state file lets it relay before any device has said anything: KILLS=100 for
# more of them.
#
#   a, c 10.0.1.2 ---- 10.0.1.1 hub 10.0.2.1 ---- 10.0.2.2 b, d
#                  192.0.2.1: 4500 shrouded, 4600 clear
KILLS=${KILLS:-5}
TEST_LIMIT=$((60 + 6 * KILLS))
export TEST_LIMIT
. "$(dirname "$0")/lib.sh"
plan 19

RATE=1000 # packets a second and direction

net_up a b hub
wire a 10.0.1.2 hub 10.0.1.1
wire b 10.0.2.2 hub 10.0.2.1
address hub 192.0.2.1
route a default 10.0.1.1
route b default 10.0.2.1
make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4
make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud" "listen 192.0.2.1:4600 nat 4601 clear" \
	"pidfile $RUN/hub.pid" "workers 2" "state $RUN/hub.state" "state_interval 1"
start_cathedral hub hub
ok $? "it starts"

# Devices as they are: an offer every 5 s.
device() {
	start_end "$1" "$2" "$3" --rate "$RATE" --silence 0.01 "${@:4}"
}
device a a b --cathedral 192.0.2.1:4500
device b b a --cathedral 192.0.2.1:4500
device c a d --cathedral 192.0.2.1:4600 --shroud no
device d b c --cathedral 192.0.2.1:4600 --shroud no
ends=(a-b b-a c-d d-c)
for end in "${ends[@]}"; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done
heard=$(date +%s)
state_is_new() {
	[ "$(ask hub status | jq '.state.at // 0')" -gt "$heard" ]
}
wait_for 5 state_is_new
ok $? "the state file knows all of them"

murder() {
	kill -s KILL "${PIDS[hub]}"
	{ wait "${PIDS[hub]}"; } 2>/dev/null
}

again() {
	start hub hub "${AS_USER[@]}" cathedral -c "$ETC/hub.conf"
}

# flows: whether all four directions are relayed again, by the process that runs now.
flows() {
	local count

	count=$(verdict hub relayed 2>/dev/null)
	[ "${count:-0}" -gt $((RATE / 10)) ]
}

failed=0
for ((i = 1; i <= KILLS; i++)); do
	sleep "0.$((RANDOM % 900 + 100))"
	murder
	again
	if [ $((i % 5)) = 0 ]; then
		sleep "0.0$((RANDOM % 50 + 10))"
		murder
		again
	fi
	wait_for 10 flows || failed=$((failed + 1))
done
is "$failed" 0 "$KILLS times it is killed, and relays again"
between "$(grep -c 'known from before: 4 tunnels' hub.log)" "$KILLS" $((2 * KILLS)) \
	"each time by what was known before"
is "$(cat "$RUN/hub.pid")" "${PIDS[hub]}" "its pidfile is its own"

# silences END: how long nothing came, once for each kill, in ms, the longest last.
silences() {
	events "$1" 'select(.event == "data") | .silent_s // empty | . * 1000 | floor' | sort -n |
		tail -n "$KILLS"
}

sleep 0.2
all=()
for end in "${ends[@]}"; do
	stop "$end"
	wrong="$(figure "$end" duplicates) $(figure "$end" reordered) $(figure "$end" foreign)"
	is "$STATUS $wrong" "0 0 0 0" "$end ends well; nothing came twice, overtaken or from elsewhere"
	mapfile -t times < <(silences "$end")
	all+=("${times[@]}")
	# Devices speak every 5 s: had it to wait for them, it would be half of that in the middle.
	between "${times[$((${#times[@]} / 2))]:-none}" 1 1500 "$end soon hears its peer again"
done
mapfile -t all < <(printf '%s\n' "${all[@]}" | sort -n)
note "silent for ${all[0]} ms at least, ${all[$((${#all[@]} / 2))]} in the middle," \
	"${all[$((${#all[@]} * 99 / 100))]} of 99 in 100, ${all[-1]} at most"
between "${all[-1]}" 1 5700 "silence was never longer than one notify interval"
stop hub
is "$STATUS" 0 "the daemon ends well"
