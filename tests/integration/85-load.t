#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The load tool against a real cathedral, a second or two for each of its workloads: do its counts
# add up, and does the cathedral count the same?  Then a short soak of two of its own.  All on the
# loopback of one namespace.
#
#   cathedral-load ---- 127.0.0.1:4500 shrouded, :4600 clear (near) ---- :4700, :4701 (far)
. "$(dirname "$0")/lib.sh"
plan 87

FLEET=$WORK/fleet
AS=()
[ -z "$REAL_ROOT" ] || AS=(--user nobody)
shroud=(--at 127.0.0.1:4500)
clear=(--at 127.0.0.1:4600 --shroud no)

# load NAME COMMAND...: its lines go to NAME.out; STATUS is its exit status.
load() {
	cathedral-load "${@:2}" --fleet "$FLEET" --json >"$1.out" 2>"$1.log"
	STATUS=$?
}

# got NAME FILTER: what jq says of its last line, or of the line `what` is.
got() {
	jq -c "$2" "$1.out" 2>/dev/null | tail -n 1
}

has_devices() {
	[ "$(ask near status | jq .registry.devices)" = "$1" ]
}

# measured NAME LEAST: a run that came to its end, whose counts add up, with at least so many.
measured() {
	is "$STATUS" 0 "$1: measured"
	is "$(got "$1" '.sent == .received + .lost')" true "$1: what was sent came, or was lost"
	between "$(got "$1" .received)" "$2" 1000000 "$1: enough came"
	is "$(got "$1" '[.duplicates, .reordered, .refused]')" '[0,0,0]' \
		"$1: nothing doubled, reordered or refused"
}

# --- a fleet ---

cathedral-load make "$FLEET" --flocks 10 --devices 8 --mbit 4 --far-at 127.0.0.1:4700 "${AS[@]}" \
	--json >make.out
is "$?" 0 "a fleet is made"
is "$(got make '[.flocks, .devices, .tunnels]')" '[10,80,40]' "as large as it was ordered"
is "$(stat -c %a "$FLEET/fleet")" 600 "its secrets are nobody else's"
cathedral-load make "$FLEET" 2>again.log
is "$?" 1 "it is not made twice"
like "$(cat again.log)" '^cathedral-load make: .*File exists' "and says so"

echo "control $RUN/near.sock" >>"$FLEET/cathedral.conf"
echo "control $RUN/far.sock" >>"$FLEET/far.conf"
# Without root it is somebody else who starts the cathedrals.
begin() {
	start "$1" - "${AS_USER[@]}" cathedral -c "$FLEET/$2.conf"
	wait_for 10 logged "$1" ' is ready'
	ok $? "$1 is ready"
}
if [ -z "$REAL_ROOT" ]; then
	AS_USER=()
fi
begin near cathedral
begin far far
watched=(--pid "${PIDS[near]}" --control "$RUN/near.sock")

# --- relay ---

load relay relay "${shroud[@]}" "${watched[@]}" --tunnels 40 --rate 2000 --seconds 1 --size 512,1280 \
	--burst 2
measured relay 1000
is "$(got relay '.lost')" 0 "relay: nothing is lost at a low rate"
is "$(got relay '.counted.relayed == .sent')" true "relay: the cathedral relayed what was sent"
is "$(got relay '.cpu_ns_a_packet > 0 and .own_user_ns_a_packet + .own_kernel_ns_a_packet > 0')" \
	true "relay: both costs are told"
is "$(got relay '.latency_p50_us > 0 and .latency_p50_us <= .latency_p99_us
	and .latency_p99_us <= .latency_max_us')" true "relay: times are in order"

load fat relay "${clear[@]}" "${watched[@]}" --tunnels 1 --rate 0 --seconds 1 --first 39
measured fat 1000
is "$(got fat '.counted.relayed + (.counted.cap // 0) == .sent and .received == .counted.relayed')" \
	true "fat: the cathedral relayed what was sent, but for what was over the cap"

# merged FIELD: how many of what the cathedral has received came merged.
merged() {
	ask near counters | jq .total.counters.rx_merged
}

before=$(merged)
load single relay "${clear[@]}" "${watched[@]}" --tunnels 4 --rate 4000 --seconds 0.5 --merge no --burst 8
measured single 500
is "$(merged)" "$before" "single: a message for each packet"
load merged relay "${clear[@]}" "${watched[@]}" --tunnels 4 --rate 0 --seconds 0.5
is "$(got merged '.received + .lost == .sent and .reordered == 0')" true "merged: measured"
[ "$(merged)" -gt "$before" ]
is $? 0 "merged: what was sent as one came as one"

load others relay "${shroud[@]}" --tunnels 4 --others 20 --others-at 127.0.0.1:4600 --rate 500 --seconds 1
measured others 100
is "$(ask near status | jq '.tunnels.count >= 48')" true "others: they are known"

# --- register ---

load register register "${clear[@]}" "${watched[@]}" --offers 60 --rate 0 --rounds 2
is "$STATUS" 0 "register: measured"
is "$(wc -l <register.out)" 2 "register: a line a round"
is "$(got register '[.sent, .answered]')" '[60,60]' "register: each offer is answered"
is "$(got register '.counted.consumed')" 60 "register: the cathedral accepted as many"

load again register "${clear[@]}" --offers 60 --rate 2000 --rounds 1
is "$(got again '[.sent, .answered]')" '[60,60]' \
	"register: they are answered as well when they come from other ports"

# --- cap: 4 Mbit/s ---

load cap cap "${clear[@]}" "${watched[@]}" --seconds 2 --size 1280
is "$STATUS" 0 "cap: measured"
is "$(got cap '.sent == .received + .lost')" true "cap: what was sent came, or was lost"
is "$(got cap '.counted.cap == .lost')" true "cap: what was lost was over the cap"
between "$(got cap '.delivered_percent | round')" 95 105 "cap: what is delivered is what is allowed"

# --- strangers ---

load strangers strangers "${clear[@]}" "${watched[@]}" --tunnels 10 --rate 1000 --seconds 1 \
	--strangers 2000 --sources 8
is "$STATUS" 0 "strangers: measured"
is "$(jq -c 'select(.what == "strangers") | .sent == .received + .lost' strangers.out)" true \
	"strangers: what was sent came, or was lost"
between "$(jq 'select(.what == "strangers") | .counted.bad_seal' strangers.out)" 100 2000 \
	"strangers: the cathedral saw offers that nobody sealed"
# The other cathedral says something now and then.
is "$(jq -c 'select(.what == "quiet") | .counted | del(.consumed) | keys' strangers.out)" '["relayed"]' \
	"strangers: and none before"
load hidden strangers "${shroud[@]}" "${watched[@]}" --tunnels 10 --rate 1000 --seconds 1 --strangers 2000
between "$(jq 'select(.what == "strangers") | .counted | .unknown_identity + .identity_budget' hidden.out)" \
	500 4000 "strangers: under a shroud they are unknown identities"

# --- federate ---

load federate federate "${shroud[@]}" --far 127.0.0.1:4700 "${watched[@]}" --far-pid "${PIDS[far]}" \
	--far-control "$RUN/far.sock" --tunnels 8 --rate 500 --seconds 1
measured federate 100
is "$(got federate '.counted.relayed == .sent and .far_counted.relayed == .sent')" true \
	"federate: both cathedrals relayed what was sent"
between "$(got federate .known_after_ms)" 0 10000 "federate: it is known when the way was there"

# --- reload ---

load reload reload "${clear[@]}" "${watched[@]}" --tunnels 10 --rate 1000 --seconds 1.5 --percent 20 \
	--rounds 1
measured reload 500
is "$(got reload '[.flocks_changed, .served]')" '[2,true]' "reload: the new device is served"
before=$(ask near status | jq .registry.devices)
wait_for 3 has_devices 80
ok $? "reload: the fleet is left as it was found (from $before devices)"

# --- memory ---

load memory memory "${clear[@]}" --pid "${PIDS[near]}" --steps 10,40
is "$STATUS" 0 "memory: measured"
is "$(jq -c .tunnels memory.out | tr '\n' ' ')" '0 10 40 ' "memory: a line a step"
is "$(got memory '.resident_bytes > 1000000')" true "memory: it is the cathedral's"

# --- compare: of its own cathedral ---

stop near
stop far
load compare compare "${shroud[@]}" --program "$BIN/cathedral" --tunnels 20 --seconds 0.3 --rounds 2 --rate 0
is "$STATUS" 0 "compare: measured"
is "$(jq -c 'select(.what == "round") | .side' compare.out | tr '\n' ' ')" \
	'"cathedral" "echo" "echo" "cathedral" ' "compare: they take turns"
is "$(got compare '.what == "medians" and .ratio_cpu_ns_a_packet > 0.1 and .ratio_cpu_ns_a_packet < 100')" \
	true "compare: there is a ratio"

load half compare "${shroud[@]}" --program "$BIN/cathedral" --tunnels 20 --seconds 0.3 --rounds 5 --half
is "$STATUS" 0 "half: measured"
is "$(jq -c 'select(.what == "saturated" or .what == "round") | .what' half.out | uniq -c | xargs)" \
	'6 saturated 10 round' "half: what comes through is found out first"
is "$(jq -c 'select(.what == "half") | (.rate * 2 - ([.cathedral_packets_a_second,
	.echo_packets_a_second] | min) | fabs) < 1' half.out)" true "half: it is half of the lower"
is "$(got half '.what == "medians" and .ratio_p50_us > 0 and .ratio_p99_us > 0')" true \
	"half: there are ratios of times"

# --- soak: of two of its own ---

# soak NAME OPTIONS...: in the background; its lines in NAME.out.
soak() {
	TMPDIR=$RUN start "$1" - "${AS_USER[@]}" cathedral-load soak --program "$BIN/cathedral" "${AS[@]}" \
		--json --rate 600 --strangers 60 "${@:2}"
}

# said NAME FILTER: what jq says of all that it printed.
said() {
	grep '^{' "$1.log" | jq -sc "$2"
}

samples() {
	[ "$(said "$1" '[.[] | select(.what == "sample")] | length')" -ge "$2" ]
}

# left: what is left of processes and folders.
left() {
	find "$RUN" -maxdepth 1 -name 'cathedral-load-*'
	pgrep -af -- "$RUN/cathedral-load-"
}

soak soak --seconds 16 --every 1 --reload 3 --takeover 5
finish soak 90
is "$(said soak '.[-1] | [.what, .ended_well]')" '["soak",true]' "soak: it came to its end"
is "$(said soak '.[-1] | .flat')" "$([ "$STATUS" = 0 ] && echo true || echo false)" \
	"soak: its status says whether it was flat"
# Times and CPU depend on who else uses the machine.
is "$(said soak '[.[] | select(.flat == false and (.figure // "us" | test("us$|cpu") | not))]')" '[]' \
	"soak: neither memory nor descriptors grow"
is "$(said soak '[.[] | select(.kept == false)]')" '[]' "soak: nothing happens that should not"
is "$(said soak '.[-1] | .takeovers >= 2 and .reloads >= 8 and .comers >= 10 and .strangers > 300 and
	.local_sent > 4000 and .across_sent > 2000')" true "soak: everything else happened"
is "$(said soak '.[-1] | .line_dropped > 0 and .across_lost > 0 and .across_lost <= .line_dropped')" \
	true "soak: what was lost between the cathedrals was lost by the line"
is "$(said soak '[.[] | select(.what == "sample")] | length >= 12 and
	all(.near_memory_bytes > 1000000 and .far_memory_bytes > 1000000)')" true "soak: samples"
[ "$STATUS" = 0 ] || rm -r "$RUN"/cathedral-load-* # it is kept for who wants to know why
is "$(left)" "" "soak: nothing is left"

soak stopped --seconds 600 --every 1
wait_for 60 samples stopped 2
stop stopped INT
is "$(said stopped '.[-1] | [.what, .ended_well]')" '["soak",true]' "stopped: it says what it saw"
is "$STATUS $(left)" "0 " "stopped: nothing is left"

soak dead --seconds 600 --every 1
wait_for 60 samples dead 2
kill -KILL "$(cathedralctl --json -s "$RUN"/cathedral-load-*/far/control status | jq .pid)"
finish dead 30
is "$STATUS" 1 "dead: a cathedral that ends is an end"
like "$(grep 'has ended' dead.log)" '^cathedral-load soak: far has ended; .*/far/cathedral.log says why$' \
	"dead: it says which"
rm -r "$RUN"/cathedral-load-*
is "$(left)" "" "dead: the other one is ended, too"

# --- what goes wrong ---

load nobody relay "${clear[@]}" --tunnels 4 --patience 0.5
is "$STATUS" 1 "nobody there: not measured"
is "$(cat nobody.log)" "cathedral-load relay: no answer from the cathedral: is it there, does it \
know this fleet, and is --shroud right?" "nobody there: it says so"
load large relay "${clear[@]}" --tunnels 41
is "$(cat large.log)" "cathedral-load relay: the fleet has 40 tunnels, not 41; cathedral-load make \
can make a larger one" "too many tunnels: it says so"
load gone relay "${clear[@]}" --pid 999999
like "$(cat gone.log)" '^cathedral-load relay: ' "no such process: it says so"
said=$(cathedral-load soak --program /bin/false "${AS[@]}" 2>&1)
like "$said" '/bin/false ended at once; (.*)/near/cathedral.log says why' "a soak of none: it says so"
rm -r "$(sed -n 's/.*what the cathedrals said is in //p' <<<"$said")"
cathedral-load compare --fleet "$FLEET" "${clear[@]}" --program /bin/false 2>false.log
like "$(cat false.log)" '/bin/false ended at once; .*/cathedral.log says why$' \
	"a cathedral that ends: it says so"
