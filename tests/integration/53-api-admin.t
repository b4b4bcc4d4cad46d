#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What operators do beside a running API: accounts, cathedrals, invitations, numbers, backups.
. "$(dirname "$0")/lib.sh"
# shellcheck source=api.sh
. "$HERE/api.sh"

plan 141

# row WORD...: the line of the last list that begins with the first word has the others, too.
row() {
	local line word

	line=$(grep -E "^$1 " list.txt) || return 1
	for word in "${@:2}"; do
		[[ " $line " == *" $word "* ]] || return 1
	done
}

# names_in FOLDER PREFIX
names_in() {
	find "$1" -maxdepth 1 -name "$2*" -printf '%f\n' | sort | tr '\n' ' '
}

# --- accounts ---

start_api api --pow-calm 1000000
ok $? "the service runs"
admin account list >list.txt
ok $? "no account is a list, too"
is "$(wc -l <list.txt)" 1 "with nothing but its head"
register && new_flock
ok $? "an account with a flock"
anna=$TOKEN anna_key=$ACCOUNT anna_share=$SHARE anna_flock=$FLOCK
upload "$FLOCK"
ok $? "and a bundle"
register
ok $? "another account"
admin account list >list.txt
row "$anna_share" active "1 of 3" 25 pow
ok $? "the list says what it has"
row "$SHARE" active "0 of 3"
ok $? "and the other has not"
admin account list --json >list.json
is "$(jq -s length list.json)" 2 "in JSON it is a line each"
is "$(jq -r "select(.share_id == \"$anna_share\") | .flocks, .state" list.json | tr '\n' ' ')" \
	"1 active " "with the same facts"
like "$(jq -r .expires list.json | head -n 1)" '^20[0-9-]{8}T[0-9:]{8}Z$' "and times as RFC 3339"
! grep -qE "$ACCOUNT|$TOKEN|$anna" list.txt list.json
ok $? "no key or token is in there"
admin account show "$anna_share" >show.txt
like "$(cat show.txt)" "flocks +1 of 3" "one account"
like "$(cat show.txt)" "$anna_flock +0 +0 +0x[0-9a-f]{8} +20" "with its flock and bundle"
is "$(admin account show "$anna_share" --json | jq -rs '.[1].flock')" "$anna_flock" "in JSON, too"
refuses 1 '0123456789abcdef: there is no such account' "one that is not there" \
	--data "$DATA" account show 0123456789abcdef
refuses 2 'x: not a share id' "what is no share id" --data "$DATA" account show x

TOKEN=$anna
like "$(admin account suspend "$anna_share")" "suspended" "an account is suspended"
ask -H "x-token: $anna" /v1/flocks
answers 403 "while the service runs"
like "$(field type)" 'account-suspended' "and its tenant is told"
admin account list >list.txt
row "$anna_share" suspended
ok $? "the list says so"
like "$(admin account resume "$anna_share")" "served again" "and resumed"
ask -H "x-token: $anna" /v1/flocks
answers 200 "and served again"
like "$(admin account set-quota "$anna_share" --flocks 1)" '1 flocks, devices up to 25' "a quota"
ask -H "x-token: $anna" -X POST /v1/flocks
answers 409 "holds at once"
like "$(admin account set-quota "$anna_share" --flocks 5 --mbit 100)" '5 flocks.*up to 100' "both"
ask -H "x-token: $anna" -X POST /v1/flocks
answers 201 "and can be raised"
refuses 2 'takes --flocks, --mbit or both' "none" --data "$DATA" account set-quota "$anna_share"
refuses 2 '"many" is not a number' "no number" \
	--data "$DATA" account set-quota "$anna_share" --flocks many
refuses 2 '0 is not within 1 to' "no speed" \
	--data "$DATA" account set-quota "$anna_share" --mbit 0
ask -H "x-token: $anna" /v1/events
is "$(jq -r '.events[] | select(.token == "admin") | .action' <<<"$BODY" | sort | uniq -c | tr -s ' \n' ' ')" \
	" 1 account.resume 2 account.set-quota 1 account.suspend " "the tenant can read of all that"
refuses 1 'Delete account .* with its 0 flocks, for good\? Say so with --yes' \
	"nothing is deleted unasked" --data "$DATA" account delete "$SHARE"
like "$(admin account delete "$SHARE" --yes)" "deleted" "but when it is said"
admin account list >list.txt
! row "$SHARE"
ok $? "it is gone"

# --- cathedrals ---

token=$(admin cathedral add alpha 192.0.2.1:4500 --nat-port 4501 --region eu 2>add.txt)
ok $? "a cathedral is added"
like "$token" '^[0-9a-f]{32}$' "its token stands alone"
like "$(cat add.txt)" 'alpha: its token, which is not shown again' "with a word beside it"
admin cathedral add beta '[2001:db8::1]:4500' --clear >beta.txt 2>/dev/null
ok $? "one with IPv6"
admin cathedral list >list.txt
row alpha eu new 192.0.2.1:4500 4501 shrouded
ok $? "the list has one"
row beta new '\[2001:db8::1\]:4500' clear || row beta - new '[2001:db8::1]:4500' clear
ok $? "and the other"
! grep -q "$token" list.txt
ok $? "without tokens"
is "$(admin cathedral list --json | jq -r 'select(.name == "alpha") | .nat_port, .shroud, .seen' | tr '\n' ' ')" \
	"4501 true null " "in JSON, too"
ask --json '{"version": "1", "load": 0}' -H "x-token: $token" /v1/cathedral/heartbeat
is "${CODE:0:1}" 2 "the token is good" || note "$CODE $BODY"
admin cathedral list >list.txt
row alpha healthy
ok $? "and it was seen"
is "$(admin cathedral list --json | jq -c 'select(.name == "alpha") | [.change, .behind]')" \
	"[null,null]" "it did not say how far it is"
ask --json '{"version": "1", "load": 0, "database": "another", "change": 1}' -H "x-token: $token" \
	/v1/cathedral/heartbeat
last=$(field change)
admin cathedral list >list.txt
row alpha late 192.0.2.1:4500 4501 shrouded "$last" 1
ok $? "one that has nothing of it is late" || note "$(cat list.txt)"
is "$(admin cathedral list --json | jq -c 'select(.name == "alpha") | [.change, .behind]')" \
	"[0,$last]" "and everything behind"
id=$(sqlite3 "$DATA/reliquary.db" "SELECT value FROM facts WHERE name = 'id'")
ask --json "{\"version\": \"1\", \"load\": 0, \"database\": \"$id\", \"change\": $last}" \
	-H "x-token: $token" /v1/cathedral/heartbeat
is "$(admin cathedral list --json | jq -c 'select(.name == "alpha") | [.state, .behind]')" \
	'["healthy",0]' "until it has all"
refuses 1 'alpha: there is a cathedral of this name or address already' "its name is taken" \
	--data "$DATA" cathedral add alpha 192.0.2.2:4500
refuses 1 'gamma: there is a cathedral of this name or address already' "so is its address" \
	--data "$DATA" cathedral add gamma 192.0.2.1:4500
refuses 2 'example\.org:4500: not ADDRESS:PORT' "names are no addresses" \
	--data "$DATA" cathedral add gamma example.org:4500
refuses 2 '0\.0\.0\.0:4500: not ADDRESS:PORT' "nor is every address one" \
	--data "$DATA" cathedral add gamma 0.0.0.0:4500
refuses 2 'Gamma!: a name has 1 to 32 lower-case' "names are plain" \
	--data "$DATA" cathedral add Gamma! 192.0.2.3:4500
refuses 2 '4500 cannot be its port and its NAT port' "two ports differ" \
	--data "$DATA" cathedral add gamma 192.0.2.3:4500 --nat-port 4500
admin cathedral set alpha --address 192.0.2.9:4600 --region us --nat-port 0 --clear >out.txt
ok $? "one is changed"
admin cathedral list >list.txt
row alpha us 192.0.2.9:4600 - clear
ok $? "in all it was asked for"
refuses 1 'alpha: another cathedral has this address' "but not to another's address" \
	--data "$DATA" cathedral set alpha --address '[2001:db8::1]:4500'
refuses 1 'alpha: 4600 cannot be its port and its NAT port' "nor to nonsense" \
	--data "$DATA" cathedral set alpha --nat-port 4600
refuses 1 'gamma: there is no such cathedral' "nor one that is not there" \
	--data "$DATA" cathedral set gamma --region eu
refuses 2 'takes --address, --nat-port' "nor to nothing" --data "$DATA" cathedral set alpha
admin cathedral drain alpha >out.txt
admin cathedral list >list.txt
row alpha draining
ok $? "one is drained"
admin cathedral drain alpha --off >out.txt
admin cathedral list >list.txt
row alpha healthy
ok $? "and back again"
fresh=$(admin cathedral token alpha 2>/dev/null)
ask --json '{}' -H "x-token: $token" /v1/cathedral/heartbeat
answers 401 "with a new token the old one is dead"
[ "$fresh" != "$token" ] && [[ $fresh =~ ^[0-9a-f]{32}$ ]]
ok $? "and another one"
refuses 1 'Remove cathedral beta, whose token dies\? Say so with --yes' "none goes unasked" \
	--data "$DATA" cathedral remove beta
admin cathedral remove beta --yes >out.txt
is "$(admin cathedral list --json | jq -r .name)" alpha "but when it is said"

# --- invitations and numbers ---

invite=$(admin invite create --uses 2 --expires-in 2d --label friends 2>invite.txt)
like "$invite" '^[0-9a-f]{32}$' "an invitation stands alone"
like "$(cat invite.txt)" 'good for 2 accounts until 20' "with what it is good for"
admin invite list >list.txt
like "$(cat list.txt)" '[0-9a-f]{16} +2 .*friends' "it is in the list"
id=$(admin invite list --json | jq -r .id)
admin invite delete "$id" >out.txt
is "$(admin invite list --json)" "" "until it is taken back"
refuses 1 'there is no such invitation' "once" --data "$DATA" invite delete "$id"
refuses 2 '"0" is not|0 is not within' "good for nothing" --data "$DATA" invite create --uses 0
is "$(admin stats --json | jq -c '[.accounts, .flocks, .bundles, .cathedrals]')" "[1,2,1,1]" "numbers"
refuses 2 '--expires-in: 0s is not within 1s' "options are called as they are written" \
	--data "$DATA" invite create --expires-in 0s
refuses 2 'account list takes no --with-key' "in every refusal" \
	--data "$DATA" account list --with_key
for label in $'\xff' $'a\e[2Jb' $'a\nb' "$(printf 'x%.0s' {1..65})"; do
	refuses 2 '--label: a label is at most 64 bytes of UTF-8' "no label" \
		--data "$DATA" invite create --label "$label"
done
like "$(admin stats)" 'flocks +2' "for people, too"

# json FILTER WORD...: what jq finds in the one object that a command prints.
json() {
	admin "${@:2}" --json 2>json.err | jq -rs "if length == 1 then .[0] | $1 else \"no\" end"
}

is "$(json '[.share_id, .state]|@tsv' account suspend "$anna_share")" "$anna_share"$'\t'suspended \
	"in JSON an account is shown as it is then"
is "$(json .state account resume "$anna_share")" active "each time"
is "$(json '[.max_flocks, .device_mbit]|@csv' account set-quota "$anna_share" --flocks 6)" 6,100 \
	"with its quota"
refuses 2 'takes --flocks, --mbit or both' "which --json is none of" \
	--data "$DATA" account set-quota "$anna_share" --json
like "$(json '[.name, .token]|@tsv' cathedral add delta 192.0.2.44:4500)" '^delta.[0-9a-f]{32}$' \
	"a token is in it"
like "$(json .token cathedral token delta)" '^[0-9a-f]{32}$' "a new one, too"
is "$(cat json.err)" "" "and nothing is said beside it"
is "$(json '[.region, .state]|@tsv' cathedral set delta --region us)" us$'\t'new "a cathedral"
refuses 2 'takes --address' "that was changed" --data "$DATA" cathedral set delta --json
is "$(json .state cathedral drain delta)" draining "or drained"
is "$(json .deleted cathedral remove delta --yes)" delta "or is gone"
invite=$(json '[.invite, .id, .uses_left]|@tsv' invite create --uses 3)
like "$invite" '^[0-9a-f]{32}.[0-9a-f]{16}.3$' "an invitation"
is "$(json .deleted invite delete "$(cut -f 2 <<<"$invite")")" "$(cut -f 2 <<<"$invite")" "taken back"
is "$(json .deleted account delete 0123456789abcdef --yes)" no "nothing is said of what was not done"
invite=${invite%%$'\t'*}

# --- backup ---

# What was given out so far, as text and as the bytes that it stands for.
secrets=("$anna" "$anna_key" "$token" "$fresh" "$invite")
ask -X POST --data-binary @<(head -c 32 /dev/urandom) "/v1/flocks/$anna_flock/devices"
secrets+=("$(field cathedral_secret)")
is "$(printf '%s\n' "${secrets[@]}" | grep -cE '^[0-9a-f]{32}$|^[0-9a-f]{64}$')" 6 "secrets were given out"
printf '%s\n' "${secrets[@]}" >secrets.txt
# shellcheck disable=SC2016 # perl's variables
cat "$DATA"/reliquary.db* | perl -0777 -e '
	$all = <STDIN>;
	open(my $f, "<", "secrets.txt");
	while (<$f>) { chomp; print "$_\n" if index($all, $_) >= 0 || index($all, pack("H*", $_)) >= 0 }
	print "not even a share id\n" if index($all, $ARGV[0]) < 0' "$anna_share" >found.txt
is "$(cat found.txt)" "" "none of them can be found in the database"

mkdir -m 700 backups
said=$(admin backup backups/one)
is "$?" 0 "a backup of a running service"
like "$said" 'one\.bundles: 1 bundle' "says what is in it"
is "$(find backups -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' ')" "backups one one.bundles " \
	"and is no more than that"
like "$said" "Without the key file, $DATA/key, nobody can use them" "and what is not"
is "$(stat -c '%a' backups/one backups/one.bundles | tr '\n' ' ')" "600 700 " "for nobody else"
[ ! -e backups/one.key ]
ok $? "the key is not in it"
admin backup backups/two --with-key >out.txt
is "$(stat -c '%a %s' backups/two.key) $(cmp backups/two.key "$DATA/key" 2>&1)" "400 32 " \
	"unless it is asked for"
upload "$anna_flock"
admin backup backups/two --with-key >out.txt
is "$? $(find backups/two.bundles -type f | wc -l)" "0 1" "a later one takes its place"
cp "$DATA/reliquary.db-wal" backups/two.part-wal
cp "$DATA/reliquary.db-wal" stale-wal
ask -H "x-token: $anna" -X PATCH --json '{"label": "later"}' "/v1/flocks/$anna_flock"
said=$(admin backup backups/two --with-key 2>&1)
is "$? $(names_in backups two)" "0 two two.bundles two.key " \
	"what a backup left that was killed does not get into the next one" || note "$said"
mkdir apart
mount -t tmpfs tmpfs apart && chmod 700 apart
admin backup apart/three >out.txt
ok $? "a backup on another file system"
is "$(cat apart/three.bundles/* | sha256sum)" "$(sha256sum <bundle)" "has the bundle's very bytes"
inode=$(stat -c %i "$DATA/reliquary.db")
refuses 1 'reliquary\.db: this is the database itself' "the database is no place for its own copy" \
	--data "$DATA" backup "$DATA/reliquary.db"
is "$(stat -c %i "$DATA/reliquary.db")" "$inode" "and is still the one that the service has open"
refuses 1 'nothing but an older backup is replaced: .*data/key' "nor is what is no backup" \
	--data "$DATA" backup "$DATA/key"
is "$(stat -c %s "$DATA/key") $(find "$DATA" -name '*.bundles')" "32 " "nothing has come of these"
refuses 1 'nosuch/x.*: No such file' "nowhere to put it" --data "$DATA" backup nosuch/x
refuses 1 'a service is running with this folder' "nothing is restored under a service" \
	--data "$DATA" restore backups/one

# --- restore ---

stop api
admin account delete "$anna_share" --yes >out.txt
cp stale-wal "$DATA/reliquary.db.restoring-wal"
changes=$(admin stats --json | jq .changes)
said=$(admin restore backups/two 2>&1)
is "$?" 0 "a restore, after one that was killed" || note "$said"
like "$said" 'restored, with 1 bundle' "says what came back"
like "$said" 'reliquary\.db\.before-restore-20[0-9]{6}T[0-9]{6}Z: the database that was' "and what went"
between "$(admin stats --json | jq .changes)" $((changes + 1500000)) $((changes + 2000001)) \
	"and cathedrals cannot take the past for what they have heard already"
aside=$(find "$DATA" -name 'reliquary.db.before-restore-*Z')
is "$(find "$DATA" -name '*-wal' -o -name '*-shm' -o -name '*restoring*')" "" "and leaves nothing half"
start_api api
ask -H "x-token: $anna" /v1/flocks
is "$(jq -r ".flocks[] | select(.id == \"$anna_flock\") | .ambry.generation" <<<"$BODY" | cut -c 1-2)" \
	"0x" "what was deleted is back, the bundle as well"
stop api
reliquary-api check --data "$DATA" >out.txt
like "$? $(tail -n 1 out.txt)" '^0 .*reliquary\.db: fine, with 1 bundle$' "and all is found fine"
file=$(find "$DATA/bundles" -maxdepth 1 -type f -size +3000k -printf '%f\n' -quit)
mv "$DATA/bundles/$file" hidden
refuses 1 "bundles/$file: a bundle: No such file" "a bundle that is not there is missed" \
	--data "$DATA" check
head -c 1000 hidden >"$DATA/bundles/$file"
refuses 1 "bundles/$file: a bundle of 1000 bytes, which had 3756730" "a short one as well" \
	--data "$DATA" check
rm "$DATA/bundles/$file"
mount -o remount,ro apart
admin restore apart/three >out.txt
is "$? $(cmp hidden "$DATA/bundles/$file" 2>&1)" "0 " "a restore from one that cannot be written brings it back"
# shellcheck disable=SC2016 # perl's variables
perl -e '$SIG{TERM} = sub { print "$missed\n"; exit };
	$missed = 0;
	for (;;) { -e $ARGV[0] or $missed++ }' "$DATA/reliquary.db" >missed.txt &
watcher=$!
admin restore "$aside" >out.txt
is "$? $(admin stats --json | jq .accounts)" "0 0" "the other way round, too"
kill $watcher
wait $watcher
is "$(cat missed.txt)" 0 "at no moment was there no database"
is "$(find "$DATA" -maxdepth 1 -type f -name '*.before-restore-*' | wc -l)" 3 "each time the one before is kept"

rm "$DATA/reliquary.db"
cp stale-wal "$DATA/reliquary.db-wal"
admin restore "$aside" >out.txt
is "$? $(admin stats --json | jq .accounts)" "0 0" "a log that lost its database spoils none"

# Numbers of changes come again in a copy of the past: cathedrals know it by another name.
id_of() { # DATABASE
	sqlite3 "$1" "SELECT value FROM facts WHERE name = 'id'"
}
once=$(id_of "$DATA/reliquary.db")
unlike "$once" "^$(id_of "$aside")\$" "what was restored is another database than the backup"
admin restore "$aside" >out.txt
unlike "$(id_of "$DATA/reliquary.db")" "^$once\$" "and restored once more another one again"

cp backups/two damaged
cp -r backups/two.bundles damaged.bundles
printf 'no database' | dd of=damaged conv=notrunc bs=1 seek=8192 2>/dev/null
before=$(sha256sum "$DATA/reliquary.db")
refuses 1 'damaged|malformed' "a damaged one is refused" --data "$DATA" restore damaged
is "$(sha256sum "$DATA/reliquary.db")" "$before" "and what is there stays"
refuses 1 'not there, or no database' "none as well" --data "$DATA" restore nothing
head -c 5000 /dev/urandom >noise
refuses 1 'noise' "and what is none" --data "$DATA" restore noise
rm -r "$DATA/bundles" damaged.bundles
cp backups/two bare
refuses 1 'bare\.bundles: 1 bundle of the backup is not there' "without its bundles" \
	--data "$DATA" restore bare

# On a new machine, with the key in the backup and without it.
refuses 1 'new/key: the key file is not there, nor backups/one\.key: put back the one' \
	"without a key" --data "$WORK/new" restore backups/one
said=$(reliquary-api --data "$WORK/new" restore backups/two)
is "$? $(stat -c %a new/key)" "0 400" "with one"
DATA=$WORK/new
like "$(admin migrate)" 'of version [0-9]+ already' "it is of this version"
start_api new --registration invite
ask -H "x-token: $anna" /v1/flocks
answers 200 "the service goes on from there"
invite=$(admin invite create 2>/dev/null)
ask --json "{\"invite\": \"$invite\"}" /v1/register
answers 201 "an invitation is good for an account"
ask --json "{\"invite\": \"$invite\"}" /v1/register
answers 403 "once"
stop new
mkdir -m 700 elsewhere
head -c 32 /dev/urandom >elsewhere/key
chmod 400 elsewhere/key
refuses 1 'elsewhere/key: not the key file that backups/one was made with' "with another key" \
	--data "$WORK/elsewhere" restore backups/one
