#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Bad lines: what is lost, late, doubled or overtaken on them is their doing alone, to the packet.
#
#   a, c 10.1.0.2 === bad line === hub 192.0.2.1 === bad line === 10.2.0.2 b, d
. "$(dirname "$0")/lib.sh"
need_tun
plan 28

net_up left right hub
address hub 192.0.2.1
in_ns left ip address add 10.1.0.2/32 dev lo
in_ns right ip address add 10.2.0.2/32 dev lo
forward l left hub --seed 50
forward r right hub --seed 51
behind hub l 10.1.0.2
behind hub r 10.2.0.2
make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4
make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud" "listen 192.0.2.1:4600 nat 4601 clear"
start_cathedral hub hub
ok $? "it starts"

# Many offers, so that doubled ones are among them.
options=(--rate 200 --interval 0.2)
start_end a left b --cathedral 192.0.2.1:4500 --nat-port 4501 "${options[@]}"
start_end b right a --cathedral 192.0.2.1:4500 --nat-port 4501 "${options[@]}"
start_end c left d --cathedral 192.0.2.1:4600 --nat-port 4601 --shroud no "${options[@]}"
start_end d right c --cathedral 192.0.2.1:4600 --nat-port 4601 --shroud no "${options[@]}"
ends=(a-b b-a c-d d-c)
for end in "${ends[@]}"; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done

for line in l r; do
	control "$line" loss 0.05
	control "$line" duplicate 0.02
	control "$line" delay-ms 10
	control "$line" jitter-ms 20
done
sleep 12
for line in l r; do
	control "$line" loss 0
	control "$line" duplicate 0
	control "$line" jitter-ms 0
done
sleep 0.5 # for what is on its way
for end in "${ends[@]}"; do
	stop "$end"
done
sleep 0.2
for line in l r; do
	stop "$line"
	is "$STATUS" 0 "line $line ends well"
done

# line NAME DIRECTION WHAT: one of a line's counters.
line() {
	sed -n "s/^$2.* $3=\([0-9]*\).*/\1/p" "$1.log"
}
# sum FIELD: over the four ends.
sum() {
	local end total=0

	for end in "${ends[@]}"; do
		total=$((total + $(figure "$end" "$1")))
	done
	echo "$total"
}

for end in "${ends[@]}"; do
	# Each way has two bad lines: 1 - 0.95^2 is 9.75 %, of 2400 packets.
	between "$(figure "$end" lost)" 150 330 "$end lost about a tenth"
	between "$(figure "$end" reordered)" 500 2400 "$end: many were overtaken"
	is "$(figure "$end" foreign)" 0 "$end: none was damaged"
done

# What went over the lines is what the daemon saw, and every packet ended somehow.
is "$(counter hub rx_packets)" $(($(line l outward out) + $(line r outward out))) \
	"the daemon got what the lines gave it"
is "$(counter hub tx_packets)" $(($(line l inward in) + $(line r inward in))) \
	"and gave the lines what it sent"
is "$(ask hub counters | jq '[.total.packets[]] | add')" \
	$(($(counter hub rx_packets) + $(counter hub identity_found))) \
	"each was counted under one verdict, and again if it had to be looked up"
is "$(ask hub counters | jq -c '.total.packets | with_entries(select(.value > 0)) | keys -
	["consumed", "identity_budget", "no_tunnel", "relayed", "replay", "unknown_identity"]')" \
	'[]' "under none that speaks of damage"
# Of some 500 offers 2 % come twice: nine, by chance a few more or less.
between "$(verdict hub replay)" 1 60 "doubled offers are replays"
between "$(verdict hub no_tunnel)" 0 100 "packets without a tunnel came at the start only"

# Doubled data packets arrive doubled: those of the devices' own lines, and of their peers'.
doubled=$(($(line l outward duplicated) + $(line r outward duplicated) + \
	$(line l inward duplicated) + $(line r inward duplicated)))
between "$(sum duplicates)" $((doubled * 3 / 4)) "$doubled" "the ends saw what the lines doubled"
unlike "$(cat hub.log)" '<[0-4]>' "the daemon had nothing to warn of"
stop hub
is "$STATUS" 0 "and ends well"
