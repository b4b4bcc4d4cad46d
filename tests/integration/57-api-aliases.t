#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The older command-line tool, as it calls curl: forms with nothing in them, keys and files as the
# body, the token as x-token, and answers read by "jq -r".
. "$(dirname "$0")/lib.sh"
. "$HERE/api.sh"

command -v reliquary-api >/dev/null || skip_all "reliquary-api is not built"

# answered NAME REGEX FILTER: the last answer was a success, and jq -r finds this in it.
answered() {
	[[ $CODE == 2?? && $(jq -r "$3" <<<"$BODY") =~ $2 ]]
	ok $? "$1" || note "$CODE $BODY"
}

# says NAME REGEX: the last answer is this text.
says() {
	[[ $CODE == 2?? && $BODY =~ $2 ]]
	ok $? "$1" || note "$CODE $BODY"
}

plan 61

start_api api --registration open --account-flocks 4
ok $? "the service starts"
admin cathedral add vesper 192.0.2.1:4500 --nat-port 4501 >vesper.token 2>/dev/null

# --- register, init ---

ask --data "" /v1/register
answered "register with an empty form: account" '^[0-9a-f]{64}$' .account
answered "token" '^[0-9a-f]{32}$' .token
answered "cathedral" '^192\.0\.2\.1:4500$' .cathedral
answered "natport" '^4501$' .natport
KEY=$(field account)
TOKEN=$(field token)
ask --data "$KEY" /v1/init
answered "init with the key as a form: token" '^[0-9a-f]{32}$' .token
answered "cathedral" '^192\.0\.2\.1:4500$' .cathedral
answered "natport" '^4501$' .natport
[ "$(field token)" != "$TOKEN" ]
ok $? "the token is another one"
TOKEN=$(field token)
echo "$KEY" >key.txt
ask --data @key.txt /v1/init
answered "init with a file" '^[0-9a-f]{32}$' .token
ask --data-binary @key.txt /v1/init
answered "init with a file and its line end" '^[0-9a-f]{32}$' .token
ask --data "" /v1/init
answered "init with an empty form: cathedral" '^192\.0\.2\.1:4500$' .cathedral
answered "no token" '^null$' .token
ask --data "${KEY//[0-9]/0}" /v1/init
answers 401 "init with a key that is nobody's"

# --- flock ---

ask --data "" -H "x-token: $TOKEN" /v1/flock/create
answered "flock/create: id" '^[0-9a-f]{14}00$' .id
FLOCK=$(field id)
ask --data "" -H "x-token: $TOKEN" -H "Accept: text/plain" /v1/flock/create
says "as text: the id alone" '^[0-9a-f]{14}00$'
SECOND=$BODY
ask -H "x-token: $TOKEN" /v1/flock/list
is "$(field 'flocks[].id' | sort)" "$(printf '%s\n' "$FLOCK" "$SECOND" | sort)" "flock/list: both"
ask --data "" -H "x-token: $TOKEN" "/v1/flock/$SECOND/delete"
answered "flock/delete" "^$SECOND\$" .deleted
ask --data "" -H "x-token: $TOKEN" "/v1/flock/$SECOND/delete"
answers 404 "once"
is "$(field detail)" "there is no such flock" "in a problem document"

# --- device ---

reliquary-ambry cosk-pair cosk.key cosk.pub >/dev/null
ask --data-binary @cosk.pub "/v1/device/$FLOCK/create"
answered "device/create: cathedral_id" '^[0-9a-f]{8}$' .cathedral_id
answered "cathedral_secret" '^[0-9a-f]{64}$' .cathedral_secret
answered "flock" "^$FLOCK\$" .flock
FIRST=$(field cathedral_id)
ask --data-binary @cosk.pub "/v1/device/${FLOCK%00}07/create"
answered "with a domain: the flock without it" "^$FLOCK\$" .flock
OTHER=$(field cathedral_id)
ask --data-binary @cosk.pub "/v1/device/0123456789abcd00/create"
answered "a flock that does not exist: the same" '^0123456789abcd00$' .flock
ask -H "x-token: $TOKEN" "/v1/device/list/$FLOCK"
is "$(field 'devices[].device_cathedral_id' | sort)" \
	"$(printf '%s\n' "$FIRST" "$OTHER" | sort)" "device/list: both"
is "$(field 'devices[] | .device_approved + .device_kek' | sort -u)" f0 "they wait"
is "$(field 'devices[0] | [.device_kek, .device_cathedral_id, .device_approved, .device_created] |
	map(type) | unique[]')" string "the old members are texts"
like "$(field 'devices[0].device_created')" '^1[0-9]{9}$' "the time is Unix seconds"
ask --data "" -H "x-token: $TOKEN" "/v1/device/$FLOCK/$FIRST/approve"
answered "device/approve: kek_file" "^$FLOCK/kek-data/kek-0x01\$" .kek_file
answered "device_kek" '^1$' .device_kek
answered "device_cathedral_id" "^$FIRST\$" .device_cathedral_id
ask --data "" -H "x-token: $TOKEN" "/v1/device/$FLOCK/$FIRST/approve"
answers 409 "once"
ask --data "" -H "x-token: $TOKEN" -H "Accept: text/plain" "/v1/device/$FLOCK/${OTHER}/approve"
says "as text: a line that names the file" "^[^{]*${OTHER}[^{]* $FLOCK/kek-data/kek-0x02\$"
ask -H "x-token: $TOKEN" "/v1/device/list/$FLOCK"
is "$(field 'devices[] | .device_approved + .device_kek' | tr '\n' ' ')" "t1 t2 " "now they are in"
listed=$BODY
ask -H "x-token: $TOKEN" "/v1/flocks/$FLOCK/devices"
is "$BODY" "$listed" "the newer name lists the same"
ask --data "" -H "x-token: $TOKEN" "/v1/device/$FLOCK/${OTHER}/delete"
answered "device/delete" "^${OTHER}\$" .deleted
ask --data "" -H "x-token: $TOKEN" "/v1/device/$FLOCK/${OTHER}/delete"
answers 404 "once"

# --- ambry ---

reliquary-ambry -C "$TREE" generate "$FLOCK" >/dev/null
reliquary-ambry -C "$TREE" bundle "$FLOCK" "$FLOCK" 30 "$WORK/one.bundle" >one.txt
ask --data-binary @one.bundle -H "x-token: $TOKEN" "/v1/ambry/$FLOCK"
answered "ambry: generation" "^$(sed 's/.* //' one.txt)\$" .generation
answered "tunnels" '^32385$' .tunnels
ask --data-binary @one.bundle -H "x-token: $TOKEN" "/v1/ambry/$FLOCK"
answers 409 "the same one again"

# --- xflock ---

ask --data "" /v1/register
THEIRS=$(field token)
ask --data "" -H "x-token: $THEIRS" /v1/flock/create
FAR=$(field id)
reliquary-ambry -C "$TREE" generate "$FAR" >/dev/null
reliquary-ambry -C "$TREE" export "$FLOCK" "$FAR" >/dev/null
reliquary-ambry -C "$TREE" export "$FAR" "$FLOCK" >/dev/null
reliquary-ambry -C "$TREE" bundle "$FLOCK" "$FAR" 30 "$WORK/two.bundle" >two.txt
ask --data "" -H "x-token: $TOKEN" "/v1/xflock/$FLOCK/$FAR/create"
answered "xflock/create" '^pending$' .state
ask --data-binary @two.bundle -H "x-token: $TOKEN" "/v1/xflock/$FLOCK/$FAR/ambry"
answers 409 "no bundle while it is pending"
ask --data "" -H "x-token: $TOKEN" -H "Accept: text/plain" "/v1/xflock/$FLOCK/$FAR/create"
says "as text: what the other side does" "^reliquary-xflock-create $FAR $FLOCK\$"
ask --data "" -H "x-token: $THEIRS" "/v1/xflock/$FLOCK/$FAR/create"
answers 404 "the other side cannot say it for us"
ask --data "" -H "x-token: $THEIRS" "/v1/xflock/$FAR/$FLOCK/create"
answered "the other side agrees" '^established$' .state
ask -H "x-token: $TOKEN" /v1/xflock/list
answered "xflock/list" "^$FLOCK $FAR established null\$" \
	'.xflocks[] | "\(.flock_a) \(.flock_b) \(.state) \(.ambry)"'
ask --data-binary @two.bundle -H "x-token: $THEIRS" "/v1/xflock/$FAR/$FLOCK/ambry"
answered "xflock/ambry, by either side" "^$(sed 's/.* //' two.txt)\$" .generation
answered "tunnels" '^65025$' .tunnels
ask --data-binary @two.bundle -H "x-token: $TOKEN" "/v1/ambry/$FLOCK"
answers 413 "it is none for one flock"
ask --data "" -H "x-token: $TOKEN" "/v1/xflock/$FLOCK/$FAR/delete"
is "$CODE $BODY" "204 " "xflock/delete: 2xx, and nothing to read"
ask --data "" -H "x-token: $TOKEN" "/v1/xflock/$FLOCK/$FAR/delete"
answers 404 "once"

# --- what else the tool relies on ---

ask -H "x-token: $TOKEN" /v1/cathedrals
answered "cathedrals" '^vesper 192\.0\.2\.1 4500$' '.cathedrals[] | "\(.name) \(.address) \(.port)"'
ask -H "x-token: $TOKEN" -H "Accept: text/plain" /v1/cathedrals
says "as text: a line each" '^vesper - 192\.0\.2\.1:4500$'
for alias in flock/create flock/list "flock/$FLOCK/delete" "device/list/$FLOCK" xflock/list; do
	data=(--data "")
	[[ $alias != *list* ]] || data=()
	ask "${data[@]}" "/v1/$alias"
	answers 401 "without a token: $alias"
done

# --- none was forgotten ---

# "METHOD PATH" of the table in docs/api.md.
older_names() {
	# shellcheck disable=SC2016 # not to be expanded
	sed -n '/^### Older names/,/^## /s/^| `\([A-Z]* [^`]*\)` | .*/\1/p' "$HERE/../../docs/api.md"
}
between "$(older_names | wc -l)" 13 100 "docs/api.md lists them"
forgotten=$(older_names | while read -r method path; do
	logged api "request method=$method route=${path//[\{\}]/.} status=2" || echo "$method $path"
done)
is "$forgotten" "" "each of them did its work here"
