#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Packets of a flow that wait together go through the daemons as few messages, and arrive as they
# were sent: over a wire, over a narrow one, over a line that can do nothing, and where merging is
# switched off.
#
#   a 10.0.1.2 ---- one 192.0.2.1 ---- two 192.0.3.1 ---- b 10.0.2.2
#                                             \ === forwarder === c 10.3.0.2
. "$(dirname "$0")/lib.sh"
plan 25

net_up a b c one two
wire a 10.0.1.2 one 10.0.1.1
wire one 10.0.9.1 two 10.0.9.2
wire b 10.0.2.2 two 10.0.2.1
address one 192.0.2.1
address two 192.0.3.1
address c 10.3.0.2
route a default 10.0.1.1
route b default 10.0.2.1
route one 192.0.3.1 10.0.9.2
route two 192.0.2.1 10.0.9.1

# w and x are clear, y and z shrouded.  No padding: packets of one size stay of one size.
make_flock cafeba00 w=1:1 x=2:2 y=3:3 z=4:4
make_federation one=192.0.2.1 two=192.0.3.1
echo "mtu 1000" >>etc/one.conf
echo "mtu 1000" >>etc/two.conf
for name in one two; do
	start_cathedral "$name" "$name"
	ok $? "cathedral $name starts"
done

# flow NAME NAMESPACE NAME: the first sends to the second, each at its cathedral; both for a while.
flow() {
	start_end "$1" a "$3" --cathedral 192.0.2.1:4600 --nat-port 4601 --shroud no --interval 1 \
		--rate 1000 --size 1300
	start_end "$3" "$2" "$1" "${@:4}" --interval 1
	wait_for 8 hears "$3-$1"
	ok $? "$3 hears $1"
	sleep 0.3
	early=$(dropped one two)
}

# While a daemon stands still its packets wait; then they come together.
stumble() {
	local daemon

	for daemon in "$@" "$@" "$@" "$@" "$@"; do
		kill -s STOP "${PIDS[$daemon]}"
		sleep 0.06
		kill -s CONT "${PIDS[$daemon]}"
		sleep 0.06
	done
}

flowed() {
	stop "$1-$2"
	sleep 0.3 # for what is on its way
	stop "$2-$1"
	sound "$2-$1" "$early"
	ok $? "$3: nothing lost, doubled, out of order or foreign"
	is "$(dropped one two)" "$early" "$3: nothing was dropped"
}

shrouded=(--cathedral 192.0.3.1:4500 --nat-port 4501)
clear=(--cathedral 192.0.3.1:4600 --nat-port 4601 --shroud no)

# --- a wire ---

# From clear to shrouded each packet grows, with another right behind it.
flow x b y "${shrouded[@]}"
stumble one two
flowed x y "a wire"
between "$(counter one tx_runs)" 5 10000 "one sent runs"
between "$(counter two rx_merged)" 5 10000 "two received them as they were"
between "$(counter two tx_runs)" 5 10000 "and sent runs, too"
is "$(($(counter one tx_runs_refused) + $(counter two tx_runs_refused)))" 0 "none was refused"

# --- a narrow wire ---

in_ns two ip route change 10.0.2.2 dev b proto kernel scope link src 10.0.2.1 mtu 1100
flow w b z "${shrouded[@]}"
runs=$(counter two tx_runs)
stumble two
flowed w z "a narrow wire"
between "$(counter two tx_runs_refused)" 1 2 "a run was refused, and that was remembered"
between "$(($(counter two tx_runs) - runs))" 0 20 "packets went one by one"
is "$(counter two tx_refused)" 0 "no packet was refused"

# --- merging switched off ---

stop two
echo "merge no" >>etc/two.conf
in_ns two ip route change 10.0.2.2 dev b proto kernel scope link src 10.0.2.1
start_cathedral two two
flow x b w "${clear[@]}"
stumble one two
flowed x w "merge no"
is "$(counter two rx_merged) $(counter two tx_runs)" "0 0" "two leaves them apart"
stop two
sed -i '/^merge/d' etc/two.conf
start_cathedral two two
ok $? "two starts again"

# --- a line without checksums of its own ---

if : 2>/dev/null <>/dev/net/tun; then
	forward line c two --seed 25
	behind two line 10.3.0.2
	flow x c z "${shrouded[@]}"
	stumble two
	flowed x z "a plain line"
	stop line
else
	skip 3 "/dev/net/tun cannot be opened"
fi

stop two
is "$STATUS" 0 "two ends well"
stop one
is "$STATUS" 0 "one ends well"
