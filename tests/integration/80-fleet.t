#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The whole chain, as its users see it: a service, cathedrals that know each other and whom to serve
# from it alone, a tenant who has the reliquary-* commands and nothing else.
#
#   people 10.8.0.2 ---+         +--- api 10.9.0.2
#   (owner, devices)   +--- net -+--- one   10.1.0.2, each with its cathedral-sync
#                                +--- two   10.2.0.2
#                                +--- three 10.3.0.2
#                                +--- four  10.4.0.2, which comes and goes
#
# ROUNDS=200 measures.
TEST_LIMIT=${TEST_LIMIT:-$((240 + 4 * ${ROUNDS:-5}))}
. "$(dirname "$0")/lib.sh"

for name in reliquary-api cathedral-sync test-chain; do
	command -v $name >/dev/null || skip_all "$name is not built"
done
ROUNDS=${ROUNDS:-5}
PATH=$PATH:$(cd "$HERE/../../scripts" && pwd)
export HOME=$WORK RELIQUARY_INSECURE=1
API=http://10.9.0.2:8080 DATA=$WORK/data
umask 022
plan 52

# --- the fleet ---

net_up net
router net
host people 10.8.0.2
host api 10.9.0.2
declare -A AT=([one]=10.1.0.2 [two]=10.2.0.2 [three]=10.3.0.2 [four]=10.4.0.2)
FLEET=(one two three)
head -c 32 /dev/urandom >federation.key
chmod 644 federation.key

start_api() {
	local before

	before=$(grep -cs 'is ready' api.log)
	start api api reliquary-api serve --data "$DATA" --listen 10.9.0.2:8080 --admin off \
		--pow-bits 4 --pow-bits-max 8 --rate-join off --upkeep-interval 1s
	wait_for 10 logged api 'is ready' $((${before:-0} + 1))
}

admin() {
	reliquary-api --data "$DATA" "$@" </dev/null
}

# add NAME: the service knows of it, and what it needs to start is there.
add() {
	local own

	host "$1" "${AT[$1]}"
	mkdir "$WORK/$1"
	(umask 077 && admin cathedral add "$1" "${AT[$1]}:4500" --nat-port 4501 >"$1/token") 2>/dev/null
	printf '%s\n' "instance $1" "listen ${AT[$1]}:4500 nat 4501 shroud" "registry registry.db" \
		"federation_secret $WORK/federation.key" "p2p_sync yes" "control $WORK/$1/control" \
		>"$1/cathedral.conf"
	printf '%s\n' "api $API" "token token" "registry registry.db" "control $WORK/$1/control" \
		>"$1/sync.conf"
	[ -n "$REAL_ROOT" ] || return 0
	for own in cathedral sync; do
		echo "user nobody" >>"$1/$own.conf"
	done
	chown -R nobody "$1"
}

serve() { # NAME: a cathedral that is ready
	local before

	before=$(grep -cs 'is ready' "$1.log")
	start "$1" "$1" "${AS_USER[@]}" cathedral -c "$WORK/$1/cathedral.conf"
	wait_for 10 logged "$1" 'is ready' $((${before:-0} + 1))
}

follow() { # NAME: its cathedral-sync
	start "sync-$1" "$1" "${AS_USER[@]}" cathedral-sync -c "$WORK/$1/sync.conf"
}

# knows CATHEDRAL KEY: how many its registry holds.
knows() {
	cathedralctl --json -s "$WORK/$1/control" status 2>/dev/null | jq ".registry.$2"
}

# all KEY NUMBER [CATHEDRAL...]: whether all of them hold so many.
all() {
	local name

	for name in "${@:3}"; do
		[ "$(knows "$name" "$1")" = "$2" ] || return 1
	done
	[ $# -gt 2 ] || all "$1" "$2" "${FLEET[@]}"
}

# becomes SECONDS KEY NUMBER NAME [CATHEDRAL...]: within that time.
becomes() {
	wait_for "$1" all "$2" "$3" "${@:5}"
	ok $? "$4" || note "$(for name in "${FLEET[@]}"; do echo "$name: $(knows "$name" "$2")"; done)"
	note "$4: $WAITED_MS ms"
}

start_api
ok $? "the service starts"
for name in "${FLEET[@]}"; do
	add "$name"
	follow "$name"
	serve "$name"
	ok $? "cathedral $name starts with nothing but its token"
done
becomes 20 peers 2 "each learns of the others from the service"

# --- a tenant ---

as() { # NAME COMMAND...
	in_ns people env RELIQUARY="$WORK/$1" "${@:2}" </dev/null
}

# bundle: a new one; GENERATION is its number.
bundle() {
	local out

	out=$(as owner reliquary-ambry -C "$WORK/owner" --force bundle "$FLOCK" "$FLOCK" 30 "$WORK/bundle")
	GENERATION=${out##*generation 0x}
}

# join NAME NN: a device asks; ID is what it is called.
join() {
	as "$1" reliquary-init $API >/dev/null && as "$1" reliquary-flock-join "$FLOCK" >/dev/null || return 1
	cd "$WORK/$1/$FLOCK" || return 1
	ID=$(<cathedral_id)
	ln -s "id-$ID" id && ln -s "cosk-$ID" cosk
	ln -s "$WORK/owner/$FLOCK/kek-data/kek-0x$2" kek
	cd "$WORK" || return 1
}

approve() { # ID NN
	as owner reliquary-device-approve --kek "$2" "$FLOCK" "$1" >/dev/null
}

delete() { # ID
	as owner reliquary-device-delete --yes "$FLOCK" "$1" >/dev/null
}

as owner reliquary-register $API >key.txt 2>register.log && FLOCK=$(as owner reliquary-flock-create)
ok $? "a tenant registers and makes a flock"
as owner reliquary-ambry -C "$WORK/owner" generate "$FLOCK" >/dev/null && bundle &&
	as owner reliquary-ambry-upload "$FLOCK" bundle >/dev/null
ok $? "makes keys and uploads a bundle"
for number in 01 02 03; do
	join "d$number" $number && approve "$ID" $number
	ok $? "device $number joins and is approved"
done
becomes 5 devices 3 "every cathedral has them"

# --- how long it takes ---

mkfifo chain.in
exec 8<>chain.in
nsenter --net=/run/netns/people test-chain "$FLOCK" 10 10.1.0.2:4500 01 "$WORK/d01/$FLOCK" \
	10.2.0.2:4500 02 "$WORK/d02/$FLOCK" 10.3.0.2:4500 03 "$WORK/d03/$FLOCK" <&8 >chain.log 2>&1 &
PIDS[chain]=$!
LINES_SAID=0
said_more() {
	[ "$(grep -c '' chain.log)" -gt "$LINES_SAID" ]
}
# tell WORD...: SAID is the answer.
tell() {
	echo "$*" >&8
	wait_for 20 said_more
	LINES_SAID=$(grep -c '' chain.log)
	SAID=$(tail -n 1 chain.log)
}

# figures FILE WHAT: of the slowest of the three cathedrals in each round.
figures() {
	local worst p99

	worst=$(awk '{ m = $2; for (i = 3; i <= 4; i++) if ($i > m) m = $i; print m }' "$1" | sort -n)
	p99=$(awk -v n="$(wc -l <"$1")" 'NR == int((99 * n + 99) / 100)' <<<"$worst")
	note "$2: $(wc -l <"$1") rounds, median $(awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }' \
		<<<"$worst") ms, p99 $p99 ms, most $(tail -n 1 <<<"$worst") ms"
	[ "$(wc -l <"$1")" = "$3" ] && awk -v p="${p99:-99999}" 'BEGIN { exit !(p < 5000) }'
	ok $? "$2 takes less than 5 s"
}

sleep 1 # the three are known everywhere
for ((round = 0; round < ROUNDS; round++)); do
	rm -rf guest
	{ join guest 10 && approve "$ID" 10; } || break
	tell come "$WORK/guest/$FLOCK"
	[[ $SAID == came* ]] && echo "$SAID" >>came.txt
	delete "$ID" || break
	tell go
	[[ $SAID == went* ]] && echo "$SAID" >>went.txt
done
is "$round" "$ROUNDS" "devices come and go"
figures came.txt "approved until relayed through each of three cathedrals" "$ROUNDS"
rm -rf guest
join guest 10 && approve "$ID" 10 && tell come "$WORK/guest/$FLOCK" # ambries are for two
figures went.txt "deleted until nothing is relayed by any of them" "$ROUNDS"
for ((round = 0; round < (ROUNDS + 4) / 5; round++)); do
	{ bundle && as owner reliquary-ambry-upload "$FLOCK" bundle >/dev/null; } || break
	tell hold "$GENERATION"
	[[ $SAID == held* ]] && echo "$SAID" >>held.txt
done
figures held.txt "a new bundle until devices at each hold it" $(((ROUNDS + 4) / 5))
stop chain
exec 8>&-
delete "$ID"

# --- without the service ---

# probe END-OPTION...: two devices at different cathedrals, for some seconds.
probe() {
	in_ns people cathedral-probe pair --flock "$FLOCK" --tunnel 0102 --interval 1 --duration 3 \
		--id-a "$(<"d01/$FLOCK/cathedral_id")" --id-b "$(<"d02/$FLOCK/cathedral_id")" \
		--cs-a "d01/$FLOCK/id" --cosk-a "d01/$FLOCK/cosk" --kek-a "d01/$FLOCK/kek" \
		--cs-b "d02/$FLOCK/id" --cosk-b "d02/$FLOCK/cosk" --kek-b "d02/$FLOCK/kek" "$@" >pair.log 2>&1
}
probe --cathedral-a 10.1.0.2:4500 --cathedral-b 10.2.0.2:4500 --max-loss 1
ok $? "two devices talk through one and two"
# lasting NAME NUMBER TUNNEL CATHEDRAL: one end of a tunnel, until it is stopped.
lasting() {
	start "$1" people cathedral-probe end --json --flock "$FLOCK" --tunnel "$3" --interval 1 \
		--rate 50 --cathedral "$4" --id "$(<"d$2/$FLOCK/cathedral_id")" --cs "d$2/$FLOCK/id" \
		--cosk "d$2/$FLOCK/cosk" --kek "d$2/$FLOCK/kek"
}
lasting lasting-a 01 0103 10.1.0.2:4500
lasting lasting-b 03 0301 10.2.0.2:4500
wait_for 10 hears lasting-a && wait_for 10 hears lasting-b
ok $? "a tunnel is there"
stop api KILL
ok $? "the service is killed"
stop three KILL
serve three
ok $? "a cathedral is killed, and starts without it"
is "$(knows three devices) $(knows three peers)" "3 2" "with all it knew"
probe --cathedral-a 10.1.0.2:4500 --cathedral-b 10.3.0.2:4500 --max-loss 1
ok $? "and serves devices"
stop lasting-a
stop lasting-b
for name in lasting-a lasting-b; do
	between "$(jq -n "$(figure $name longest_gap_s) * 1000 | floor")" 0 1000 "the tunnel went on all the time"
done

# --- the service is back ---

join late 04 2>/dev/null
is "$?" 1 "nobody can join without it"
rm -rf late
start_api
ok $? "the service is back"
join late 04 && approve "$ID" 04
ok $? "somebody joins"
becomes 20 devices 4 "and the cathedrals hear of it"

# wiped NAME: as if its disk were new, but for the token.
wiped() {
	stop "sync-$1" KILL
	stop "$1" KILL
	rm -f "$1"/registry.db*
	follow "$1"
	serve "$1"
}
wiped two
becomes 5 devices 4 "a cathedral whose registry was removed has it again in 5 s" two
probe --cathedral-a 10.2.0.2:4500 --cathedral-b 10.2.0.2:4500 --max-loss 1
ok $? "and serves"

# As if the service could not be reached from there.
stop sync-three KILL
delete "$ID"
becomes 5 devices 3 "who can reach the service hears that a device was deleted" one two
is "$(knows three devices)" 4 "who cannot goes on with what it knows"
stop api KILL
start_api
follow three
becomes 60 devices 3 "until it can again"

# --- cathedrals come and go ---

add four
follow four
serve four
ok $? "a fourth cathedral starts"
becomes 5 peers 3 "all know of it" one two three four
becomes 5 devices 3 "and it knows all" four
probe --cathedral-a 10.1.0.2:4500 --cathedral-b 10.4.0.2:4500 --max-loss 1
ok $? "devices talk through it"
# told: which cathedrals a device of cathedral one is told of.
told_of() {
	in_ns people cathedral-probe register --json --cathedral 10.1.0.2:4500 --flock "$FLOCK" \
		--id "$(<"d01/$FLOCK/cathedral_id")" --tunnel 0102 --cs "d01/$FLOCK/id" \
		--cosk "d01/$FLOCK/cosk" --remembrance --expect remembrance --interval 1 --duration 20 |
		jq -r 'select(.event == "remembrance") | .cathedrals | sort | join(" ")'
}
is "$(told_of)" "10.1.0.2:4500 10.2.0.2:4500 10.3.0.2:4500 10.4.0.2:4500" "and are told of it"
admin cathedral drain four >/dev/null
ok $? "it is drained"
not_told() {
	[ "$(told_of)" = "10.1.0.2:4500 10.2.0.2:4500 10.3.0.2:4500" ]
}
wait_for 45 not_told
ok $? "devices are not told of it any more"
is "$(knows one peers)" 3 "but it still federates"
probe --cathedral-a 10.1.0.2:4500 --cathedral-b 10.4.0.2:4500 --max-loss 1
ok $? "so that who is there can go on"
admin cathedral remove four --yes >/dev/null
becomes 10 peers 2 "removed, it leaves the federation of all"
wait_for 20 logged sync-four 'token'
ok $? "and its token is worth nothing"
stop four
stop sync-four

# --- accounts ---

SHARE=$(as owner reliquary-account | jq -r .share_id)
admin account suspend "$SHARE" >/dev/null
becomes 10 devices 0 "a suspended account's devices are served nowhere"
admin account resume "$SHARE" >/dev/null
becomes 10 devices 3 "resumed, everywhere"
probe --cathedral-a 10.1.0.2:4500 --cathedral-b 10.3.0.2:4500 --max-loss 1
ok $? "with their keys"
sqlite3 -cmd '.timeout 5000' "$DATA/reliquary.db" "UPDATE accounts SET expires = $(($(date +%s) + 2))
	WHERE expires = (SELECT max(expires) FROM accounts)"
ok $? "an account's time ends soon"
becomes 15 devices 0 "then nowhere again"
as owner reliquary-account extend >/dev/null
becomes 10 devices 3 "until it is extended"
for name in "${FLEET[@]}"; do
	stop "sync-$name"
	stop "$name"
	is "$STATUS" 0 "cathedral $name ends well"
done
