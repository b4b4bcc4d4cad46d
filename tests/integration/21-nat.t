#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What two devices behind NATs are told of each other, and whether what they are told works.
#
#   full-a 10.1.0.2 --- NAT 203.0.113.1 ---+           +--- NAT 203.0.113.2 --- 10.2.0.2 full-b
#   rest-a 10.3.0.2 --- NAT 203.0.113.3 ---+    hub    +--- NAT 203.0.113.4 --- 10.4.0.2 rest-b
#   sym-a  10.5.0.2 --- NAT 203.0.113.5 ---+ 192.0.2.1 +--- NAT 203.0.113.6 --- 10.6.0.2 full-c
#   same   10.7.0.2 and 10.7.0.3 ----------+           +    all full, restricted or symmetric
#                       NAT 203.0.113.7                     as their names say
. "$(dirname "$0")/lib.sh"
need_tun
plan 32

net_up hub
address hub 192.0.2.1
router hub

# home NAME KIND NUMBER: a namespace behind a NAT of this kind.
home() {
	net_up "$1"
	in_ns "$1" ip address add "10.$3.0.2/32" dev lo
	forward "nat-$1" "$1" hub --nat "$2" --public "203.0.113.$3" --first-port "$((20000 + 100 * $3))"
	behind hub "nat-$1" "203.0.113.$3"
}
home full-a full 1
home full-b full 2
home rest-a restricted 3
home rest-b restricted 4
home sym-a symmetric 5
home full-c full 6
home same full 7
in_ns same ip address add 10.7.0.3/32 dev lo

make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4 e=5:5 f=6:6 g=7:7 h=8:8
make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud"
start_cathedral hub hub
ok $? "it starts"

often=(--cathedral 192.0.2.1:4500 --nat-port 4501 --interval 1 --rate 20 --p2p)
start_end a full-a b "${often[@]}"
start_end b full-b a "${often[@]}"
start_end c rest-a d "${often[@]}"
start_end d rest-b c "${often[@]}"
start_end e sym-a f "${often[@]}"
start_end f full-c e "${often[@]}"
start_end g same h "${often[@]}" --bind 10.7.0.2
start_end h same g "${often[@]}" --bind 10.7.0.3
ends=(a-b b-a c-d d-c e-f f-e g-h h-g)
for end in "${ends[@]}"; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer through the relay"
done

for end in a-b b-a c-d d-c; do
	wait_for 20 told "$end" '.relayed | not'
	between "$(told_at "$end" '.relayed | not')" 14 18 \
		"$end is told its peer's address once 15 s have passed"
	wait_for 5 hears_direct "$end"
	ok $? "and hears it there"
done
for end in g-h h-g; do
	wait_for 20 told "$end" .same_address
	between "$(told_at "$end" .same_address)" 14 18 \
		"$end is told that both share an address once 15 s have passed"
done
for end in "${ends[@]}"; do
	stop "$end"
done

is "$(events a-b 'select(.event == "info") | .local' | sort -u)" "203.0.113.1:20100" \
	"a device is told where it is seen"
is "$(events a-b 'select(.event == "info" and (.relayed | not)) | .peer' | sort -u)" \
	"203.0.113.2:20200" "and where its peer is"
for end in e-f f-e; do
	is "$(events "$end" 'select(.event == "info") | "\(.relayed) \(.same_address) \(.peer)"' |
		sort -u)" "true false 192.0.2.1:4500" "$end: a symmetric NAT is relayed for"
	between "$(figure "$end" received)" 300 1200 "and all the time"
done
is "$(events g-h 'select(.event == "info") | .relayed' | sort -u)" true \
	"behind one NAT they are relayed for"
for end in a-b c-d; do
	is "$(figure "$end" lost direct)" 0 "$end: nothing was lost on the direct way"
	is "$(figure "$end" foreign)" 0 "nor was it anything else than sent"
done
stop hub
is "$STATUS" 0 "the daemon ends well"
unlike "$(cat hub.log)" '<[0-4]>' "and had nothing to warn of"
