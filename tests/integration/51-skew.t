#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Devices whose clocks are wrong: 10 s are borne, either way.
#
#   a 10.0.1.2 ---- 10.0.1.1 hub 192.0.2.1: 4500 shrouded, 4600 clear
. "$(dirname "$0")/lib.sh"
command -v faketime >/dev/null || skip_all "faketime is not installed"
net_up a hub
in_ns a faketime -f +9s cathedral-probe --version >/dev/null 2>&1 ||
	skip_all "faketime cannot be used with a sanitizer"
plan 13

wire a 10.0.1.2 hub 10.0.1.1
address hub 192.0.2.1
route a default 10.0.1.1
make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4
make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud" "listen 192.0.2.1:4600 nat 4601 clear"
start_cathedral hub hub
ok $? "it starts"

# skewed NAME PEER SECONDS: registers with a clock that is so much off; its log is NAMESECONDS.log.
skewed() {
	local at=(--cathedral 192.0.2.1:4500)

	[[ $1 == [ab] ]] || at=(--cathedral 192.0.2.1:4600 --shroud no)
	be "$1" "$2"
	start "$1$3" a faketime -f "$3s" cathedral-probe register --json "${DEVICE[@]}" "${at[@]}" \
		--interval 0.5 --duration 3 --expect ambry
}
# came NAME: what it received, refused or not.
came() {
	events "$1" 'select(.event != "start" and .event != "summary") | .event' | sort -u | xargs
}

for by in +9 -9; do
	skewed a b $by
	skewed c d $by
	for name in a c; do
		finish "$name$by" 6
		is "$STATUS $(came "$name$by")" "0 ambry" "$name, $by s: served all the same"
	done
done
is "$(verdict hub stale)" 0 "nothing was stale"

# Timestamps are whole seconds; half a second more, so that none comes out as 10.
for by in +11.5 -11.5; do
	skewed b a $by
	skewed d c $by
done
for by in +11.5 -11.5; do
	for name in b d; do
		finish "$name$by" 6
		is "$STATUS $(came "$name$by")" "1 " "$name, $by s: not served, and hears nothing"
	done
done
between "$(verdict hub stale)" 20 28 "all those were stale"
is "$(ask hub tunnels | jq -r '[.tunnels[].tunnel] | join(" ")')" "0102 0304" \
	"only those of before are known"
stop hub
is "$STATUS" 0 "the daemon ends well"
