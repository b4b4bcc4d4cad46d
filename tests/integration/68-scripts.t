#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The whole life of a tenant, with the commands, against the real service: two owners of flocks, and
# devices of people who have no account.
#
#   $WORK/anna   owner of a flock, key tree in $TREE ---\
#   $WORK/berta  owner of another one ------------------- reliquary-api 127.0.0.1:8080
#   $WORK/cora, $WORK/dora  devices that join ----------/
. "$(dirname "$0")/lib.sh"
. "$HERE/scripts.sh"
. "$HERE/api.sh"

command -v reliquary-api >/dev/null || skip_all "reliquary-api is not built"
umask 000 # what the commands make must be closed all the same

# as NAME COMMAND...: as this person, as run() does.
as() {
	RELIQUARY=$WORK/$1 "${@:2}"
}

# The words of a token, key or file of somebody.
secret() {
	cat "$WORK/$1/${2:-token}"
}

plan 113

start_api api
ok $? "the service starts"
admin cathedral add north 192.0.2.1:4500 --nat-port 4501 --region north >north.token 2>&1
ok $? "it has a cathedral"

# --- an account ---

as anna runs "anna registers" reliquary-register "$API"
key=$OUT
like "$key" '^[0-9a-f]{64}$' "and gets her key"
like "$ERR" 'proving work \(4 bits\)' "for some work"
is "$(names "$WORK/anna")" "api cathedral natport token " "her files are there"
is "$(cat "$WORK"/anna/{api,cathedral,natport} | tr '\n' ' ')" "$API 192.0.2.1:4500 4501 " \
	"with what they should have"
as anna runs "she looks at her account" reliquary-account
is "$(jq -r '"\(.state) \(.flocks) \(.max_flocks)"' <<<"$OUT")" "active 0 3" "which is new"
share=$(jq -r .share_id <<<"$OUT")
as anna runs "she looks at what there is" reliquary-status
like "$OUT" "cathedral  192.0.2.1:4500, NAT port 4501.account    $share: active, 0 of 3" "and sees it"
as anna runs "and at the cathedrals" reliquary-cathedral-list
is "$(jq -r '.cathedrals[] | "\(.name) \(.address) \(.port)"' <<<"$OUT")" "north 192.0.2.1 4500" \
	"there is one"
as anna fails 1 'logged in here already' "registering again" reliquary-register "$API"

# --- a flock ---

as anna runs "anna makes a flock" reliquary-flock-create --label 'home & "garden"'
flock=$OUT
like "$flock" '^[0-9a-f]{14}00$' "and gets its id"
reliquary-ambry -C "$TREE" generate "$flock" >/dev/null &&
	reliquary-ambry -C "$TREE" bundle "$flock" "$flock" 30 "$WORK/one.bundle" >bundle.txt
ok $? "she makes keys and a bundle"
as anna runs "she uploads it" reliquary-ambry-upload "$flock" "$WORK/one.bundle"
like "$OUT" "^generation $(sed 's/.* //' bundle.txt), 32385 tunnels, good until 20.*Z$" "it is hers"
as anna fails 1 . "the same bundle again" reliquary-ambry-upload "$flock" "$WORK/one.bundle"
as anna runs "she lists her flocks" reliquary-flock-list
is "$(jq -r '.flocks[] | "\(.id) \(.label) \(.ambry.generation)"' <<<"$OUT")" \
	"$flock home & \"garden\" $(sed 's/.* //' bundle.txt)" "there is that one"

# --- a device ---

as cora runs "cora finds the service" reliquary-init --region north "$API"
is "$OUT" "$API gives the cathedral 192.0.2.1:4500" "and a cathedral"
as cora runs "she joins the flock" reliquary-flock-join --label laptop "$flock"
device=$(secret cora "$flock/cathedral_id")
is "$OUT" "$device asked to join the flock $flock; its owner has to approve it" "and waits"
is "$(cd "$WORK/cora/$flock" && stat -c '%n:%a:%s' -- * | tr '\n' ' ')" \
	"cathedral_id:600:9 cosk-$device:400:64 cosk-pub-$device:444:32 id-$device:400:32 " \
	"her device has its keys"
as cora run reliquary-status
like "$OUT" "flock      $flock: device $device, no number yet" "and no number yet"
is "$(RELIQUARY=$WORK/anna "$SCRIPTS/reliquary-device-list" "$flock" |
	jq -r '.devices[].device_cathedral_id')" "$device" "anna sees her in the list"
as anna runs "she approves her" reliquary-device-approve "$flock" "$device"
is "$OUT" "$device is device 01; give it $flock/kek-data/kek-0x01" "and knows what to give her"
as anna fails 1 . "she approves her twice" reliquary-device-approve "$flock" "$device"
as anna fails 1 . "somebody who did not ask" reliquary-device-approve "$flock" 00000001
as cora runs "cora installs her key" reliquary-kek-install "$flock" 01 "$TREE/$flock/kek-data/kek-0x01"
is "$OUT" "device 01 of the flock $flock has its key" "which is that"
as cora run reliquary-status
like "$OUT" "device $device, number 01, complete" "now she has all of it"
as anna runs "anna names her" reliquary-device-label --limit 10 "$flock" "$device" "cora's"
is "$OUT" "the device $device is now \"cora's\", 10 Mbit/s" "and limits her"
as anna fails 1 . "more than the account may have" \
	reliquary-device-label --limit 26 "$flock" "$device"

# --- another one, at once ---

as anna runs "anna makes an enrolment key" \
	reliquary-enrolment-create --expires-in 2h --label guests "$flock"
enrolment=$OUT
as dora runs "dora finds the service" reliquary-init "$API"
INPUT=$enrolment$'\n'
as dora runs "she joins with the key" reliquary-flock-join --enrolment - "$flock"
guest=$(secret dora "$flock/cathedral_id")
is "$OUT" "$guest is device 02 of the flock $flock; it needs kek-0x02 from the owner" "at once"
is "$(secret dora "$flock/device_kek")" 02 "and knows her number"
echo "$enrolment" >"$WORK/enrolment.txt"
as erna run reliquary-init "$API"
as erna fails 1 . "a second one with the key" \
	reliquary-flock-join --enrolment @"$WORK/enrolment.txt" "$flock"
is "$(names "$WORK/erna/$flock")" "" "is sent away, and no key of hers stays"
as anna runs "another key" reliquary-enrolment-create --uses 2 "$flock"
second=$OUT
as anna run reliquary-enrolment-list "$flock"
id=$(jq -r '.enrolments[] | select(.uses_left == 2) | .id' <<<"$OUT")
as anna runs "is revoked" reliquary-enrolment-delete --yes "$flock" "$id"
INPUT=$second$'\n'
as erna fails 1 . "and opens nothing" reliquary-flock-join --enrolment - "$flock"
as erna runs "but asking is free" reliquary-flock-join "$flock"
asking=$(secret erna "$flock/cathedral_id")
as anna run reliquary-device-list --limit 1 "$flock"
is "$(jq -r '.devices[] | .device_cathedral_id + .device_approved' <<<"$OUT")" "${asking}f" \
	"who asks comes first in the list"
like "$ERR" 'there is more: --after ' "which goes on"
as anna run reliquary-device-list --after "$(jq -r .next <<<"$OUT")" "$flock"
is "$(jq -r '[.devices[].device_kek] | join(" ")' <<<"$OUT")" "1 2" "with the others by number"

# --- what others may do ---

mkdir -m 700 "$WORK"/{reader,approver}
cp "$WORK/anna/api" "$WORK/reader"
cp "$WORK/anna/api" "$WORK/approver"
as anna runs "anna makes a token that reads" \
	reliquary-token-create --scope read --label monitor --expires-in 2h
(umask 277 && echo "$OUT" >"$WORK/reader/token")
reader=$(sed -n 's/.*(id \(.*\))$/\1/p' <<<"$ERR")
as anna runs "and one that approves" reliquary-token-create --scope approve
(umask 277 && echo "$OUT" >"$WORK/approver/token")
as reader runs "who may read lists" reliquary-device-list "$flock"
as reader fails 1 . "but does not approve" reliquary-device-approve "$flock" "$asking"
as approver runs "who may approve does" reliquary-device-approve --kek 1f "$flock" "$asking"
is "$OUT" "$asking is device 1f; give it $flock/kek-data/kek-0x1f" "with the number of her choice"
as approver fails 1 . "but removes nobody" reliquary-device-delete --yes "$flock" "$asking"
as anna run reliquary-token-list
is "$(jq -r '[.tokens[].scope] | sort | join(" ")' <<<"$OUT")" "approve full read" "three tokens"
is "$(jq -r ".tokens[] | select(.id == \"$reader\") | .label" <<<"$OUT")" monitor "with labels"
unlike "$OUT" "$(secret reader)" "and without their values"
as anna runs "one is revoked" reliquary-token-delete --yes "$reader"
as reader fails 1 'reliquary-login gets a new token' "and of no use" reliquary-flock-list

# --- another account ---

as berta runs "berta registers" reliquary-register "$API"
key_berta=$OUT
as berta runs "and makes a flock" reliquary-flock-create
other=$OUT
as anna fails 1 . "berta's flock" reliquary-device-list "$other"
theirs=$ERR
as anna fails 1 . "and no flock" reliquary-device-list 0123456789abcd00
is "$ERR" "$theirs" "are the same to anna"
as anna runs "anna agrees to tunnels with it" reliquary-xflock-create "$flock" "$other"
is "$OUT" "pending; the owner of $other has to run: reliquary-xflock-create $other $flock" "and waits"
reliquary-ambry -C "$TREE" generate "$other" >/dev/null &&
	reliquary-ambry -C "$TREE" export "$flock" "$other" >/dev/null &&
	reliquary-ambry -C "$TREE" export "$other" "$flock" >/dev/null &&
	reliquary-ambry -C "$TREE" bundle "$flock" "$other" 30 "$WORK/two.bundle" >bundle.txt
ok $? "a bundle is made for both"
as anna fails 1 . "but not taken yet" reliquary-xflock-ambry "$flock" "$other" "$WORK/two.bundle"
as berta runs "berta agrees" reliquary-xflock-create "$other" "$flock"
is "$OUT" "established; a bundle for both is uploaded with: reliquary-xflock-ambry $other $flock FILE" \
	"and it holds"
as berta runs "the bundle is taken" reliquary-xflock-ambry "$other" "$flock" "$WORK/two.bundle"
like "$OUT" "^generation $(sed 's/.* //' bundle.txt), 65025 tunnels, good until " "as it is"
as anna run reliquary-xflock-list
is "$(jq -r '.xflocks[] | "\(.flock_a) \(.flock_b) \(.state) \(.ambry.generation)"' <<<"$OUT")" \
	"$flock $other established $(sed 's/.* //' bundle.txt)" "and anna sees it"
as berta runs "berta has enough" reliquary-xflock-delete --yes "$other" "$flock"
as anna run reliquary-xflock-list
is "$(jq -r '.xflocks[] | .state' <<<"$OUT")" pending "and anna is alone with it"

# --- a new key ---

as anna runs "anna wants another account key" reliquary-account key
new=$OUT
like "$new" '^[0-9a-f]{64}$' "and gets it"
echo "$key" >"$WORK/old.key"
echo "$new" >"$WORK/new.key"
as desk fails 1 . "the old one opens nothing" reliquary-login "$API" @"$WORK/old.key"
is "$(names "$WORK/desk")" "" "and leaves nothing"
as desk runs "the new one does" reliquary-login "$API" @"$WORK/new.key"
is "$OUT" "logged in to $API as $share" "the same account"
INPUT=$new$'\n'
as desk runs "she logs in again" reliquary-login "$API"
as anna runs "and is logged in elsewhere still" reliquary-flock-list

# --- the end of an account ---

stop api
as anna fails 3 'cannot be reached' "the service is away" reliquary-flock-list
sqlite3 "$DATA/reliquary.db" "UPDATE accounts SET expires = unixepoch() - 3600" && start_api late
ok $? "an hour after the accounts' end"
as anna fails 1 'extend' "the account has ended" reliquary-flock-list
as anna runs "but can be extended" reliquary-account extend
like "$OUT" "^the account is good until $(date -u -d '+31 days' +%Y-%m-%d)" "for a month"
as anna runs "and all is there" reliquary-device-list "$flock"
is "$(jq '.devices | length' <<<"$OUT")" 3 "with three devices"
as berta fails 1 . "berta's has ended, too" reliquary-flock-list

# --- gone ---

as anna runs "anna removes a device" reliquary-device-delete --yes "$flock" "$device"
as anna fails 1 . "which is not there any more" reliquary-device-delete --yes "$flock" "$device"
as anna runs "and the flock" reliquary-flock-delete --yes "$flock"
as anna run reliquary-flock-list
is "$(jq -c .flocks <<<"$OUT")" '[]' "it is gone"
before=$(secret anna)
as anna runs "and herself" reliquary-account --yes delete
is "$(names "$WORK/anna")" "api cathedral natport " "her token is gone, too"
as desk fails 1 . "wherever she was logged in" reliquary-flock-list
as desk fails 1 . "and her key" reliquary-login "$API" @"$WORK/new.key"
as berta runs "berta can go although her account has ended" reliquary-account delete --yes
stop late

start_api guarded --registration invite
admin invite create >invite.txt 2>/dev/null
invite=$(grep -oE '[0-9a-f]{32,64}' invite.txt | head -n 1)
as fanny fails 1 invitation "nobody comes in without an invitation" reliquary-register "$API"
INPUT=$invite$'\n'
as fanny runs "fanny has one" reliquary-register --invite - "$API"
key_fanny=$OUT
echo "$invite" >invite.key
as gerda fails 1 'invitation' "which is good for her only" reliquary-register --invite @invite.key "$API"
stop guarded
start_api shut --registration closed
as gerda fails 1 'takes no new accounts' "a service that is closed" reliquary-register "$API"

# --- secrets ---

secrets=("$key" "$new" "$key_berta" "$key_fanny" "$enrolment" "$second" "$invite" "$before")
for who in desk reader approver fanny; do
	secrets+=("$(secret "$who")")
done
for who in cora:$device dora:$guest erna:$asking; do
	secrets+=("$(od -An -v -tx1 "$WORK/${who%:*}/$flock/id-${who#*:}" | tr -d ' \n')")
done
unseen "no secret stood on a command line or in an environment" "${secrets[@]}"
! grep -qF "$(printf '%s\n' "${secrets[@]}")" "$WORK"/*.log
ok $? "or in a line that the service logged"
is "$(find "$WORK"/{anna,berta,cora,dora,erna,desk,fanny} -perm /077 ! -name 'cosk-pub-*')" "" \
	"nothing that was written can be read by others"
