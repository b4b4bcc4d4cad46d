#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Settings, keys and bundles change under a running daemon.
#
#   a, c, e, g 10.0.1.2 ---- 10.0.1.1 hub 10.0.2.1 ---- 10.0.2.2 b, d, f, h
#                       192.0.2.1: 4500 shrouded, 4600 clear
. "$(dirname "$0")/lib.sh"
plan 40

net_up a b hub
wire a 10.0.1.2 hub 10.0.1.1
wire b 10.0.2.2 hub 10.0.2.1
address hub 192.0.2.1
route a default 10.0.1.1
route b default 10.0.2.1

make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4 g=7:7 h=8:8
make_flock beef00 z=9:1
make_xflock cafeba00 beef00
forbid z
make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud" "listen 192.0.2.1:4600 nat 4601 clear"
start_cathedral hub hub
ok $? "it starts"

shrouded=(--cathedral 192.0.2.1:4500 --interval 1 --rate 100)
clear=(--cathedral 192.0.2.1:4600 --interval 1 --rate 100 --shroud no)

# g and h are never touched: what they send must always come through.
be_both g h
start gh a cathedral-probe pair --json --events "${DEVICES[@]}" --cathedral-a 192.0.2.1:4500 \
	--cathedral-b 192.0.2.1:4600 --shroud-b no --interval 1 --rate 100 --duration 25 --max-loss 0
start_end a a b "${shrouded[@]}"
start_end b b a "${shrouded[@]}"
start_end c a d "${clear[@]}"
start_end d b c "${clear[@]}"
for end in a-b b-a c-d d-c; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done

# settle: new settings, in force when it returns; CHANGED is when they were written.
settle() {
	local before

	before=$(grep -c 'registry: ' hub.log)
	CHANGED=$(now_ms)
	write_settings hub
	wait_for 5 logged hub 'registry: ' $((before + 1))
}
# heard_for END: stops it; how long after CHANGED it still heard its peer, in ms.
heard_for() {
	local now

	now=$(now_ms)
	stop "$1"
	HEARD_MS=$((now - CHANGED - $(jq -n "$(figure "$1" longest_gap_s) * 1000 | floor")))
}

# --- added ---

start_end z b g "${shrouded[@]}"
start_end g a z "${shrouded[@]}"
sleep 1
hears z-g
ok $((! $?)) "a device that is not allowed hears nothing"
ALLOWED+=(z)
settle
ok $? "it is allowed"
between "$WAITED_MS" 0 1000 "which is noticed within a second"
wait_for 3 hears z-g
ok $? "it hears its peer with its next offer"
wait_for 3 hears g-z
ok $? "which hears it, too"

# --- removed ---

PAIRS=()
forbid d
settle
between "$WAITED_MS" 0 1000 "a device and a pair of flocks are removed, noticed within a second"
sleep 1.5 # for silence
for end in z-g g-z c-d d-c; do
	heard_for "$end"
	between "$HEARD_MS" -30 1000 "$end: cut off within a second"
done

# --- a KEK number passes to another device, while its old owner's tunnel is alive ---

forbid b
make_device cafeba00 f=22:2
start_end f b a "${shrouded[@]}"
settle
ok $? "f has b's number now"
wait_for 3 hears f-a
ok $? "f hears a with its next offer"
sleep 1.2
heard_for b-a
between "$HEARD_MS" -30 1000 "b was cut off within a second"
stop a-b
between "$(jq -n "$(figure a-b longest_gap_s) * 1000 | floor")" 5 2500 \
	"a heard whoever has the number, with a gap until f's offer"
stop f-a

# --- broken ---

# broken WHAT REGEX: it is refused so.
broken() {
	wait_for 2 logged hub "registry stays as it was: .*$2"
	ok $? "refused: $1"
}
good=$(cat etc/hub.settings)
echo "flock cafeba00 {
	allow what" >etc/hub.settings
broken "broken settings" 'hub\.settings: line 2: "allow" is written'
is "$(ask hub status | jq -r '.reload.ok')" false "the report says so"
like "$(ask hub status | jq -r '.reload.error')" 'line 2' "and why"
is "$(ask hub status | jq -r '.registry.devices')" 6 "what was there stays"
kill -HUP "${PIDS[hub]}"
sleep 0.3
is "$(grep -c "registry stays" hub.log)" 2 "who asks again is told again"
echo "$good" >etc/hub.settings.new
mv etc/hub.settings.new etc/hub.settings
reloaded() {
	[ "$(ask hub status | jq -r '.reload.ok')" = true ]
}
wait_for 2 reloaded
ok $? "mended settings are taken"

cp "$SECRETS/flock-cafeba00/00000007.pub" g.pub
head -c 31 g.pub >"$SECRETS/flock-cafeba00/00000007.pub"
broken "a key of 31 bytes" '00000007\.pub: '
cp g.pub "$SECRETS/flock-cafeba00/00000007.pub"
wait_for 7 reloaded
ok $? "mended, too"
cp etc/cafeba00-cafeba00.bundle good.bundle
head -c 1000 good.bundle >etc/cafeba00-cafeba00.bundle
broken "a torn bundle" 'cafeba00-cafeba00\.bundle: '
cp good.bundle etc/cafeba00-cafeba00.bundle
wait_for 7 reloaded
ok $? "mended, too"
rm etc/hub.settings
broken "no settings" 'hub\.settings: No such file'
write_settings hub
wait_for 7 reloaded
ok $? "and they are back"

# --- bundles ---

start_end a a c "${shrouded[@]}"
start_end c a a "${clear[@]}"
# has END DEVICE GENERATION: its newest ambry is of this bundle.
has() {
	[ "$(events "$1" "select(.event == \"ambry\" and .opened and .device == \"$2\") | .generation" |
		tail -n 1)" = "$3" ]
}
all_have() {
	has a-c device "$1" && has c-a device "$1" && has gh a "$1" && has gh b "$1"
}
wait_for 3 all_have "$(od -An -tx1 -j2 -N4 etc/cafeba00-cafeba00.bundle | tr -d ' ')"
ok $? "every device has an ambry of the bundle"
make_bundle cafeba00 cafeba00 30
wait_for 3 all_have "$GENERATION"
between "$WAITED_MS" 0 1000 "and within a second one of the next bundle"

# One that expired long ago: its first two bytes say when.
cp etc/cafeba00-cafeba00.bundle good.bundle
cp good.bundle expired.bundle
printf '\0\1' | dd of=expired.bundle conv=notrunc status=none
before=$(grep -c 'registry: ' hub.log)
mv expired.bundle etc/cafeba00-cafeba00.bundle
wait_for 3 logged hub 'registry: ' $((before + 1))
ok $? "an expired bundle is no error"
# ambries: how many a device is given that has none.
ambries() {
	be d c
	in_ns b cathedral-probe register --json "${DEVICE[@]}" "${shrouded[@]:0:2}" --duration 1.5 \
		--interval 0.5 2>&1 | grep -c '"ambry"'
}
ALLOWED+=(d)
settle
is "$(ambries)" 0 "but it is not handed out"
before=$(grep -c 'registry: ' hub.log)
mv good.bundle etc/cafeba00-cafeba00.bundle
wait_for 3 logged hub 'registry: ' $((before + 1))
between "$(ambries)" 1 3 "the good one is handed out again when it is back"

# --- and all the while ---

finish gh 30
is "$STATUS" 0 "what was not touched lost nothing"
is "$(events gh 'select(.event == "summary" and .sent != null) |
	"\(.sent - .received) \(.duplicates) \(.reordered) \(.damaged)"' | xargs)" "0 0 0 0 0 0 0 0" \
	"nothing came twice or late or damaged"
between "$(events gh 'select(.event == "summary" and .sent != null) | .longest_gap_s * 1000 | floor' |
	sort -n | tail -n 1)" 5 1000 "nor was it held up"
stop hub
is "$STATUS" 0 "the daemon ends well"
