#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Devices keep their own time: an info every 5 s, announcements of a key exchange every second.
# Changing keys costs no packet, whatever the phase of the infos.
#
#   a 10.0.1.2 ---+                  +--- one 192.0.2.1 \ 4500 shrouded,
#                 +--- net (router) -+--- two 192.0.3.1 / 4600 clear
. "$(dirname "$0")/lib.sh"
plan 29

net_up net
host a 10.0.1.2
host one 192.0.2.1
host two 192.0.3.1
router net
make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4 e=5:5 f=6:6 g=7:7 h=8:8 i=9:9 j=10:a
make_federation one=192.0.2.1 two=192.0.3.1
for name in one two; do
	start_cathedral "$name" "$name"
	ok $? "cathedral $name starts"
done

# rekey NAME NAME OPTION...: both ends, and their keys; the log is NAMENAME.log.
rekey() {
	be_both "$1" "$2"
	start "$1$2" a test-rekey "${DEVICES[@]}" --rate 200 --duration 26 "${@:3}"
}
rekey a b --cathedral 192.0.2.1:4500
rekey c d --cathedral 192.0.2.1:4600 --shroud no
rekey e f --cathedral-a 192.0.2.1:4500 --cathedral-b 192.0.2.1:4600 --shroud-b no
rekey g h --cathedral-a 192.0.2.1:4500 --cathedral-b 192.0.3.1:4500
rekey i j --cathedral-a 192.0.2.1:4600 --cathedral-b 192.0.3.1:4600 --shroud no

# Meanwhile, the rhythm of a device as it comes.
be a c
start rhythm a cathedral-probe end --json "${DEVICE[@]}" --cathedral 192.0.3.1:4600 --shroud no
be c a
start other a cathedral-probe end --json "${DEVICE[@]}" --cathedral 192.0.3.1:4600 --shroud no

declare -A what=([ab]=shrouded [cd]=clear [ef]="one of each" [gh]="two cathedrals, shrouded"
	[ij]="two cathedrals, clear")
for name in ab cd ef gh ij; do
	finish "$name" 40
	is "$STATUS" 0 "${what[$name]}: nothing lost, doubled or refused" || note "$(tail -n 1 "$name.log")"
	is "$(events "$name" 'select(.event == "summary") | "\(.exchanges) \(.received == .sent)"' | xargs)" \
		"4 true 4 true" "four exchanges, both ways"
	between "$(events "$name" 'select(.event == "rekey") | .ms | floor' | sort -n | tail -n 1)" \
		0 200 "traffic under the new SPI follows within 0.2 s"
	is "$(events "$name" 'select(.event == "rekey") | .spi' | sort -u | wc -l)" 8 \
		"under eight new SPIs"
done
between "$(counter one spi_learned)" 32 40 "one learned them from the exchanges"
between "$(counter two spi_learned)" 12 16 "two as well, from its own and from one"

stop rhythm
stop other
is "$(events rhythm 'select(.event == "info") | .after | round' | grep -vx 0 | head -n 5 |
	xargs)" "5 10 15 20 25" \
	"an info every 5 s is answered every 5 s"
for name in one two; do
	is "$(verdict "$name" spi)" 0 "$name dropped nothing for its SPI"
	stop "$name"
	unlike "$STATUS $(cat "$name.log")" '^[1-9]|<[0-4]>' "$name ends well, without a warning"
done
