#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The API on disks that are full, that may not be written to, and that give up in the midst of it:
# a tmpfs, and where the kernel lets us an ext4 in a file.  Loopback only.
. "$(dirname "$0")/lib.sh"
# shellcheck source=api.sh
. "$HERE/api.sh"

FULL=34
READONLY=14
GIVES_UP=12
plan $((2 * FULL + READONLY + GIVES_UP))

mkdir disk other
umask 077

# problem STATUS KIND NAME: so the last one was answered.
problem() {
	is "$CODE $(field type) $(field status)" "$1 urn:reliquary:problem:$2 $1" "$3" || note "$BODY"
}

# write_something: a change that needs room each time; CODE as of ask.
written=0
write_something() {
	ask -D head.txt -H "x-token: $TOKEN" \
		--json "{\"label\": \"token $((written + 1))\", \"scope\": \"read\"}" /v1/tokens
	[ "$CODE" = 201 ] && written=$((written + 1))
}

# tokens: how many there are, beside the first.
tokens() {
	ask -H "x-token: $TOKEN" /v1/tokens
	jq '[.tokens[] | select(.label | startswith("token"))] | length' <<<"$BODY"
}

ready() {
	curl -s --max-time 5 http://127.0.0.1:9080/readyz
}

join() {
	ask --json "{\"cosk\": \"$(printf '%064d' 1)\"}" "/v1/flocks/$FLOCK/devices"
	[ "$CODE" = 201 ]
}

invite() {
	said=$(admin invite create 2>&1)
}

# until_full COMMAND...: the log has some room of its own, and gets more when it is moved.
until_full() {
	local n

	for ((n = 0; n < 200; n++)); do
		"$@" || return 0
	done
	return 1
}

# all_files: of the data folder that are no longer than a moment there, and how long bundles are.
all_files() {
	find "$DATA" -type f ! -name '*-wal' ! -name '*-shm' -printf '%P %s\n' | grep bundles/ | sort
}

# new_bundle: of the flock, in a later second: its generation is the time.
new_bundle() {
	local second=$EPOCHSECONDS

	wait_for 2 later "$second"
	reliquary-ambry -C "$TREE" --force bundle "$FLOCK" "$FLOCK" 30 "$WORK/bundle" >out.txt
}

later() {
	[ "$EPOCHSECONDS" -gt "$1" ]
}

put_bundle() {
	ask -H "x-token: $TOKEN" -T "$WORK/bundle" "/v1/flocks/$FLOCK/ambry"
}

new_account() {
	register && new_flock && upload "$FLOCK"
	written=0
}

# one_bundle BEFORE: there is one, and it is another.
one_bundle() {
	local now

	now=$(all_files)
	[ "$(wc -l <<<"$now")" = 1 ] && [ "$now" != "$1" ]
}

# full NAME: of the disk that is mounted.
full() {
	local before copies

	DATA=$WORK/disk/data
	start_api "$1" --disk_free 1M --tokens_max 10000
	ok $? "$1: a service"
	new_account
	ok $? "$1: with an account, a flock and a bundle"
	write_something
	ok $? "$1: writes"
	before=$(all_files)

	# Not one block is left.
	cat /dev/zero >disk/filler 2>err.txt
	like "$(cat err.txt)" 'No space left' "$1: the disk is full"
	until_full write_something
	ok $? "$1: until a write finds no room"
	problem 503 no-space "$1: which is said"
	like "$(cat head.txt)" 'Retry-After: [0-9]+' "$1: with when to come again"
	like "$(ready)" '^not ready: ' "$1: it is not ready"
	until_full join
	problem 503 no-space "$1: to strangers as well"
	is "$(curl -s http://127.0.0.1:9080/healthz)" "alive" "$1: but alive"
	is "$(tokens)" "$written" "$1: reads go on, and show all that was acknowledged"
	ask -H "x-token: $TOKEN" /v1/flocks
	answers 200 "$1: everywhere"
	is "$(field 'flocks[0].id')" "$FLOCK" "$1: with what is there"
	ask -H "x-token: $TOKEN" "/v1/flocks/$FLOCK/devices"
	answers 200 "$1: in every list"
	said=$(curl -s --max-time 10 -o body.txt -w '%{http_code} %{size_upload}' -H "x-token: $TOKEN" \
		-H 'Expect: 100-continue' --expect100-timeout 9 -T bundle "$API/v1/flocks/$FLOCK/ambry")
	is "$said" "503 0" "$1: an upload is refused before its first byte"
	BODY=$(cat body.txt) CODE=503
	problem 503 no-space "$1: for want of room"

	# Commands say it, too, and leave nothing.
	copies=$(find disk -path disk/data -prune -o -type f -printf '%P\n' | sort)
	said=$(admin backup disk/copy 2>&1)
	like "$? $said" '^1 reliquary-api: .*([Ff]ull|No space left)' "$1: no backup fits"
	is "$(find disk -path disk/data -prune -o -type f -printf '%P\n' | sort)" "$copies" \
		"$1: and none is left half done"
	mount -t tmpfs -o size=2M tmpfs other
	said=$(admin backup other/copy 2>&1)
	like "$? $said" '^1 reliquary-api: .*([Ff]ull|No space left)' "$1: nor elsewhere, where only bundles do not"
	is "$(find other -mindepth 1)" "" "$1: nothing of it either"
	umount other
	until_full invite
	like "${said##*$'\n'}" '^reliquary-api: the disk is full' "$1: nor is an invitation made"
	admin stats >out.txt
	ok $? "$1: what only reads does"
	running "$1"
	ok $? "$1: it runs"
	is "$(all_files)" "$before" "$1: no file has come or gone"

	# Enough for writes, not for a bundle.
	truncate -s -3M disk/filler
	write_something
	ok $? "$1: with a little room it writes at once"
	new_bundle
	put_bundle
	problem 503 no-space "$1: but takes no bundle"
	rm disk/filler
	put_bundle
	answers 200 "$1: with room it takes one"
	wait_for 5 [ "$(ready)" = ready ]
	ok $? "$1: and is ready again"
	is "$(tokens)" "$written" "$1: nothing was lost, nothing came twice"

	# In the midst of a bundle.
	stop "$1"
	start_api "$1" --disk_free 0K --tokens_max 10000
	ok $? "$1: one that keeps nothing back"
	new_bundle
	wait_for 5 one_bundle ""
	before=$(all_files)
	(
		sleep 1
		cat /dev/zero >disk/filler 2>/dev/null
	) &
	filler=$!
	CODE=$(curl -s --max-time 30 --limit-rate 1M -o body.txt -w '%{http_code}' -H "x-token: $TOKEN" \
		-T bundle "$API/v1/flocks/$FLOCK/ambry")
	wait $filler
	BODY=$(cat body.txt)
	case $CODE in
	200) wait_for 5 one_bundle "$before" ;; # its room was kept, and its row found some
	503) grep -qxF "$before" <<<"$(all_files)" ;; # nobody's bytes may stay for a while
	*) false ;;
	esac
	ok $? "$1: a disk that fills up under a bundle: it is there, or the old one ($CODE)" || note "$BODY"
	rm disk/filler
	new_bundle
	put_bundle
	answers 200 "$1: with room comes the next one"
	stop "$1"
	touch -d '2 hours ago' disk/data/bundles/*
	start_api "$1" --disk_free 0K
	wait_for 5 one_bundle ""
	ok $? "$1: what nobody owns does not stay for ever"
	stop "$1"
	said=$(admin check 2>&1)
	like "$? $said" '^0 .*fine, with 1 bundle$' "$1: and all is found fine"
}

mount -t tmpfs -o size=48M tmpfs disk
full tmpfs

# --- what may not be written to ---

start_api readonly --disk_free 0K
new_account
ok $? "a service on a disk that can be written to"
before=$(all_files)
mount --bind "$DATA/bundles" "$DATA/bundles" && mount -o remount,bind,ro "$DATA/bundles"
ok $? "until its folder of bundles cannot"
new_bundle
put_bundle
problem 503 no-space "no bundle is taken"
is "$(all_files)" "$before" "the old one stays"
write_something
ok $? "all else goes on"
umount "$DATA/bundles"
put_bundle
answers 200 "and bundles, when it can again"
stop readonly
is "$STATUS" 0 "it ends in order"
mount -o remount,bind,ro disk
ok $? "the whole disk may only be read"
refuses 1 'data: Read-only file system' "nothing is served from it" serve --data "$DATA" --listen 127.0.0.1:8080
refuses 1 'reliquary\.db: Read-only file system' "nothing is made on it" --data "$DATA" invite create
refuses 1 'reliquary\.db: Read-only file system' "nothing is looked at: readers leave marks" \
	--data "$DATA" check
[ ! -e copy ] && refuses 1 'reliquary\.db: Read-only file system' "nor saved" \
	--data "$DATA" backup copy
is "$(find . -maxdepth 1 -name 'copy*')" "" "of which nothing is left"
mount -o remount,bind,rw disk
start_api readonly
ok $? "it starts again once it may write"
stop readonly
umount disk

# --- a disk that gives up ---

truncate -s 96M image
if ! command -v mkfs.ext4 >/dev/null || ! mkfs.ext4 -q -m 0 image || ! mount -o loop image disk 2>/dev/null; then
	skip $((FULL + GIVES_UP)) "no file system can be made in a file here"
	exit
fi
full ext4

# As if the cable was pulled: from now on nothing reaches it, and what was not on it is lost.
start_api lost --disk_free 0K
new_account
ok $? "a service on an ext4"
for _ in {1..20}; do
	write_something
done
is "$written" 20 "that writes"
new_bundle
put_bundle
answers 200 "and takes bundles"
want=$(sha256sum <bundle)
mount -o remount,abort disk
write_something
like "$CODE $(field type)" '^50[03] urn:reliquary:problem:(failed|no-space|busy)$' "the disk gives up: that is said"
like "$(ready)" '^not ready: ' "it is not ready"
is "$(curl -s http://127.0.0.1:9080/healthz)" "alive" "but alive"
new_bundle
put_bundle
like "$CODE $(field type)" '^50[03] urn:reliquary:problem:(failed|no-space|busy)$' "no bundle is taken"
stop lost
umount disk
mount -o loop image disk
ok $? "the disk comes back"
start_api lost
ok $? "the service with it"
is "$(tokens)" 20 "all that was acknowledged is there, and no more"
is "$(sha256sum "$DATA"/bundles/* 2>/dev/null | grep -c "^${want%% *} ")" 1 "the bundle, byte for byte"
put_bundle
answers 200 "and it takes the next one"
