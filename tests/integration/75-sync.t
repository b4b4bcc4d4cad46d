#!/bin/bash
# SPDX-License-Identifier: ISC
#
# cathedral-sync between a real service and a real cathedral: what was approved is in registry.db
# within a second, and whatever is killed, restored or revoked, it comes to what the service says.
export TEST_LIMIT=300
. "$(dirname "$0")/lib.sh"
. "$HERE/api.sh"
. "$HERE/sync.sh"
plan 76

# --- what is refused before anything runs ---

# rejects REGEX NAME LINE...: a configuration that is refused.
rejects() {
	local said status

	printf '%s\n' "${@:3}" >bad.conf
	said=$("${AS_USER[@]}" cathedral-sync -n -c "$WORK/bad.conf" 2>&1)
	status=$?
	[[ $status = 1 && $said =~ $1 ]]
	ok $? "$2" || note "status $status"$'\n'"said: $said"$'\n'"like: $1"
}
USER_LINE=${REAL_ROOT:+user nobody}
echo 0123abcd >open.token
chmod 644 open.token
put_token '0123 abcd'
rejects 'bad.conf: api: required but missing' "without a service" "$USER_LINE"
rejects 'bad.conf:1: api: "ftp://a" is not http\(s\)://HOST' "a service of another kind" "api ftp://a"
rejects 'api: "https://me@a/" is not' "a name in the URL" "api https://me@a/"
rejects 'api: "https://a/\?b" is not' "a query in it" "api https://a/?b"
rejects 'pin: is written "pin sha256//BASE64", of 32 bytes' "half a pin" "api https://a" "pin sha256//AAAA"
rejects 'pin is given, but api is not https' "a pin without TLS" "api http://a" \
	"pin sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
rejects 'bad.conf:1: wait: ' "a wait that is too long" "wait 1h" "api http://a"
rejects 'control: is written "control PATH"' "a control socket that is nowhere" "control x" "api http://a"
rejects 'none: No such file' "a token that is not there" "api http://a" "$USER_LINE" "token $WORK/none"
rejects 'token: (belongs to user 0|its mode 644 lets others at the token: chmod 400)' \
	"a token that everybody can read" "api http://a" "$USER_LINE" "token $WORK/open.token"
rejects 'token: not one word of letters and digits' "two words" "api http://a" "$USER_LINE" \
	"token $WORK/token"
rejects 'open.token: no certificate \(PEM\) in it' "certificates that are none" "api https://a" \
	"$USER_LINE" "token $WORK/token" "ca $WORK/open.token"
if [ -n "$REAL_ROOT" ]; then
	rejects 'started as root without a user to become: write "user NAME" there' "root" "api http://a"
else
	skip 1 "this is not root"
fi

# --- a service, a cathedral and what is between them ---

start_api api
ok $? "a service"
token=$(admin cathedral add vesper 127.0.0.1:4500 2>/dev/null)
put_token "$token"
make_conf hub "listen 127.0.0.1:4500 shroud" "registry $STATE/registry.db"
sed -i '/^settings/d; /^secretdir/d' "$ETC/hub.conf"
say "api $API" "heartbeat 1s" "wait 5s" "control $RUN/hub.sock"
said=$("${AS_USER[@]}" cathedral-sync -n -c "$WORK/sync.conf" 2>&1)
is "$? $said" "0 $WORK/sync.conf: fine: $STATE/registry.db will be made" "a configuration that is fine"
start_sync
ok $? "cathedral-sync"
logged sync 'no heartbeats: .*no such socket'
ok $? "says that there is no cathedral"

# What the service has, and what the registry has.
theirs() {
	sqlite3 -cmd '.timeout 2000' "$DATA/reliquary.db" "SELECT d.flock, d.id, d.kek, d.bw_limit, hex(d.cosk)
		FROM devices d ORDER BY 1, 2"
}
ours() {
	registry "SELECT flock, id, kek, mbit, hex(cosk) FROM devices ORDER BY 1, 2"
}
same() {
	[ "$(theirs)" = "$(ours)" ]
}
# join: WAITING waits in FLOCK.
join() {
	head -c 32 /dev/urandom >cosk
	ask --data-binary @cosk "/v1/flocks/$FLOCK/devices"
	WAITING=$(field cathedral_id)
}
approve() {
	ask -H "x-token: $TOKEN" -X POST "/v1/flocks/$FLOCK/devices/$WAITING/approve"
}
delete() {
	ask -H "x-token: $TOKEN" -X DELETE "/v1/flocks/$FLOCK/devices/$WAITING"
}
has() {
	[ "$WAITING" != null ] &&
		[ "$(registry "SELECT count(*) FROM devices WHERE id = $((16#$WAITING))")" = "$1" ]
}
register
new_flock
join
approve
wait_for 1 has 1
ok $? "a device that is approved is in the registry within a second"
note "$WAITED_MS ms"
worst=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	join
	approve
	wait_for 5 has 1
	[ "$WAITED_MS" -le "$worst" ] || worst=$WAITED_MS
done
between "$worst" 0 1000 "and so are ten more"
delete
wait_for 1 has 0
ok $? "one that is deleted is gone within a second"
upload "$FLOCK"
slice() {
	[ "$(registry "SELECT length(slice) > 0 FROM flocks")" = 1 ]
}
wait_for 2 slice
ok $? "a bundle that is uploaded comes as a slice"
is "$(stat -c %a "$STATE/registry.db")" 660 "the registry is its group's, too"
is "$(stat -c %a "$STATE/registry.db.key")" 400 "its key is not"
secrets=$(registry 'SELECT hex(sealed) FROM devices' | head -n 1)
like "$secrets" '^[0-9A-F]{144}$' "secrets of devices are sealed"

# --- the cathedral ---

start_cathedral hub -
ok $? "a cathedral"
state() {
	ask -H "x-token: $TOKEN" /v1/cathedrals
	[ "$(field 'cathedrals[0].state')" = "$1" ]
}
wait_for 5 state healthy
ok $? "is healthy in the eyes of the service"
wait_for 5 logged sync 'the cathedral answers again'
ok $? "which is said"
beats() {
	jq -e '.heartbeat.state == "healthy" and .cathedral.answers' "$STATE/registry.db.status" >out.txt
}
wait_for 3 beats
ok $? "and stands in the status"
# How far behind it is in the eyes of the service.
behind() {
	[ "$(admin cathedral list --json | jq -c '[.state, .behind]')" = "$1" ]
}
wait_for 5 behind '["healthy",0]'
ok $? "and nothing behind"
reloads() {
	[ "$(cathedralctl --json -s "$RUN/hub.sock" status | jq .reload.count)" -gt "$1" ]
}
count=$(cathedralctl --json -s "$RUN/hub.sock" status | jq .reload.count)
join
approve
wait_for 2 reloads "$count"
ok $? "it is told of each change"
admin cathedral drain vesper >out.txt
wait_for 5 logged sync 'the service says that this cathedral is draining'
ok $? "and what the service thinks of it is said"
admin cathedral drain vesper --off >out.txt
wait_for 5 behind '["healthy",0]'
ok $? "no more, when its operator says so"
cathedralctl -s "$RUN/hub.sock" drain >out.txt
wait_for 5 behind '["draining",0]'
ok $? "what the cathedral's own operator wants is told"
wait_for 5 logged sync 'the service says that this cathedral is draining' 2
ok $? "and answered"
cathedralctl -s "$RUN/hub.sock" undrain >out.txt
wait_for 5 behind '["healthy",0]'
ok $? "and no more, when that is over"

# One that hangs: it takes what is said, and does not answer.
kill -STOP "${PIDS[hub]}"
for i in 1 2 3 4; do
	join
	approve
done
wait_for 1 has 1
ok $? "a cathedral that hangs holds nothing up"
wait_for 8 logged sync 'no heartbeats: .*does not answer'
ok $? "but there are no heartbeats"
lines=$(grep -c 'no heartbeats' sync.log)
sleep 3
is "$(grep -c 'no heartbeats' sync.log)" "$lines" "which is said once"
kill -CONT "${PIDS[hub]}"
wait_for 8 logged sync 'the cathedral answers again' 2
ok $? "until it answers"
wait_for 5 behind '["healthy",0]'
ok $? "it has all that came meanwhile"

# --- the service goes and comes ---

stop api KILL
wait_for 5 logged sync 'the service cannot be reached'
ok $? "a service that is killed is missed"
same
ok $? "the registry stays"
sleep 1
start_api api
join
approve
wait_for 9 has 1
ok $? "when it is back, it is followed again"
note "$WAITED_MS ms"

# Away for so long that the feed would not be asked again for some seconds.
before=$(grep -c 'the service takes heartbeats again' sync.log)
stop api
wait_for 5 logged sync 'heartbeat: Failed to connect'
failures() {
	[ "$(jq .service.failures "$STATE/registry.db.status")" -ge 5 ]
}
wait_for 30 failures
ok $? "it is asked less and less often"
start_api api
wait_for 5 logged sync 'the service takes heartbeats again' $((before + 1))
ok $? "when it takes a heartbeat"
follows() {
	[ "$(jq -r .service.state "$STATE/registry.db.status")" = following ]
}
wait_for 30 follows
between "$WAITED_MS" 0 1500 "it is followed within a second, which the status says"
stop api
start_api api
join
approve
wait_for 9 has 1
ok $? "and when it was only restarted"

# An older backup: what was done since is undone.
admin backup "$WORK/backup" >out.txt 2>&1
ok $? "a backup is made"
for i in 1 2 3; do
	join
	approve
done
wait_for 2 has 1
before=$(ours | wc -l)
stop api
admin restore "$WORK/backup" >out.txt 2>&1
ok $? "and put in the place of the database"
start_api api
wait_for 9 same
ok $? "the registry goes back, too" || note "theirs: $(theirs | wc -l), ours: $(ours | wc -l)"
is "$(ours | wc -l)" $((before - 3)) "without what was approved since"
stop api
cp "$DATA/reliquary.db" other.db
admin restore "$WORK/backup" >out.txt 2>&1
start_api api
for i in 1 2 3 4 5 6; do # as many changes as were undone, and more
	join
	approve
done
wait_for 9 same
ok $? "and the same when as much is done anew meanwhile"

# --- cathedral-sync is killed ---

changes() {
	local until_ms=$(($(now_ms) + 8000)) i=0

	while [ "$(now_ms)" -lt "$until_ms" ]; do
		join
		approve
		[ $((i++ % 3)) = 0 ] || delete
		echo "$i" >changes.count
	done
}
changes &
busy=$!
kills=0
while kill -0 $busy 2>/dev/null; do
	sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
	{
		kill -KILL "${PIDS[sync]}"
		wait "${PIDS[sync]}"
	} 2>/dev/null
	kills=$((kills + 1))
	start sync - "${AS_USER[@]}" cathedral-sync -c "$WORK/sync.conf"
done
note "$(cat changes.count) changes, $kills kills"
between "$(cat changes.count)" 20 100000 "much is changed while it is killed over and over"
between "$kills" 8 1000 "many times"
wait_for 9 same
ok $? "and in the end all is there" || note "theirs: $(theirs | wc -l), ours: $(ours | wc -l)"
is "$(registry 'PRAGMA integrity_check')" ok "in good order"

# The registry is thrown away.
rm -f "$STATE"/registry.db "$STATE"/registry.db-* "$STATE"/registry.db.key
there() {
	[ -s "$STATE/registry.db" ] && same
}
wait_for 9 there
ok $? "a registry that is deleted comes again, while it runs"
stop sync
is "$STATUS" 0 "it ends when it is told to"
rm -f "$STATE"/registry.db*
start_sync && wait_for 5 same
ok $? "and when it starts with nothing"

# --- the token ---

put_token 00000000000000000000000000000000
kill -HUP "${PIDS[sync]}"
wait_for 5 logged sync "does not take the token in $WORK/token \(401"
ok $? "a wrong token is said"
wait_for 5 logged sync 'heartbeat: the service answers 401'
ok $? "by heartbeats, too"
put_token "$token"
kill -HUP "${PIDS[sync]}"
wait_for 5 logged sync 'the service is followed again'
ok $? "the right one helps at once"
before=$(grep -c 'does not take the token' sync.log)
new=$(admin cathedral token vesper 2>/dev/null)
wait_for 9 logged sync 'does not take the token' $((before + 1))
ok $? "one that is revoked is good for nothing"
same
ok $? "but the registry stays"
denied() {
	[ "$(jq -r .service.state "$STATE/registry.db.status")" = denied ]
}
wait_for 3 denied
ok $? "the status says so"
rm -f token
kill -HUP "${PIDS[sync]}"
wait_for 5 logged sync 'token and certificates stay as they were: .*token: No such file'
ok $? "one that is not there is not taken"
put_token "$new"
kill -HUP "${PIDS[sync]}"
join
approve
wait_for 3 has 1
ok $? "with the new one it goes on"
! grep -qE "$token|$new" sync.log api.log && ! grep -qE "$token|$new" "/proc/${PIDS[sync]}/cmdline"
ok $? "no token is in a log or on a command line"

# --- TLS ---

stop sync
stop api
tls_pair cert.pem key.pem reliquary.example
tls_pair other.pem other.key reliquary.example
chmod 644 key.pem cert.pem other.pem
pin() {
	openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform der |
		openssl dgst -sha256 -binary | base64
}
API=https://127.0.0.1:8080
start_api api --tls-cert "$WORK/cert.pem" --tls-key "$WORK/key.pem"

# tls REGEX NAME LINE...: what comes of it, with these lines.
tls() {
	local before

	say "api ${SERVICE:-$API}" "heartbeat 60s" "control $RUN/none.sock" "${@:3}"
	before=$(grep -cE -- "$1" sync.log)
	rm -f "$STATE"/registry.db*
	start_sync
	wait_for 5 logged sync "$1" $((before + 1))
	ok $? "$2"
	stop sync
}
tls 'cannot be reached: .*certificate' "a certificate of nobody is not trusted"
tls 'up to change .*from the beginning' "one that is named is" "ca $WORK/cert.pem"
tls 'cannot be reached: .*certificate' "but no other one" "ca $WORK/other.pem"
tls 'up to change .*from the beginning' "with the right key" "ca $WORK/cert.pem" \
	"pin sha256//$(pin cert.pem)"
tls 'cannot be reached: .*public key' "not with another" "ca $WORK/cert.pem" \
	"pin sha256//$(pin other.pem)"
SERVICE=https://127.0.0.2:8080
tls 'cannot be reached' "nor under another name" "ca $WORK/cert.pem"
SERVICE=http://127.0.0.1:8080
tls 'cannot be reached|the service answers 4' "nor without TLS"

! grep -vE '^<[0-9]>|^AddressSanitizer' sync.log >out.txt
ok $? "each line of the log has its level" || note "$(head -n 3 out.txt)"
