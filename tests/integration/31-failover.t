#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A cathedral dies; its devices go to another one, and to the first again when that dies too.
#
#   a 10.0.1.2 ---+                  +--- one 192.0.2.1
#                 +--- net (router) -+
#   b 10.0.2.2 ---+                  +--- two 192.0.3.1
. "$(dirname "$0")/lib.sh"
plan 25

net_up net
host a 10.0.1.2
host b 10.0.2.2
host one 192.0.2.1
host two 192.0.3.1
router net
make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4
make_federation one=192.0.2.1 two=192.0.3.1
for name in one two; do
	start_cathedral "$name" "$name"
	ok $? "cathedral $name starts"
done

# Real devices give up after 45 s; here after 3, so that the test need not take as long.
options=(--interval 1 --give-up 3 --rate 50 --remembrance)
start_end a a b --cathedral 192.0.2.1:4500 "${options[@]}"
start_end b b a --cathedral 192.0.3.1:4500 "${options[@]}"
start_end c a d --cathedral 192.0.2.1:4600 --shroud no "${options[@]}"
start_end d b c --cathedral 192.0.3.1:4600 --shroud no "${options[@]}"
ends=(a-b b-a c-d d-c)
for end in "${ends[@]}"; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done
sleep 1

# moved END CATHEDRAL: it gave up its cathedral for this one.
moved() {
	[ "$(events "$1" 'select(.event == "moved") | .cathedral' | tail -n 1)" = "$2" ]
}
# tunnels NAME: which of the four ends are there, and which are known of from elsewhere.
tunnels() {
	ask "$1" tunnels | jq -r '[.tunnels[] | "\(.tunnel)" + (if .federated then "*" else "" end)] |
		join(" ")'
}
knows() {
	[ "$(tunnels "$1")" = "$2" ]
}
is "$(tunnels one)" "0102 0201* 0304 0403*" "one has a and c, and knows of the others"
is "$(tunnels two)" "0102* 0201 0304* 0403" "two the other way round"

stop one KILL
is "$STATUS" 137 "one is dead"
wait_for 6 moved a-b 192.0.3.1:4500
ok $? "a gives it up for two"
wait_for 6 moved c-d 192.0.3.1:4600
ok $? "so does c, to the clear listener"
wait_for 3 knows two "0102 0201 0304 0403"
ok $? "two has all of them"
sleep 1
start_cathedral one one
ok $? "one is back"
wait_for 5 knows one "0102* 0201* 0304* 0403*"
ok $? "and learns where they are"

stop two KILL
is "$STATUS" 137 "two is dead"
for end in "${ends[@]}"; do
	wait_for 6 moved "$end" "192.0.2.1:$([[ $end == [ab]* ]] && echo 4500 || echo 4600)"
	ok $? "$end goes to one"
done
wait_for 3 knows one "0102 0201 0304 0403"
ok $? "one has all of them"
sleep 1
for end in "${ends[@]}"; do
	stop "$end"
	# 3 s until it gives up, 1 s until the next offer at most, each time.
	between "$(jq -n "$(figure "$end" longest_gap_s) * 1000 | floor")" 1000 5500 \
		"$end: silence while it moved, and no longer"
done
stop one
unlike "$STATUS $(cat one.log)" '^[1-9]|<[0-4]>' "one ends well, without a warning"
