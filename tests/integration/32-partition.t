#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The line between two cathedrals breaks and is mended.
#
#   a, c, e 10.0.1.2 ---- one 192.0.2.1 ==== cut ==== 192.0.3.1 two ---- 10.0.2.2 b, d
#              |                                                   |
#              +-------------- a second way to two ----------------+
. "$(dirname "$0")/lib.sh"
need_tun
plan 28

net_up a b one two
wire a 10.0.1.2 one 192.0.2.1
wire b 10.0.2.2 two 192.0.3.1
wire a 10.0.3.2 two 192.0.3.2
route a 192.0.3.1 192.0.3.2
forward cut one two 192.0.3.1
behind two cut 192.0.2.1
make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4 e=5:5
make_federation one=192.0.2.1 two=192.0.3.1
for name in one two; do
	start_cathedral "$name" "$name"
	ok $? "cathedral $name starts"
done

options=(--rate 50 --interval 1)
start_end a a b --cathedral 192.0.2.1:4500 "${options[@]}"
start_end b b a --cathedral 192.0.3.1:4500 "${options[@]}"
start_end c a d --cathedral 192.0.2.1:4600 --shroud no "${options[@]}"
start_end d b c --cathedral 192.0.3.1:4600 --shroud no "${options[@]}"
start_end e a b --cathedral 192.0.2.1:4500 "${options[@]}"
start_end b b e --cathedral 192.0.3.1:4500 "${options[@]}"
ends=(a-b b-a c-d d-c e-b b-e)
for end in "${ends[@]}"; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done


# infos END: how many it was given.
infos() {
	events "$1" 'select(.event == "info") | .after' | wc -l
}
# place NAME TUNNEL: whether the cathedral NAME has this end itself or knows it from elsewhere.
place() {
	ask "$1" tunnels | jq -r ".tunnels[] | select(.tunnel == \"$2\") |
		if .federated then \"elsewhere\" else \"here\" end"
}
is_elsewhere() {
	[ "$(place "$1" "$2")" = elsewhere ]
}
is "$(place one 0502) $(place two 0502)" "here elsewhere" "e is at one"

control cut down
cut=$(now_ms)
sleep 0.3 # for what was on its way
told=$(counter two federated_in)
heard=$(infos a-b)
# e goes over to two while the two cathedrals cannot tell each other.
stop e-b
start_end e a b --cathedral 192.0.3.1:4500 "${options[@]}"
wait_for 3 hears e-b 2
ok $? "e hears b at its new cathedral"
sleep 5.5 # longer than the probe takes for a silence
is "$(counter two federated_in)" "$told" "two hears nothing of one"
between "$(($(infos a-b) - heard))" 4 8 "one serves its devices meanwhile"
is "$(place one 0502) $(place two 0502)" "here here" "both believe e to be theirs"

control cut up
took=$(($(now_ms) - cut))
for end in a-b b-a c-d d-c; do
	wait_for 2 hears "$end" 2
	between "$WAITED_MS" 0 1000 "$end hears its peer again at once"
done
wait_for 5 is_elsewhere one 0502
ok $? "one learns where e went"
sleep 1
for end in a-b b-a c-d d-c; do
	stop "$end"
	between "$(jq -n "$(figure "$end" longest_gap_s) * 1000 | floor")" $((took - 300)) \
		$((took + 1000)) "$end: silence as long as the line was cut"
	is "$(figure "$end" duplicates)$(figure "$end" foreign)" 00 "nothing doubled or foreign"
done
for name in one two; do
	stop "$name"
	unlike "$STATUS $(cat "$name.log")" '^[1-9]|<[0-4]>' "$name ends well, without a warning"
done
