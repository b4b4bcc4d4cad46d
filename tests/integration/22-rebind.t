#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A NAT forgets its mappings while devices talk through it.
#
#   near 10.1.0.2, .3, .4 --- NAT 203.0.113.1 --- hub 192.0.2.1 ---- 10.0.2.2 far
. "$(dirname "$0")/lib.sh"
need_tun
plan 25

net_up near hub far
address hub 192.0.2.1
wire far 10.0.2.2 hub 10.0.2.1
route far default 10.0.2.1
router hub
for ip in 10.1.0.2 10.1.0.3 10.1.0.4; do
	in_ns near ip address add "$ip/32" dev lo
done
forward nat near hub --nat full --public 203.0.113.1
behind hub nat 203.0.113.1

# a and b under shroud, c and d without, e and f reach each other directly.
make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4 e=5:5 f=6:6
make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud" "listen 192.0.2.1:4600 nat 4601 clear"
start_cathedral hub hub
ok $? "it starts"

shrouded=(--cathedral 192.0.2.1:4500 --nat-port 4501 --rate 50)
clear=(--cathedral 192.0.2.1:4600 --nat-port 4601 --rate 50 --shroud no)
start_end a near b "${shrouded[@]}" --bind 10.1.0.2
start_end b far a "${shrouded[@]}"
start_end c near d "${clear[@]}" --bind 10.1.0.3
start_end d far c "${clear[@]}"
start_end e near f "${shrouded[@]}" --bind 10.1.0.4 --interval 1 --p2p
start_end f far e "${shrouded[@]}" --interval 1 --p2p
for end in a-b b-a c-d d-c e-f f-e; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done
sleep 0.3
early=$(dropped hub)
# direct_to END ADDRESS: it was told that its peer is there.
direct_to() {
	events "$1" 'select(.event == "info" and (.relayed | not)) | .peer' | grep -qxF "$2"
}
seen_at() {
	events "$1" 'select(.event == "info") | .local' | tail -n 1
}
direct() {
	direct_to f-e "$(seen_at e-f)"
}
wait_for 25 direct
ok $? "e and f found the direct way"
before=$(seen_at e-f)
sleep 1 # so that the direct way was used for a while

control nat rebind
# seen_again END: it was told of a place where it was not before.
seen_again() {
	[ "$(events "$1" 'select(.event == "info") | .local' | uniq | wc -l)" -ge 2 ]
}
for end in a-b c-d e-f; do
	wait_for 8 seen_again "$end"
	ok $? "$end is told that it is seen elsewhere now"
done
wait_for 8 direct
ok $? "f is told e's new address"
[ "$before" != "$(seen_at e-f)" ]
ok $? "which is a new one"
sleep 2
for end in a-b b-a c-d d-c e-f f-e; do
	stop "$end"
done

# What a NAT forgets is lost until the next info offer, at most 5 s later; what goes out is not,
# where a shroud proves who sent it.
ms() {
	jq -n "($1 * 1000) | floor"
}
between "$(ms "$(figure a-b longest_gap_s)")" 20 5200 "a hears b again after at most 5 s"
between "$(ms "$(figure b-a longest_gap_s)")" 20 1500 "b never stopped hearing a"
between "$(figure b-a lost)" 0 "$early" "nothing of what a sent was lost"
between "$(ms "$(figure c-d longest_gap_s)")" 20 5200 "c hears d again after at most 5 s"
between "$(ms "$(figure d-c longest_gap_s)")" 20 5200 "d hears c again after at most 5 s"
between "$(ms "$(figure e-f longest_gap_s direct)")" 20 2500 "e hears f directly after 2 s"
between "$(ms "$(figure f-e longest_gap_s direct)")" 20 2500 "and f hears e"
between "$(counter hub tunnels_moved)" 3 3 "the daemon noticed three moves"
between "$(verdict hub sender)" 1 400 "and dropped clear packets from nowhere"
is "$(figure a-b foreign)$(figure c-d foreign)" 00 "nothing strange came"
stop hub
is "$STATUS" 0 "the daemon ends well"
unlike "$(cat hub.log)" '<[0-4]>' "and had nothing to warn of"
