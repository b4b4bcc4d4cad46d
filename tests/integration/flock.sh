# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# Flocks, devices and cathedrals of the network tests: real keys, real bundles, real files.

KEYS=$WORK/keys       # the devices' side: NAME.cs, NAME.cosk, NAME.cosk.pub, NAME.kek
SECRETS=$WORK/secrets # the cathedrals' side
TREE=$WORK/tree       # the owners' key tree
ETC=$WORK/etc         # what cathedrals are told: NAME.conf, NAME.settings, FLOCK-FLOCK.bundle
mkdir -p "$KEYS" "$SECRETS" "$TREE" "$ETC"

declare -A FLOCK_OF=() ID_OF=() NUMBER_OF=() MBIT_OF=()
ALLOWED=() # names of the devices that settings allow, in order
PAIRS=()   # "FLOCK FLOCK" of each xflock

# make_flock FLOCK NAME=ID:NUMBER...: KEKs and a bundle, and devices that are allowed.
make_flock() {
	local flock=$1 device

	reliquary-ambry -C "$TREE" generate "$flock" >/dev/null || return 1
	make_bundle "$flock" "$flock" 30
	for device in "${@:2}"; do
		make_device "$flock" "$device"
	done
}

# make_bundle FLOCK FLOCK DAYS: a new one in the place of the old; GENERATION is its number.
make_bundle() {
	local file=$ETC/$1-$2.bundle out

	out=$(reliquary-ambry -C "$TREE" --force bundle "$1" "$2" "$3" "$file.new") || return 1
	# shellcheck disable=SC2034 # read by the tests
	GENERATION=${out##*generation 0x}
	chmod 644 "$file.new"
	mv "$file.new" "$file"
}

# make_xflock FLOCK FLOCK
make_xflock() {
	reliquary-ambry -C "$TREE" export "$1" "$2" >/dev/null || return 1
	reliquary-ambry -C "$TREE" export "$2" "$1" >/dev/null || return 1
	make_bundle "$1" "$2" 30
	PAIRS+=("$1 $2")
}

# make_device FLOCK NAME=ID:NUMBER[:MBIT]
make_device() {
	local name=${2%%=*} id number mbit folder

	IFS=: read -r id number mbit <<<"${2#*=}"
	folder=$SECRETS/flock-$1
	mkdir -p "$folder"
	head -c 32 /dev/urandom >"$KEYS/$name.cs"
	reliquary-ambry cosk-pair "$KEYS/$name.cosk" "$KEYS/$name.cosk.pub" >/dev/null || return 1
	cp "$KEYS/$name.cs" "$folder/$(printf %08x "0x$id").key"
	cp "$KEYS/$name.cosk.pub" "$folder/$(printf %08x "0x$id").pub"
	cp "$(kek_file "$1" "$number")" "$KEYS/$name.kek"
	chmod 644 "$folder"/*

	FLOCK_OF[$name]=$1
	ID_OF[$name]=$id
	NUMBER_OF[$name]=$number
	MBIT_OF[$name]=${mbit:-0}
	ALLOWED+=("$name")
}

# kek_file FLOCK NUMBER (hexadecimal, as in settings)
kek_file() {
	printf '%s/%016x/kek-data/kek-0x%02x' "$TREE" "0x$1" "0x$2"
}

# forbid NAME: settings written from now on do not allow this device.
forbid() {
	local name left=()

	for name in "${ALLOWED[@]}"; do
		[ "$name" = "$1" ] || left+=("$name")
	done
	ALLOWED=("${left[@]}")
}

# write_settings NAME [LINE...]: NAME.settings with every flock, and these lines on top; in one step.
write_settings() {
	local file=$ETC/$1.settings flock name pair line

	{
		for line in "${@:2}"; do
			echo "$line"
		done
		for flock in $(printf '%s\n' "${FLOCK_OF[@]}" | sort -u); do
			echo "flock $flock {"
			for name in "${ALLOWED[@]}"; do
				[ "${FLOCK_OF[$name]}" = "$flock" ] || continue
				echo "	allow ${ID_OF[$name]} spi ${NUMBER_OF[$name]} ${MBIT_OF[$name]}"
			done
			echo "	ambry $ETC/$flock-$flock.bundle"
			echo "}"
		done
		for pair in ${PAIRS[@]+"${PAIRS[@]}"}; do
			echo "xflock $pair $ETC/${pair/ /-}.bundle"
		done
	} >"$file.new"
	mv "$file.new" "$file"
}

# --- cathedrals ---

# The daemon never runs as root: it becomes nobody, or is somebody else from the start.
if [ "$(awk '{ n += $3 } END { print (n > 1) }' /proc/self/uid_map)" = 1 ]; then
	REAL_ROOT=yes
	AS_USER=()
else
	REAL_ROOT=
	AS_USER=(unshare --user --map-user=65534 --map-group=65534)
fi
RUN=$WORK/run # where the daemon may make its socket and its pidfile
mkdir -p "$RUN"
[ -z "$REAL_ROOT" ] || chown nobody "$RUN"

# make_conf NAME LINE...: NAME.conf with these lines and those that every test needs.
make_conf() {
	{
		printf '%s\n' "${@:2}"
		echo "instance $1"
		echo "settings $ETC/$1.settings"
		echo "secretdir $SECRETS"
		echo "control $RUN/$1.sock"
		[ -z "$REAL_ROOT" ] || echo "user nobody"
	} >"$ETC/$1.conf"
}

# start_cathedral NAME NAMESPACE: with NAME.conf; returns when it is ready.
start_cathedral() {
	local before

	[ -e "$ETC/$1.settings" ] || write_settings "$1"
	before=$(grep -c ' is ready' "$WORK/$1.log" 2>/dev/null)
	start "$1" "$2" "${AS_USER[@]}" cathedral -c "$ETC/$1.conf"
	wait_for 10 logged "$1" ' is ready' $((${before:-0} + 1)) && return 0
	note "cathedral $1 does not start"
	show_logs
	return 1
}

declare -A AT=() # address of each cathedral of a federation

# make_federation NAME=ADDRESS...: settings and configurations of cathedrals that federate.
make_federation() {
	local name other others

	head -c 32 /dev/urandom >"$ETC/federation.key"
	chmod 644 "$ETC/federation.key"
	for name in "$@"; do
		AT[${name%%=*}]=${name#*=}
	done
	for name in "${!AT[@]}"; do
		others=()
		for other in "${!AT[@]}"; do
			[ "$other" = "$name" ] || others+=("federate ${AT[$other]} 4500 clear 4600")
		done
		write_settings "$name" "${others[@]}"
		make_conf "$name" "listen ${AT[$name]}:4500 nat 4501 shroud" \
			"listen ${AT[$name]}:4600 nat 4601 clear" "p2p_sync yes" \
			"federation_secret $ETC/federation.key"
	done
}

# ask NAME VERB...: what a cathedral answers, JSON.
ask() {
	cathedralctl --json --socket "$RUN/$1.sock" "${@:2}"
}

# verdict NAME WHAT: how many packets ended so.  counter NAME WHAT: another of its counters.
verdict() {
	ask "$1" counters | jq --arg name "$2" '.total.packets[$name]'
}

counter() {
	ask "$1" counters | jq --arg name "$2" '.total.counters[$name]'
}

# sum_of FILTER NAME...: over the packet counts of these cathedrals.
sum_of() {
	local name total=0

	for name in "${@:2}"; do
		total=$((total + $(ask "$name" counters | jq "[.total.packets | $1] | add")))
	done
	echo "$total"
}

# dropped NAME...: packets that were dropped, for whatever reason.
dropped() {
	sum_of 'del(.relayed, .consumed)[]' "$@"
}

# denied NAME...: data packets that were dropped although their sender was known.
denied() {
	sum_of '.no_tunnel, .spi, .sender, .cap, .loop, .too_large, .not_allowed' "$@"
}

# --- devices ---

# be NAME PEER: sets DEVICE to the options that make cathedral-probe this device.
be() {
	DEVICE=(--flock "${FLOCK_OF[$1]}" --flock-dst "${FLOCK_OF[$2]}" --id "${ID_OF[$1]}"
		--tunnel "$(printf '%02x%02x' "0x${NUMBER_OF[$1]}" "0x${NUMBER_OF[$2]}")"
		--cs "$KEYS/$1.cs" --cosk "$KEYS/$1.cosk" --kek "$KEYS/$1.kek")
}

# be_both NAME PEER: sets DEVICES to the options that make cathedral-probe pair both of them.
be_both() {
	local end

	DEVICES=()
	for end in "$1 $2 -a" "$2 $1 -b"; do
		# shellcheck disable=SC2086 # three words
		be_end $end
	done
}

be_end() {
	local i

	be "$1" "$2"
	for ((i = 0; i < ${#DEVICE[@]}; i += 2)); do
		DEVICES+=("${DEVICE[i]}$3" "${DEVICE[i + 1]}")
	done
}

# start_end NAME NAMESPACE PEER OPTION...: the device as one end of the tunnel to its peer; its log
# is NAME-PEER.log, lines of JSON.
start_end() {
	be "$1" "$3"
	start "$1-$3" "$2" cathedral-probe end --json "${DEVICE[@]}" "${@:4}"
}

# events END FILTER: what jq finds among its lines.
events() {
	jq -rR "fromjson? | $2" "$WORK/$1.log" 2>/dev/null
}

# hears END [LEAST]: whether relayed data came to it, or came again after that many silences.
hears() {
	[ "$(events "$1" 'select(.event == "data" and .path == "relayed") | .after' | wc -l)" -ge \
		"${2:-1}" ]
}

hears_direct() {
	[ -n "$(events "$1" 'select(.event == "data" and .path == "direct") | .after')" ]
}

# told END CONDITION: whether one of the infos it was given is so.
told() {
	[ -n "$(told_at "$1" "$2")" ]
}

# When that was first, in whole seconds from its start.
told_at() {
	events "$1" "select(.event == \"info\" and ($2)) | .after | floor" | head -n 1
}

# figure END FIELD [relayed|direct]: from its last summary, after it was stopped.
figure() {
	events "$1" "select(.event == \"summary\" and .device == \"${3:-relayed}\") | .$2" | tail -n 1
}

# sound END EARLY: nothing was doubled or damaged on the way to this end, nor lost or overtaken but
# what was dropped early, before everybody was known: EARLY packets at most.
sound() {
	events "$1" "select(.event == \"summary\" and .device == \"relayed\") | .lost <= $2 and
		.reordered <= $2 and .duplicates == 0 and .foreign == 0" | grep -qx true
}
