#!/bin/bash
# SPDX-License-Identifier: ISC
#
# cathedral-sync and services that are broken, slow, endless or lie: what they send is refused by
# name, the registry stays as it was, it costs little, and goes on when the truth comes back.
export TEST_LIMIT=300
. "$(dirname "$0")/lib.sh"
. "$HERE/sync.sh"
plan 62

MINE=a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3
mkdir liar
start liar - "$HERE/liar.pl" liar
wait_for 5 test -s liar/port
put_token "$MINE"
say "api http://127.0.0.1:$(cat liar/port)" "wait 1s"
start_sync
ok $? "it starts"
# ids of flocks and devices, and up to where.
content() {
	registry "SELECT (SELECT value FROM counters WHERE name = 'until'),
		(SELECT count(*) FROM flocks), (SELECT group_concat(id) FROM devices)"
}
TRUTH="5|1|$((16#36d28dec))"
tells_truth() {
	[ "$(content)" = "$TRUTH" ]
}
wait_for 5 tells_truth
ok $? "and follows"
FILES=$(find "/proc/${PIDS[sync]}/fd" | wc -l)

# lies MODE REGEX NAME: the service begins to lie like this, which is noticed within 5 s.
lies() {
	local before

	before=$(grep -cE -- "$2" "$WORK/sync.log")
	echo "$1" >liar/mode
	kill -HUP "${PIDS[sync]}"
	wait_for "${4:-5}" logged sync "$2" $((before + 1))
	ok $? "$3" || note "$(tail -n 3 "$WORK/sync.log")"
	is "$(content)" "$TRUTH" "... and changes nothing"
	before=$(grep -c 'is followed again' sync.log)
	echo honest >liar/mode
	kill -HUP "${PIDS[sync]}"
	wait_for 5 logged sync 'is followed again' $((before + 1)) || note "it is not followed again"
}

lies garbage 'page that is refused: not JSON: ' "garbage is refused"
lies html "page that is refused: not JSON: '\[' or '\{' expected near '<'" "and the page of a hotel"
lies empty 'page that is refused: not JSON: ' "and an empty one"
lies deep 'page that is refused: not JSON: maximum parsing depth' "and one that is too deep"
lies wrong 'page that is refused: flocks\[0\]: devices\[0\]: cathedral_id: not 8 hex digits' \
	"and one with a device that is none"
is "$(stat -c %a "$STATE/registry.db.refused")" 660 "the last of them is there to be looked at"
grep -q '36D28DEC' "$STATE/registry.db.refused"
ok $? "with what is wrong with it"
grep -q 5ec7e7 "$STATE/registry.db.refused"
is "$?" 1 "but without secrets"
lies cut 'cannot be reached: (transfer closed|end of response)' "half a page is none"
lies none 'cannot be reached: Empty reply' "nor is nothing"
lies nohttp 'cannot be reached: (Received HTTP/0.9|Unsupported protocol|Weird|.*HTTP)' "nor is another protocol"
lies redirect 'the service answers 302, which is not followed' "a redirect is not followed"
grep -q elsewhere liar/requests
is "$?" 1 "anywhere"
lies denied "does not take the token in .* \(401: no such token\)" "401 is said clearly"
lies busy 'the service answers 503: draining' "503, too"
lies circle 'refused: there is more, it says, but it gets no further' "a page that goes nowhere is refused"
lies jump 'goes on from elsewhere' "one that begins elsewhere, too"
grep -q '^honest .*since=0&wait=0 ' <(tail -n 8 liar/requests)
ok $? "and then all there is has to come"
lies database 'goes on from elsewhere' "the same for one of another database"
lies huge 'cannot be reached: the answer is longer than it may be' "too much is not read" 15
lies said 'cannot be reached: the answer is longer than it may be|Maximum file size exceeded' "nor what says so"
lies heads 'cannot be reached: (the head of the answer is longer than it may be|Too large response headers)' "nor heads without end" 15
lies swelling 'refused: a document that takes more memory than it may' "nor what swells" 30
lies silent 'cannot be reached: Operation too slow' "silence has an end" 25
lies drip 'cannot be reached: Operation too slow' "and so has what drips" 25

# --- how often ---

# asked SECONDS: how many requests came in that time.
asked() {
	local before

	before=$(grep -c '' liar/requests)
	sleep "$1"
	echo $(($(grep -c '' liar/requests) - before))
}
echo hasty >liar/mode
kill -HUP "${PIDS[sync]}"
between "$(asked 4)" 2 5 "a service that does not wait is asked every second or two"
echo busy >liar/mode
kill -HUP "${PIDS[sync]}"
between "$(asked 4)" 1 3 "one that asks for two seconds gets them"
echo never >liar/mode
kill -HUP "${PIDS[sync]}"
between "$(asked 2)" 0 2 "one that asks for years is not asked at once"
echo none >liar/mode
kill -HUP "${PIDS[sync]}"
between "$(asked 7)" 2 8 "one that is broken is asked less and less" # libcurl tries a kept connection twice
echo endless >liar/mode
kill -HUP "${PIDS[sync]}"
many() {
	[ "$(grep -c '^endless' liar/requests)" -ge 1000 ]
}
wait_for 60 many
ok $? "a service may have very much to tell"
sleep 3
between "$(asked 3)" 10 45 "but not without end at full speed"
between "$(grep -c 'up to change' sync.log)" 1 100 "and the log does not fill"

# --- what it costs ---

running sync
ok $? "it runs all the time"
# libcurl may keep a connection more.
between "$(find "/proc/${PIDS[sync]}/fd" | wc -l)" $((FILES - 2)) $((FILES + 2)) "descriptors do not pile up"
peak=$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/${PIDS[sync]}/status")
resident=$(awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/${PIDS[sync]}/status")
note "memory: $peak MiB at most, $resident MiB now"
if [ -n "$SANITIZER" ]; then
	skip 2 "a sanitizer needs memory of its own"
else
	between "$peak" 1 600 "memory has a limit"
	between "$resident" 1 64 "and is given back"
fi
between "$(jq .service.refused "$STATE/registry.db.status")" 7 12 "what was refused is counted"
grep -q "$MINE" sync.log
is "$?" 1 "the token is in no log"
is "$(awk '{ print $3 }' liar/requests | sort -u)" "$MINE" "but in every request"
kill -TERM "${PIDS[sync]}"
finish sync 2
is "$STATUS" 0 "it ends at once"
