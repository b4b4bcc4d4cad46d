# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# A fleet and a tenant, for the tests of the whole chain; sourced after lib.sh.
#
#   people 10.8.0.2 ---+         +--- api 10.9.0.2
#   (owner, devices)   +--- net -+--- one   10.1.0.2, each with its cathedral-sync
#                                +--- two   10.2.0.2
#                                +--- three 10.3.0.2
#                                +--- four  10.4.0.2, which comes and goes
#
# All files are in memory, unless DISK names a folder: it is filled, and nobody empties it.

for name in reliquary-api cathedral-sync test-chain test-estate; do
	command -v $name >/dev/null || skip_all "$name is not built"
done
if [ -n "${DISK:-}" ]; then
	mount --bind "$DISK" "$WORK" || skip_all "$DISK cannot be used"
	chmod 755 "$WORK"
	cd "$WORK" || exit 1
fi
PATH=$PATH:$(cd "$HERE/../../scripts" && pwd)
export HOME=$WORK RELIQUARY_INSECURE=1
API=http://10.9.0.2:8080 DATA=$WORK/data
umask 022

# --- the fleet ---

net_up net
router net
host people 10.8.0.2
host api 10.9.0.2
declare -A AT=([api]=10.9.0.2 [one]=10.1.0.2 [two]=10.2.0.2 [three]=10.3.0.2 [four]=10.4.0.2)
FLEET=(one two three)
head -c 32 /dev/urandom >federation.key
chmod 644 federation.key

API_BY=() # a command that runs the service
start_api() {
	local before

	before=$(grep -cs 'is ready' api.log)
	start api api "${API_BY[@]}" reliquary-api serve --data "$DATA" --listen 10.9.0.2:8080 --admin off \
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

serve() { # NAME [COMMAND...]: a cathedral that is ready
	local before

	before=$(grep -cs 'is ready' "$1.log")
	start "$1" "$1" "${@:2}" "${AS_USER[@]}" cathedral -c "$WORK/$1/cathedral.conf"
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

# starts NAME...: cathedrals that have nothing but their tokens; a result each.
starts() {
	local name

	for name in "$@"; do
		add "$name"
		follow "$name"
		serve "$name"
		ok $? "cathedral $name starts with nothing but its token"
	done
}

# wiped NAME: it is killed, and comes back as if its disk were new, but for token and configuration.
wiped() {
	stop "sync-$1" KILL
	stop "$1" KILL
	find "$1" -mindepth 1 ! -name token ! -name '*.conf' -delete
	follow "$1"
	serve "$1"
}

# --- a tenant ---

as() { # NAME COMMAND...
	in_ns people env RELIQUARY="$WORK/$1" "${@:2}" </dev/null
}

# bundle: a new one; GENERATION is its number.
bundle() {
	local out

	out=$(as owner reliquary-ambry -C "$WORK/owner" --force bundle "$FLOCK" "$FLOCK" 30 "$WORK/bundle")
	# shellcheck disable=SC2034 # read by the tests
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

# settle NUMBER...: a tenant with a FLOCK, keys, a bundle, and devices of these numbers, d01 and so on.
settle() {
	local number

	as owner reliquary-register $API >key.txt 2>register.log &&
		FLOCK=$(as owner reliquary-flock-create)
	ok $? "a tenant registers and makes a flock"
	as owner reliquary-ambry -C "$WORK/owner" generate "$FLOCK" >/dev/null && bundle &&
		as owner reliquary-ambry-upload "$FLOCK" bundle >/dev/null
	ok $? "makes keys and uploads a bundle"
	for number in "$@"; do
		join "d$number" "$number" && approve "$ID" "$number"
		ok $? "device $number joins and is approved"
	done
}

# --- devices ---

# keys_of NUMBER END: OPTIONS that make cathedral-probe this device; END is -a, -b or nothing.
keys_of() {
	local folder="d$1/$FLOCK"

	OPTIONS=("--id$2" "$(<"$folder/cathedral_id")" "--cs$2" "$folder/id" "--cosk$2" "$folder/cosk"
		"--kek$2" "$folder/kek")
}

# probe CATHEDRAL CATHEDRAL: devices 01 and 02 talk through these, for some seconds.
probe() {
	local both=()

	keys_of 01 -a
	both+=("${OPTIONS[@]}" --cathedral-a "${AT[$1]}:4500")
	keys_of 02 -b
	both+=("${OPTIONS[@]}" --cathedral-b "${AT[$2]}:4500")
	in_ns people cathedral-probe pair --flock "$FLOCK" --tunnel 0102 --interval 1 --duration 3 \
		--max-loss 1 "${both[@]}" >pair.log 2>&1
}

# lasting NUMBER PEER "CATHEDRAL..." [OPTION...]: one end of a tunnel, until it is stopped; the
# cathedrals are its choices.  It is called end-NUMBER-PEER.
lasting() {
	local name

	keys_of "$1" ''
	for name in $3; do
		OPTIONS+=(--cathedral "${AT[$name]}:4500")
	done
	start "end-$1-$2" people cathedral-probe end --json --flock "$FLOCK" --tunnel "$1$2" \
		--interval 1 --rate 50 "${OPTIONS[@]}" "${@:4}"
}

# tunnel NUMBER "CATHEDRAL..." NUMBER "CATHEDRAL..." [OPTION...]: both ends; do they hear each other?
tunnel() {
	lasting "$1" "$3" "$2" "${@:5}"
	lasting "$3" "$1" "$4" "${@:5}"
	wait_for 12 hears "end-$1-$3" && wait_for 12 hears "end-$3-$1"
}

# moved END CATHEDRAL: it gave up its own, last of all for this one.
moved() {
	[ "$(events "$1" 'select(.event == "moved") | .cathedral' | tail -n 1)" = "${AT[$2]}:4500" ]
}

# apart NUMBER NUMBER MOST NAME: both ends are stopped; neither heard nothing for longer than MOST ms.
apart() {
	local end gap

	for end in "end-$1-$2" "end-$2-$1"; do
		stop "$end"
		gap=$(figure "$end" longest_gap_s)
		between "$(jq -n "$gap * 1000 | floor")" 0 "$3" "$4"
		note "$4: $gap s"
		mv "$end.log" "$end.past"
	done
}
