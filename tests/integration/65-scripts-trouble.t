#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The commands against a service that lies, breaks off, sleeps or is not there, and on files that are
# in the way.  The service is a web server that sends what the test wants.
#
#   reliquary-* ---- 127.0.0.1 ---- responder.pl (what stands in web/answer)
#              \---- torsocks ---- socks.pl ----/
. "$(dirname "$0")/lib.sh"
. "$HERE/scripts.sh"

TOKEN=00112233445566778899aabbccddeeff
FLOCK=6442a01510d91a00
KEY=$(printf '5a%.0s' {1..32})

WEB=$WORK/web
mkdir "$WEB"
start web - perl "$HERE/responder.pl" "$WEB"
wait_for 5 test -s "$WEB/port" || skip_all "the responder does not start"
API=http://127.0.0.1:$(cat "$WEB/port")

# raw BYTES: what is answered from now on.  Escapes are as printf's.
raw() {
	rm -f "$WEB"/answer*
	# shellcheck disable=SC2059 # that is what it is for
	printf "BYTES\n$1" >"$WEB/answer"
}

# answer STATUS TYPE BODY: the same, as a proper answer.
answer() {
	rm -f "$WEB"/answer*
	reply "$@" >"$WEB/answer"
}

reply() {
	printf 'BYTES\nHTTP/1.1 %s Whatever\r\nContent-Type: %s\r\nContent-Length: %d\r\n' \
		"$1" "$2" "${#3}"
	printf 'Connection: close\r\n\r\n%s' "$3"
}

json() {
	answer "$1" application/json "$2"
}

# The last request that came, and how many did.
asked() {
	set -- "$WEB"/request.*
	cat "$WEB/request.$#"
}

count() {
	set -- "$WEB"/request.*
	[ -e "$1" ] && echo $# || echo 0
}

# log_in: a token by hand.
log_in() {
	rm -rf "$RELIQUARY"
	mkdir -m 700 "$RELIQUARY"
	echo "$API" >"$RELIQUARY/api"
	echo "$TOKEN" >"$RELIQUARY/token"
	chmod 400 "$RELIQUARY/token"
}

plan 258

# --- command lines ---

is "$(names "$SCRIPTS" | tr " " "\n" | grep -c "^reliquary-")" 30 "thirty commands"
for command in "$SCRIPTS"/reliquary "$SCRIPTS"/reliquary-*; do
	name=${command##*/}
	run "$command" --help
	[[ $STATUS = 0 && $OUT == "$name - "*"usage: $name"*"example:"* && -z $ERR ]]
	ok $? "$name --help" || note "$OUT$ERR"
	run "$command" --nonsense
	[[ $STATUS = 2 && -z $OUT && $ERR == *"--nonsense: no such option"*"usage: $name"* ]]
	ok $? "$name --nonsense" || note "$OUT$ERR"
done
runs "reliquary lists the commands" reliquary
is "$(grep -c '^reliquary-[a-z-]* *[a-z].*' <<<"$OUT")" 31 "each with a line, and the key tool"
run reliquary flock-list --help
like "$OUT" '^reliquary-flock-list - list' "reliquary flock-list is reliquary-flock-list"
fails 2 'flock-lost: no such command' "a command that is none" reliquary flock-lost
fails 2 'no such command' "nor is a path" reliquary ../scripts/reliquary-status
like "$(reliquary-ambry --version) $("$SCRIPTS/reliquary-status" --version)" \
	'^reliquary-ambry ([0-9.]+) reliquary-status ([0-9.]+)$' "--version"
is "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}" "is that of the other tools"

log_in
while read -r why command; do
	# shellcheck disable=SC2086 # words
	fails 2 . "refused: $why" $command
done <<END
a_flock_that_is_too_short reliquary-device-list 6442a01510d91a
a_domain reliquary-device-list 6442a01510d91a01
upper_case reliquary-device-list 6442A01510D91A00
a_path reliquary-device-list ../../v1/accountx
flock_zero reliquary-device-list 0000000000000000
a_device_that_is_none reliquary-device-approve $FLOCK 36d28deg
a_long_device reliquary-device-approve $FLOCK 36d28dec0
number_zero reliquary-device-approve --kek 00 $FLOCK 36d28dec
number_100 reliquary-device-approve --kek 100 $FLOCK 36d28dec
an_option_without_value reliquary-device-approve $FLOCK 36d28dec --kek
a_value_too_many reliquary-flock-delete --yes=no $FLOCK
a_word_too_many reliquary-flock-list $FLOCK
a_word_too_few reliquary-xflock-create $FLOCK
one_flock_twice reliquary-xflock-create $FLOCK $FLOCK
a_token_as_id reliquary-token-delete --yes $TOKEN
an_unknown_scope reliquary-token-create --scope root
a_time_that_is_none reliquary-token-create --expires-in soon
no_uses reliquary-enrolment-create --uses 0 $FLOCK
limit_zero reliquary-flock-list --limit 0
a_strange_next reliquary-flock-list --after a&b
an_unknown_verb reliquary-account destroy
nothing_to_change reliquary-device-label $FLOCK 36d28dec
nobody_to_ask reliquary-flock-delete $FLOCK
no_key_for_login reliquary-login $API -
END
is "$(count)" 0 "nothing of all this was sent"

# --- addresses ---

while read -r address; do
	fails 2 . "no address: $address" reliquary-init "$address"
done <<END
reliquary.example
ftp://127.0.0.1
http://reliquary.example
http://127.0.0.1.example
https://user:word@127.0.0.1
https://127.0.0.1/?x
https://127.0.0.1#x
https://-x.example
file:///etc/passwd
END
run reliquary-init http://reliquary.example
like "$ERR" 'everybody on the way can read' "http is refused with a reason"
rm -rf "$RELIQUARY"
fails 1 'no service is known: run reliquary-register' "without init" reliquary-flock-list
fails 1 'no service is known' "not even to join" reliquary-flock-join "$FLOCK"
json 200 '{"cathedral": "192.0.2.1:4500", "natport": 4501}'
runs "reliquary-init" reliquary-init "$API/v1/"
is "$(cat "$RELIQUARY"/{api,cathedral,natport} | tr '\n' ' ')" "$API 192.0.2.1:4500 4501 " \
	"writes api, cathedral and natport"
is "$(mode "$RELIQUARY") $(names "$RELIQUARY")" "700 api cathedral natport " \
	"in a closed folder, and nothing else"
fails 1 'not logged in: run reliquary-login' "without a token" reliquary-flock-list

# --- answers that are none ---

log_in
wrong() {
	fails "$2" "$3" "$1" reliquary-flock-list
}

good='{"flocks": [], "next": null}'
json 200 "$good"
runs "a good answer" reliquary-flock-list
is "$OUT" "$good" "comes out as it came in"
like "$(asked)" "^GET /v1/flocks HTTP" "it was asked for"
like "$(asked)" "Authorization: Bearer $TOKEN" "with the token"
json 200 '{"flocks": [], "next": "6442a01510d91a00"}'
run reliquary-flock-list --limit 7 --after 0000000000000100
like "$(asked)" '^GET /v1/flocks\?limit=7&after=0000000000000100 HTTP' "pages are asked for"
like "$ERR" 'there is more: --after 6442a01510d91a00' "and where the list goes on is said"

json 200 '{"flocks": [], "next": "x; rm -rf ~"}'
wrong "words for a command line that are none" 4 'not of the form'
json 200 '<html>Welcome!</html>'
wrong "a web page" 4 'does not answer as a Reliquary does'
json 200 '{"flocks": ['
wrong "half an answer" 4 'does not answer as a Reliquary does'
json 200 ''
wrong "an empty answer" 4 'does not answer as a Reliquary does'
json 200 '{"flocks": "none"}'
wrong "JSON of another form" 4 'not of the form'
json 200 '{"flocks": []} {"flocks": []}'
wrong "two answers in one" 4 'not of the form'
json 200 $'{"flocks": ["\e]0;x\a"]}'
wrong "orders to the terminal" 4 'not of the form'
raw 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\0\0\0}'
wrong "bytes that are no text" 4 'not of the form'
raw 'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"flocks": [], "next"'
wrong "an answer that breaks off" 3 'cannot be reached'
raw 'SSH-2.0-OpenSSH_9.2\r\n'
wrong "another protocol" 4 'does not answer as a Reliquary does'
raw 'HTTP/1.1 -7 Yes\r\n\r\n'
wrong "a status that is none" 4 'does not answer as a Reliquary does'
rm -f "$WEB"/answer*
wrong "nothing at all" 3 'cannot be reached'
answer 302 text/html ''
wrong "another place" 4 'sends elsewhere, which is not followed'
answer 500 text/html '<h1>Oops</h1>'
wrong "status 500 of somebody" 4 'status 500'
answer 502 text/html '<h1>Bad gateway</h1>'
wrong "a proxy before nothing" 3 'is away'
answer 404 text/html '<h1>Not found</h1>'
wrong "a page that is not there" 4 'status 404'
head -c 9000000 /dev/zero | tr '\0' ' ' >"$WORK/blanks"
{
	printf 'BYTES\nHTTP/1.1 200 OK\r\n\r\n'
	cat "$WORK/blanks"
} >"$WEB/answer"
wrong "an answer without end" 4 'does not answer as a Reliquary does'
printf 'SLOW 20\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{' >"$WEB/answer"
begin=$(now_ms)
RELIQUARY_CURL_OPTS='--max-time 1' wrong "an answer that does not come" 3 'cannot be reached'
between $(($(now_ms) - begin)) 900 8000 "RELIQUARY_CURL_OPTS says how long to wait"
RELIQUARY_CURL_OPTS=$'--max-time 5\n--no-such-option' wrong "a second line of them is read, too" 2 \
	'RELIQUARY_CURL_OPTS: curl does not understand'
RELIQUARY_CURL_OPTS='--no-such-option' wrong "options that curl does not know" 2 \
	'RELIQUARY_CURL_OPTS: curl does not understand'
stop web
start web - perl "$HERE/responder.pl" "$WEB" # on another port
fails 3 'cannot be reached' "nobody there" reliquary-flock-list
wait_for 5 eval "[ \"\$(cat $WEB/port)\" != \"${API##*:}\" ]"
API=http://127.0.0.1:$(cat "$WEB/port")
rm -f "$WEB"/request.*
log_in

# --- answers that say no ---

answer 409 application/problem+json \
	'{"type": "urn:reliquary:problem:quota", "title": "Conflict", "status": 409,
	"detail": "the account has as many flocks as it may have", "field": "label"}'
fails 1 '^reliquary-flock-create: the account has as many flocks as it may have \(label\)$' \
	"a problem's detail and field are said" reliquary-flock-create
answer 401 application/problem+json '{"title": "Unauthorized"}'
fails 1 'Unauthorized \(reliquary-login gets a new token\)' "a title will do" reliquary-flock-list
answer 403 application/problem+json '{"detail": "a\u001b[2Jb"}'
fails 1 ' a \[2Jb$' "orders to the terminal are not passed on" reliquary-flock-list
answer 403 application/problem+json '{"detail": 7}'
fails 4 'status 403' "a problem that says nothing" reliquary-flock-list
answer 403 application/json '{"detail": "no"}'
fails 4 'status 403' "a problem that is not called one" reliquary-flock-list
answer 200 text/html '<h1>Please log in to the network</h1>'
fails 4 'status 200' "nothing is deleted by somebody's page" reliquary-flock-delete --yes "$FLOCK"
fails 4 'status 200' "nor the account" reliquary-account --yes delete
[ -e "$RELIQUARY/token" ]
ok $? "whose token stays"

# --- answers that get lost ---

rm -f "$WEB"/request.* "$WEB"/answer*
stop web
start web - perl "$HERE/responder.pl" "$WEB"
wait_for 5 eval "[ \"\$(cat $WEB/port)\" != \"${API##*:}\" ]"
API=http://127.0.0.1:$(cat "$WEB/port")
log_in
echo CLOSE >"$WEB/answer.1"
reply 201 application/json "{\"id\": \"$FLOCK\"}" >"$WEB/answer.2"
runs "a flock is made although the first answer got lost" reliquary-flock-create --label 'a "b" \ ü'
is "$OUT" "$FLOCK" "its id is printed"
is "$(count)" 2 "it was asked for twice"
is "$(grep -ai '^idempotency-key' "$WEB/request.1")" \
	"$(grep -ai '^idempotency-key' "$WEB/request.2")" "with one Idempotency-Key"
like "$(grep -ai '^idempotency-key' "$WEB/request.1" | tr -d '\r')" ': [0-9a-f]{64}$' \
	"which nobody can guess"
is "$(tail -n 1 "$WEB/request.2" | jq -r .label)" 'a "b" \ ü' "its label goes through as it is"
echo CLOSE >"$WEB/answer"
fails 3 'may have been done all the same' "a change whose answer gets lost" \
	reliquary-flock-delete --yes "$FLOCK"
is "$(count)" 3 "is not asked for twice"

# --- accounts ---

account="{\"account\": \"$KEY\", \"token\": \"$TOKEN\", \"share_id\": \"77a0e1d0a3b9c2f4\",
	\"cathedral\": null, \"natport\": null, \"expires\": \"2026-11-22T06:00:00Z\"}"
json 201 "$account"
fails 1 'somebody is logged in here already; say --force' "registering on top of an account" \
	reliquary-register "$API"
is "$(count)" 3 "asks nobody"
export RELIQUARY=$WORK/deep/er/two
runs "an account without proof of work" reliquary-register --region eu "$API"
like "$(asked | head -n 1)" '^POST /v1/register\?region=eu HTTP' "with a cathedral nearby"
is "$OUT" "$KEY" "prints its key, and only that, on standard output"
like "$ERR" 'keep it, nobody can give it to you again' "and says what it is"
like "$ERR" 'good until 2026-11-22T06:00:00Z.*|has no cathedral at the moment' "and how long"
is "$(mode "$RELIQUARY") $(mode "$RELIQUARY/token") $(cat "$RELIQUARY/token")" "700 400 $TOKEN" \
	"the token is stored, closed"
! grep -rq "$KEY" "$WORK/deep"
ok $? "the key is not"
chmod 444 "$RELIQUARY/token"
json 200 "$good"
run reliquary-flock-list
like "$STATUS $ERR" '^0 .*warning: others can read .*/token' "a token that others can read is noted"
INPUT=$KEY$'\n'
json 200 "{\"token\": \"$TOKEN\", \"share_id\": \"x\", \"cathedral\": \"192.0.2.9:1\", \"natport\": 2}"
runs "login with a key from standard input" reliquary-login "$API" -
is "$(asked | tail -n 1) $ERR" "$KEY " "sends it"
is "$(mode "$RELIQUARY/token")" 400 "and stores the token closed again"
echo "$KEY" >"$WORK/account.key"
runs "login with a key from a file" reliquary-login "$API" @"$WORK/account.key"
run reliquary-login "$API" "$KEY"
like "$ERR" 'warning: others on this machine can see the account key' \
	"login with a key on the command line warns"
INPUT=$KEY$'\n'
fails 1 "logged in to $API here; say --force" "logging in elsewhere" \
	reliquary-login http://127.0.0.2:1
json 200 '{"token": "0; rm -rf", "cathedral": null, "natport": null}'
INPUT=$KEY$'\n'
fails 4 'not of the form' "a token that is none" reliquary-login "$API"
json 200 '{"cathedral": "192.0.2.9:1\n8", "natport": null}'
fails 4 'not of the form' "a cathedral that is none" reliquary-init "$API"
is "$(cat "$RELIQUARY/token" "$RELIQUARY/cathedral")" "$TOKEN"$'\n'192.0.2.9:1 "change nothing"

rm "$WEB"/request.* "$WEB"/answer*
stop web
start web - perl "$HERE/responder.pl" "$WEB"
wait_for 5 eval "[ \"\$(cat $WEB/port)\" != \"${API##*:}\" ]"
API=http://127.0.0.1:$(cat "$WEB/port")
export RELIQUARY=$WORK/three
reply 403 application/problem+json \
	'{"type": "urn:reliquary:problem:proof-of-work", "detail": "work first"}' >"$WEB/answer.1"
reply 200 application/json '{"challenge": "aa.bb", "bits": 8, "expires": "x"}' >"$WEB/answer.2"
reply 201 application/json "$account" >"$WEB/answer.3"
runs "an account with proof of work" reliquary-register "$API"
is "$(tail -n 1 "$WEB/request.3" | jq -r .challenge)" aa.bb "answers the challenge"
nonce=$(tail -n 1 "$WEB/request.3" | jq -r .nonce)
like "$(printf 'aa.bb%s' "$nonce" | b2sum -l 256)" '^00' "with work that can be seen"
rm "$WEB"/answer*
answer 200 application/json '{"challenge": "--help", "bits": 0, "expires": "x"}'
mv "$WEB/answer" "$WEB/answer.5"
reply 403 application/problem+json \
	'{"type": "urn:reliquary:problem:proof-of-work", "detail": "work first"}' >"$WEB/answer.4"
reply 403 application/problem+json '{"detail": "none"}' >"$WEB/answer.6"
fails 1 'none$' "a challenge that looks like an option" reliquary-register --force "$API"
is "$(tail -n 1 "$WEB/request.6" | jq -r '.nonce | length')" 16 "is answered like any other"
reply 403 application/problem+json \
	'{"type": "urn:reliquary:problem:proof-of-work", "detail": "work first"}' >"$WEB/answer.7"
reply 200 application/json '{"challenge": "aa.bb", "bits": 63, "expires": "x"}' >"$WEB/answer.8"
fails 4 'proof of work of 63 bits' "work for a lifetime is not begun" \
	reliquary-register --force "$API"

log_in
truncate -s 3756730 "$WORK/empty-bundle"
while read -r answer; do
	json 200 "$answer"
	fails 4 'not of the form' "no device: $answer" \
		reliquary-device-label "$FLOCK" 36d28dec laptop
	run reliquary-status
	like "$STATUS $ERR" '^4 .*not of the form' "nor the state of an account"
	fails 4 'not of the form' "nor what a bundle is" \
		reliquary-ambry-upload "$FLOCK" "$WORK/empty-bundle"
done <<'END'
{}
{"label": null, "bw_limit": 25, "share_id": "x", "state": "x", "flocks": 1}
{"label": "x", "bw_limit": "25", "share_id": "x", "state": "x", "expires": "x", "flocks": {}}
{"generation": "0x00000001", "expires": "x"}
{"generation": "x", "expires": "x", "tunnels": 1}
END

# --- nobody reads it ---

# unread COMMAND WORD...: standard output is a disk that is full.
unread() {
	PATH="$SPY:$SCRIPTS:$PATH" "$@" </dev/null >/dev/full 2>err.txt
	STATUS=$?
}

log_in
json 200 "$good"
unread reliquary-flock-list
is "$STATUS $(cat err.txt)" "1 reliquary-flock-list: standard output cannot be written to" \
	"a list that nobody gets is a failure"
json 201 "{\"id\": \"$FLOCK\"}"
unread reliquary-flock-create
is "$STATUS $(cat err.txt)" "1 reliquary-flock-create: standard output cannot be written to" \
	"as is a line"
export RELIQUARY=$WORK/four
json 201 "$account"
unread reliquary-register "$API"
like "$STATUS $(tail -n 1 err.txt)" '^1 .*its key could not be written .*reliquary-account key makes another' \
	"an account whose key is lost"
is "$(cat "$RELIQUARY/token")" "$TOKEN" "is kept by its token"
rm "$RELIQUARY/token"
(
	PATH="$SPY:$SCRIPTS:$PATH" reliquary-register "$API" 2>err.txt
	echo $? >status.txt
) | true
wait_for 5 test -s status.txt
is "$(cat status.txt "$RELIQUARY/token" | tr '\n' ' ')" "1 $TOKEN " "also when its reader has gone"

# --- a service that wants to have another device's key ---

log_in
json 200 "{\"kek_file\": \"$FLOCK/kek-data/kek-0x1a\"}"
runs "a device is approved" reliquary-device-approve "$FLOCK" 36d28dec
is "$OUT" "36d28dec is device 1a; give it $FLOCK/kek-data/kek-0x1a" "and which key is its own said"
runs "the number may be said" reliquary-device-approve --kek 1A "$FLOCK" 36d28dec
is "$(asked | tail -n 1)" '{"kek": 26}' "to the service"
fails 4 'not of the form' "which may not say another one" \
	reliquary-device-approve --kek 1b "$FLOCK" 36d28dec
json 200 '{"kek_file": "6442a01510d91b00/kek-data/kek-0x1a"}'
fails 4 'not of the form' "nor another flock's" reliquary-device-approve "$FLOCK" 36d28dec
export RELIQUARY=$WORK/three

# --- files that are in the way ---

device='{"cathedral_id": "36d28dec", "cathedral_secret": "SECRET", "flock": "6442a01510d91a00"}'
secret=$(printf 'c3%.0s' {1..32})
json 201 "${device/SECRET/$secret}"
runs "a device joins" reliquary-flock-join "$FLOCK"
in=$RELIQUARY/$FLOCK
is "$(mode "$in") $(cd "$in" && stat -c '%n:%a:%s' -- * | tr '\n' ' ')" \
	"700 cathedral_id:600:9 cosk-36d28dec:400:64 cosk-pub-36d28dec:444:32 id-36d28dec:400:32 " \
	"its files are as they should be"
is "$(od -An -v -tx1 "$in/id-36d28dec" | tr -d ' \n')" "$secret" "the secret is in bytes"
is "$(find "$in" -name ".*" ! -path "$in")" "" "nothing is left over"
# Only what the system has is there, and then what sanctum brings.
cp -r "$SCRIPTS" alone
mkdir sanctum
ln -s "$(command -v reliquary-ambry)" sanctum/ambry
mkdir -m 700 five
echo "$API" >five/api
alone() {
	RELIQUARY=$WORK/five PATH=$1 "$WORK/alone/reliquary-flock-join" "$FLOCK" </dev/null >out.txt 2>err.txt
	STATUS=$?
}
alone /usr/bin:/bin
like "$STATUS $(cat err.txt)" '^1 .*reliquary-ambry is needed to make keys, and not installed' \
	"without a tool that makes keys nothing is joined"
is "$(names "five/$FLOCK")" "" "and nothing is left"
alone "$WORK/sanctum:/usr/bin:/bin"
is "$STATUS $(names "five/$FLOCK" | wc -w)" "0 4" "sanctum's ambry will do" || note "$(cat err.txt)"
rm -r "five/$FLOCK" sanctum/ambry
printf '#!/bin/sh\nexit 2\n' >sanctum/ambry
chmod 755 sanctum/ambry
alone "$WORK/sanctum:/usr/bin:/bin"
like "$STATUS $(cat err.txt)" \
	"^1 .*sanctum's ambry does not know .cosk-pair PRIVATE PUBLIC.; install reliquary-ambry" \
	"if it knows how"
mkdir -m 700 ./-x
echo "$API" >./-x/api
RELIQUARY=-x runs "with a folder that looks like an option it joins as well" \
	reliquary-flock-join "$FLOCK"
is "$(names "./-x/$FLOCK" | wc -w)" 4 "and has all of its files"
rm -r ./-x
unlike "$(asked | tr -d '\0')" 'uthorization' "no token was sent, as none is needed"
fails 1 'in the flock already' "it does not join twice" reliquary-flock-join "$FLOCK"

cp "$in/cosk-36d28dec" "$WORK/cosk.before"
rm "$in/cathedral_id"
fails 1 'has accepted this device as 36d28dec, but .*id-36d28dec cannot be written' \
	"the same identity again, by a service that forgot" reliquary-flock-join "$FLOCK"
cmp -s "$in/cosk-36d28dec" "$WORK/cosk.before"
ok $? "overwrites no key"
is "$(find "$in" -name cosk -size 64c | wc -l)" 1 "and throws none away"
rm -rf "$in"
answer 409 application/problem+json '{"detail": "too many devices wait"}'
fails 1 'too many devices wait' "a join that is refused" reliquary-flock-join "$FLOCK"
is "$(names "$in")" "" "leaves nothing"
json 201 "${device/SECRET/abc}"
fails 4 'not of the form' "a join that is answered wrong" reliquary-flock-join "$FLOCK"

head -c 32 /dev/urandom >"$WORK/kek"
runs "a KEK is installed" reliquary-kek-install "$FLOCK" 0x1A "$WORK/kek"
is "$(mode "$in/kek-0x1a") $(cat "$in/device_kek")" "400 1a" "closed, with its number"
runs "again, and nothing happens" reliquary-kek-install "$FLOCK" 1a "$WORK/kek"
head -c 32 /dev/urandom >"$WORK/other"
fails 1 'another key is there; move it away first' "another one" \
	reliquary-kek-install "$FLOCK" 1a "$WORK/other"
cmp -s "$in/kek-0x1a" "$WORK/kek"
ok $? "does not take its place"
head -c 31 /dev/urandom >"$WORK/short"
fails 1 'a key has 32 bytes' "a short one" reliquary-kek-install "$FLOCK" 02 "$WORK/short"
fails 1 'a key has 32 bytes' "one without end" reliquary-kek-install "$FLOCK" 02 "$WORK/blanks"
fails 1 'no file that can be read' "one that is not there" reliquary-kek-install "$FLOCK" 02 none
is "$(names "$in")" "device_kek kek-0x1a " "leave nothing"

log_in
fails 1 'has 32 bytes; a bundle of one flock has 3756730' "a bundle of the wrong size" \
	reliquary-ambry-upload "$FLOCK" "$WORK/kek"
before=$(count)
truncate -s 3756730 "$WORK/a \"bundle\" \\"
{
	echo REFUSE
	reply 400 application/problem+json '{"detail": "the bundle is of another flock"}' |
		tail -n +2
} >"$WEB/answer"
fails 1 'the bundle is of another flock' "a bundle that is refused before it was sent" \
	reliquary-ambry-upload "$FLOCK" "$WORK/a \"bundle\" \\"
between "$(stat -c %s "$WEB/request.$((before + 1))")" 100 2000 "is not sent"
json 200 '{"generation": "0x649af776", "expires": "2026-12-21T10:33:00Z", "tunnels": 32385}'
runs "a bundle under a strange name" reliquary-ambry-upload "$FLOCK" "$WORK/a \"bundle\" \\"
is "$OUT" "generation 0x649af776, 32385 tunnels, good until 2026-12-21T10:33:00Z" "says what it is"
between "$(stat -c %s "$WEB/request.$(count)")" 3756830 3758730 "arrives whole"

# --- who is interrupted ---

# interrupted SIGNAL COMMAND WORD...: it and all that it runs get the signal while a file that is
# not whole yet is on its way to the disk.
rm "$SPY/sync"
printf '#!/bin/bash\ntouch "%s"\nsleep 1\n' "$WORK/syncing" >"$SPY/sync"
chmod 755 "$SPY/sync"
interrupted() {
	rm -f syncing
	set -m
	PATH="$SPY:$SCRIPTS:$PATH" "${@:2}" </dev/null >out.txt 2>err.txt &
	set +m
	wait_for 5 test -e syncing
	kill -"$1" -- -$!
	wait $!
	STATUS=$?
}

drafts() {
	find "$RELIQUARY" -name '.*' ! -path "$RELIQUARY"
}

no_drafts() {
	[ -z "$(drafts)" ]
}

for signal in INT TERM HUP; do
	json 200 '{"cathedral": "192.0.2.77:4500", "natport": 4501}'
	interrupted "$signal" reliquary-init "$API"
	[ "$STATUS" != 0 ]
	ok $? "SIG$signal ends init"
	wait_for 5 no_drafts
	ok $? "and takes along what was half written" || note "$(drafts)"
	interrupted "$signal" reliquary-kek-install "$FLOCK" 03 "$WORK/kek"
	wait_for 5 no_drafts
	is "$? $(names "$RELIQUARY/$FLOCK")" "0 " "nor is half a key left" || note "$(drafts)"
done
json 201 "${device/SECRET/$secret}"
interrupted TERM reliquary-flock-join "$FLOCK"
is "$STATUS $(names "$RELIQUARY/$FLOCK")" \
	"0 cathedral_id cosk-36d28dec cosk-pub-36d28dec id-36d28dec " \
	"a device that the service has accepted finishes what it has to write"
ln -sf spy "$SPY/sync"

# --- at a terminal ---

if command -v script >/dev/null; then
	before=$(count)
	INPUT=no$'\n' run script -qefc "reliquary-flock-delete $FLOCK" /dev/null
	like "$STATUS $OUT" '^1 .*go, for good\.  Type "yes": .*nothing was done' "who says no is heard"
	is "$(count)" "$before" "and nothing is sent"
	raw 'HTTP/1.1 204 No Content\r\n\r\n'
	INPUT=yes$'\n' run script -qefc "reliquary-flock-delete $FLOCK" /dev/null
	like "$STATUS $OUT" "^0 .*the flock $FLOCK is deleted" "who says yes as well"
	json 200 "{\"token\": \"$TOKEN\", \"share_id\": \"x\", \"cathedral\": null, \"natport\": null}"
	INPUT=$KEY$'\n' run script -qefc "reliquary-login $API" /dev/null
	like "$STATUS $OUT" "^0 .*account key: .*logged in to $API as x" "a key can be typed"
	is "$(asked | tail -n 1)" "$KEY" "and is sent"
	json 200 '{"generation": "0x649af776", "expires": "2026-12-21T10:33:00Z", "tunnels": 32385}'
	truncate -s 3756730 "$WORK/bundle"
	run script -qefc "reliquary-ambry-upload $FLOCK $WORK/bundle" /dev/null
	like "$STATUS $OUT" '^0 .*100\.0%.*generation 0x649af776' "an upload shows how far it is"
else
	skip 6 "script is not installed"
fi

# --- secrets ---

unseen "no secret stood on a command line or in an environment" "$TOKEN" "$KEY" "$secret"
grep -q '^curl -q --config -$' "$SEEN"
ok $? "what was run was seen"
[ ${#TAKEN_NAMES[@]} -gt 80 ] && grep -q '^  environment: TOKEN=taken$' "$SEEN"
ok $? "with its environment, in which all names were taken"
