#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A cathedral that follows registry.db, with its system calls filtered: before there is one, while
# it changes, when it is damaged, and when it is taken away and comes again.
#
#   a, c, e, g 10.0.1.2 ---- 10.0.1.1 hub 10.0.2.1 ---- 10.0.2.2 b, d, f, h
#                       192.0.2.1: 4500 shrouded, 4600 clear
. "$(dirname "$0")/lib.sh"
plan 32

net_up a b hub
wire a 10.0.1.2 hub 10.0.1.1
wire b 10.0.2.2 hub 10.0.2.1
address hub 192.0.2.1
route a default 10.0.1.1
route b default 10.0.2.1

make_flock cafeba00 a=1:1 b=2:2 g=7:7 h=8:8
make_flock beef00 z=9:1
make_xflock cafeba00 beef00

# Two users of one group have a folder; each has its own copy of the key.
FOLDER=$WORK/registry
mkdir -m 2770 "$FOLDER"
[ -z "$REAL_ROOT" ] || chgrp nogroup "$FOLDER"

make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud" "listen 192.0.2.1:4600 nat 4601 clear" \
	"registry $FOLDER/registry.db" "registry_key $FOLDER/hub.key"
sed -i '/^settings/d; /^secretdir/d' "$ETC/hub.conf"

# feed: what cathedral-sync does when there is news.
feed() {
	write_settings hub
	(umask 007 && "$BIN/test-registrar" "$ETC/hub.settings" "$SECRETS" "$FOLDER/registry.db")
	if [ ! -e "$FOLDER/hub.key" ]; then
		install -m 400 "$FOLDER/registry.db.key" "$FOLDER/hub.key"
		[ -z "$REAL_ROOT" ] || chown nobody "$FOLDER/hub.key"
	fi
}
status() {
	ask hub status | jq -r "$1"
}
has_devices() {
	[ "$(status .registry.devices)" = "$1" ]
}

# --- before there is one ---

like "$("${AS_USER[@]}" cathedral -n -c "$ETC/hub.conf")" 'fine: but .*registry\.db is not there yet$' \
	"-n says that there is none yet"
start_cathedral hub hub
ok $? "it starts without one"
logged hub 'nobody is served until there is a registry: .*registry\.db: No such file'
ok $? "and says so"
is "$(status .registry.devices)" 0 "nobody is served"
is "$(status .registry.version)" 0 "nothing was read"

feed >/dev/null
wait_for 4 has_devices 5
ok $? "it is taken over when it comes"
like "$("${AS_USER[@]}" cathedral -n -c "$ETC/hub.conf")" 'fine: 2 listeners, 2 flocks, 5 devices, 1 xflock' \
	"-n reads it, too"

# --- relaying ---

shrouded=(--cathedral 192.0.2.1:4500 --interval 1 --rate 100)
be_both g h
start gh a cathedral-probe pair --json --events "${DEVICES[@]}" --cathedral-a 192.0.2.1:4500 \
	--cathedral-b 192.0.2.1:4600 --shroud-b no --interval 1 --rate 100 --duration 30 --max-loss 0
start_end a a b "${shrouded[@]}"
start_end b b a "${shrouded[@]}"
for end in a-b b-a; do
	wait_for 8 hears "$end"
	ok $? "$end hears its peer"
done

# --- changes, by themselves ---

before=$(status .registry.version)
make_device cafeba00 f=33:3
feed >/dev/null
wait_for 2 has_devices 6
ok $? "a device more is noticed"
between "$WAITED_MS" 0 1500 "within about a second"
ok $(($(status .registry.version) <= before)) "the version has grown"
is "$(feed)" unchanged "what is as it was is no change"
start_end f b g "${shrouded[@]}"
start_end g a f "${shrouded[@]}"
wait_for 8 hears g-f
ok $? "it is served"

forbid b
feed >/dev/null
CHANGED=$(now_ms)
wait_for 2 has_devices 5
ok $? "a device less is noticed"
sleep 1.5
now=$(now_ms)
stop b-a
HEARD_MS=$((now - CHANGED - $(jq -n "$(figure b-a longest_gap_s) * 1000 | floor")))
between "$HEARD_MS" -100 1500 "it is cut off"

# --- when asked ---

make_bundle cafeba00 cafeba00 30
feed >/dev/null
ask hub reload >/dev/null
ok $? "it reads at once when asked to"
wait_for 4 logged hub 'ambries sent unasked'
ok $? "a new bundle goes to those that are there"
kill -HUP "${PIDS[hub]}"
sleep 0.2
is "$(status .reload.ok)" true "SIGHUP is fine as well"
like "$(grep 'registry version' hub.log | tail -n 1)" 'registry version [0-9]+: 2 flocks, 5 devices, 1 xflock' \
	"it logs how far it read"

# --- damaged, and mended ---

sqlite3 "$FOLDER/registry.db" "UPDATE counters SET value = value + 1 WHERE name = 'version';
	UPDATE devices SET mbit = 77 WHERE id = 7;
	UPDATE flocks SET version = (SELECT value FROM counters WHERE name = 'version')"
wait_for 3 logged hub 'registry stays as it was: .*is not as it was written'
ok $? "what nobody wrote is refused"
is "$(status .reload.ok)" false "the report says so"
is "$(status .registry.devices)" 5 "what was there stays"
rm -f "$FOLDER"/registry.db*
wait_for 8 logged hub 'registry stays as it was: .*registry\.db: No such file'
ok $? "a file that was taken away is missed"
is "$(status .registry.devices)" 5 "what was there stays, too"
rm -f "$FOLDER/hub.key"
make_device cafeba00 i=44:4
feed >/dev/null
wait_for 12 has_devices 6
ok $? "and it goes on with the one that comes"
is "$(status .reload.ok)" true "all is well"

# --- a restart needs nobody ---

finish gh 30
is "$STATUS" 0 "what was not touched lost nothing all the while"
stop hub
is "$STATUS" 0 "the daemon ends well"
start_cathedral hub hub
ok $? "it starts with what is there"
is "$(status .registry.devices)" 6 "at once"
is "$(grep -c 'nobody is served' hub.log)" 1 "without a word"
