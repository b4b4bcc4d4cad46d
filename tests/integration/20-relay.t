#!/bin/bash
# SPDX-License-Identifier: ISC
#
# One daemon relays between devices: shrouded, clear, and one of each.
#
#   a 10.0.1.2 ---- 10.0.1.1 hub 10.0.2.1 ---- 10.0.2.2 b
#                192.0.2.1: 4500 shrouded, 4600 clear
. "$(dirname "$0")/lib.sh"
plan 49

net_up a b hub
wire a 10.0.1.2 hub 10.0.1.1
wire b 10.0.2.2 hub 10.0.2.1
address hub 192.0.2.1
route a default 10.0.1.1
route b default 10.0.2.1

# x1 and y1 talk under shroud, x2 and y2 without, x3 under shroud with y3 without; z is of
# another flock.
make_flock cafeba00 x1=badf00d:ca y1=fe:fe x2=2:1 y2=3:2 x3=4:3 y3=5:ff
make_flock beef00 z=9:1
make_xflock cafeba00 beef00
make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud" "listen 192.0.2.1:4600 nat 4601 clear"
start_cathedral hub hub
ok $? "it starts"

shrouded=(--cathedral 192.0.2.1:4500 --nat-port 4501 --interval 1)
clear=(--cathedral 192.0.2.1:4600 --nat-port 4601 --interval 1 --shroud no)

# --- two processes, two machines ---

start_end x1 a y1 "${shrouded[@]}" --rate 100
start_end y1 b x1 "${shrouded[@]}" --rate 100 --echo
start_end x2 a y2 "${clear[@]}" --rate 100 --size 1472
start_end y2 b x2 "${clear[@]}" --rate 100 --size 73
start_end x3 a y3 "${shrouded[@]}" --rate 100
start_end y3 b x3 "${clear[@]}" --rate 100 --size 1400
start_end z b x1 "${shrouded[@]}" --rate 100
start_end x1 a z "${shrouded[@]}" --rate 100 --size 1400
ends=(x1-y1 y1-x1 x2-y2 y2-x2 x3-y3 y3-x3 z-x1 x1-z)
for end in "${ends[@]}"; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done
sleep 0.3
early=$(dropped hub)
denied=$(denied hub)
sleep 3 # so that there is something to count
for end in "${ends[@]}"; do
	stop "$end"
	is "$STATUS" 0 "$end ends well"
done
for end in "${ends[@]}"; do
	sound "$end" "$early"
	ok $? "$end: nothing lost, doubled, out of order or foreign"
	between "$(figure "$end" received)" 250 1200 "$end: all that time"
done
is "$(denied hub)" "$denied" "nothing was dropped once they all had heard each other"
between "$(figure x1-y1 echoes)" 250 1200 "echoes came back, too"

like "$(events x1-y1 'select(.event == "info") | .local')" '^10\.0\.1\.2:[0-9]+' \
	"a device is told how it is seen"
is "$(events x1-y1 'select(.event == "ambry") | .secret_blake2b' | sort -u)" \
	"$(events y1-x1 'select(.event == "ambry") | .secret_blake2b' | sort -u)" \
	"both ends open their ambries to the same secret"
is "$(events x1-z 'select(.event == "ambry") | .secret_blake2b' | sort -u)" \
	"$(events z-x1 'select(.event == "ambry") | .secret_blake2b' | sort -u)" \
	"so do two flocks"
is "$(ask hub tunnels | jq '.tunnels | length')" 8 "the daemon knows eight ends"

# --- sizes, domains ---

# pair NAME NAME OPTION...: both ends in one process.
pair() {
	be_both "$1" "$2"
	in_ns a cathedral-probe pair "${DEVICES[@]}" --json --duration 1 --max-loss 0 "${@:3}"
}

pair x1 y1 "${shrouded[@]}" --size 1473 >longest.txt 2>&1 &
pids=$!
pair x2 y2 "${clear[@]}" --size 1522 >longest-clear.txt 2>&1 &
pids+=" $!"
pair x3 y3 --cathedral-a 192.0.2.1:4500 --cathedral-b 192.0.2.1:4600 --shroud-b no \
	--domain 7 --size 1473 --mtu 0 >domain.txt 2>&1 &
pids+=" $!"
for pid in $pids; do
	wait "$pid"
	ok $? "a pair with the longest packets"
done
said=$(pair x2 y2 "${clear[@]}" --domain-a 7 --domain-b 8 --register-timeout 2 2>&1)
like "$? $said" '^1 .*nothing came through in time' "two domains of a flock do not reach each other"
forbid y2
write_settings hub
wait_for 5 logged hub 'registry: 2 flocks, 6 devices'
said=$(pair x2 y2 "${clear[@]}" --register-timeout 2 2>&1)
like "$? $said" '^1 .*nothing came through in time' "nor does a device that is not allowed"

# --- everything else that a device asks for ---

be x1 y1
start liturgy b cathedral-probe register --json "${DEVICE[@]}" "${shrouded[@]}" --group 4d \
	--duration 6
be y1 x1
in_ns a cathedral-probe register --json "${DEVICE[@]}" "${shrouded[@]}" --group 4d \
	--remembrance --expect info,ambry,liturgy,remembrance --duration 9 >register.log 2>&1
ok $? "info, ambry, liturgy and remembrance come"
is "$(events register 'select(.event == "remembrance") | .cathedrals | join(" ")' | head -n 1)" \
	"192.0.2.1:4500" "the remembrance names this cathedral"
finish liturgy 9
is "$STATUS $(events liturgy 'select(.event == "liturgy") | .peers | join(" ")' | tail -n 1)" \
	"0 fe" "the liturgy names the other device"

stop hub
is "$STATUS" 0 "the daemon ends well"
unlike "$(cat hub.log)" '<[0-4]>' "and had nothing to warn of"
