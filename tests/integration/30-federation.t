#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Devices on different cathedrals of one federation.
#
#   a 10.0.1.2 ---+                  +--- one   192.0.2.1  \
#                 +--- net (router) -+--- two   192.0.3.1   > 4500 shrouded, 4600 clear
#   b 10.0.2.2 ---+                  +--- three 192.0.4.1  /
#
# One and two tell each other where devices can be reached directly, three does not.
. "$(dirname "$0")/lib.sh"
plan 41

net_up net
host a 10.0.1.2
host b 10.0.2.2
host one 192.0.2.1
host two 192.0.3.1
host three 192.0.4.1
router net

make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4 e=5:5 f=6:6 g=7:7 h=8:8 i=10:a j=11:b
make_flock beef00 z=9:1
make_xflock cafeba00 beef00
make_federation one=192.0.2.1 two=192.0.3.1 three=192.0.4.1
sed -i 's/p2p_sync yes/p2p_sync no/' etc/three.conf
for name in one two three; do
	start_cathedral "$name" "$name"
	ok $? "cathedral $name starts"
done

# on NAME: a device under shroud at this cathedral.  clear_on NAME: without.
on() {
	device=(--cathedral "${AT[$1]}:4500" --nat-port 4501 --interval 1 --rate 50 --p2p)
}
clear_on() {
	device=(--cathedral "${AT[$1]}:4600" --nat-port 4601 --interval 1 --rate 50 --shroud no)
}
on one && start_end a a b "${device[@]}" --remembrance
on two && start_end b b a "${device[@]}"
clear_on one && start_end c a d "${device[@]}" --remembrance
clear_on two && start_end d b c "${device[@]}"
on one && start_end e a f "${device[@]}"
clear_on two && start_end f b e "${device[@]}"
on one && start_end g a h "${device[@]}"
on three && start_end h b g "${device[@]}"
on two && start_end z b a "${device[@]}"
on one && start_end a a z "${device[@]}"
ends=(a-b b-a c-d d-c e-f f-e g-h h-g z-a a-z)
for end in "${ends[@]}"; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done

sleep 0.3
early=$(dropped one two three)
denied=$(denied one two three)

# Meanwhile, who is there: lists cross the federation.
be i j
start list-a a cathedral-probe register --json "${DEVICE[@]}" --cathedral 192.0.2.1:4500 --group 4d \
	--interval 1 --duration 9
be j i
start list-b b cathedral-probe register --json "${DEVICE[@]}" --cathedral 192.0.4.1:4500 --group 4d \
	--interval 1 --duration 9

for end in a-b b-a; do
	wait_for 25 told "$end" '.relayed | not'
	ok $? "$end is told its peer's address"
done
is "$(events a-b 'select(.event == "info" and (.relayed | not)) | .peer' | sort -u |
	sed 's/:.*//')" 10.0.2.2 "which is that of another cathedral's device"
for end in list-a list-b; do
	finish "$end" 12
done
is "$(events list-a 'select(.event == "liturgy") | .peers | join(" ")' | tail -n 1)" 0b \
	"the list of one names a device of three"
is "$(events list-b 'select(.event == "liturgy") | .peers | join(" ")' | tail -n 1)" 0a \
	"and the other way round"

for end in "${ends[@]}"; do
	stop "$end"
	sound "$end" "$early"
	ok $? "$end: nothing lost, doubled, out of order or foreign"
done
is "$(denied one two three)" "$denied" "nothing was dropped once they all had heard each other"
is "$(events h-g 'select(.event == "info") | .relayed' | sort -u)" "" \
	"three answers no info for a device elsewhere"
is "$(events g-h 'select(.event == "info") | .relayed' | sort -u)" true \
	"one relays to a device of three"
is "$(events a-b 'select(.event == "remembrance") | .cathedrals | join(" ")' | sort -u |
	tr ' ' '\n' | sort | xargs)" "192.0.2.1:4500 192.0.3.1:4500 192.0.4.1:4500" \
	"the remembrance names them all"
like "$(events a-b 'select(.event == "remembrance") | .cathedrals | join(" ")' | head -n 1)" \
	'^192\.0\.2\.1:4500 ' "itself first"
is "$(events c-d 'select(.event == "remembrance") | .cathedrals | join(" ")' | head -n 1 |
	tr ' ' '\n' | sort | xargs)" "192.0.2.1:4600 192.0.3.1:4600 192.0.4.1:4600" \
	"clear devices are told of clear listeners"
is "$(ask two federation | jq -c '[.peers[] | select(.heard != null and .heard < 5)] | length')" 2 \
	"two heard of both others"

for name in one two three; do
	is "$(verdict "$name" loop)$(verdict "$name" stranger)$(verdict "$name" bad_seal)" 000 \
		"$name refused nothing of the federation"
	stop "$name"
	unlike "$STATUS $(cat "$name.log")" '^[1-9]|<[0-4]>' "$name ends well, without a warning"
done
