# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# What the network tests share.  Sourcing it re-executes the test in namespaces of its own (user,
# network, mount, process), so that nothing it does is seen outside and nothing outlives it.  Root
# is not needed; as root there is no user namespace, so that the daemon can drop to a user.

set -u
export LC_ALL=C
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BIN=$(cd "${BIN:-$HERE/../../build/bin}" 2>/dev/null && pwd) || BIN=
export BIN
export PATH="$BIN:$PATH:/usr/sbin:/sbin"

TEST_LIMIT=${TEST_LIMIT:-240} # seconds; a test that hangs is killed with all it started

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

enter_namespaces() {
	local apart=(--net --mount --pid --fork --kill-child --mount-proc) as
	local ways=("--user --map-root-user")

	[ "$(id -u)" != 0 ] || ways=("" "${ways[@]}")
	for as in "${ways[@]}"; do
		# shellcheck disable=SC2086 # no word or two
		unshare $as "${apart[@]}" sh -c 'mount -t tmpfs tmpfs /run' 2>/dev/null || continue
		# shellcheck disable=SC2086
		exec env APART=yes timeout --signal=KILL "$TEST_LIMIT" \
			unshare $as "${apart[@]}" bash "$0" "$@"
	done
	skip_all "no namespaces for $(id -un) on this machine"
}

[ -n "${APART:-}" ] || enter_namespaces "$@"

mount -t tmpfs tmpfs /run || skip_all "no tmpfs"
mount -t tmpfs tmpfs /dev/shm || skip_all "no tmpfs" # what is killed leaves things there, by its pid
ip link set lo up
WORK=/run/test # everything the test writes; open to the user the daemon becomes
mkdir -m 755 "$WORK"
cd "$WORK" || exit 1

# --- results (TAP) ---

PLANNED=0
TESTS=0
FAILED=0
declare -A SHOWN=() # lines of each log that were shown already

plan() {
	PLANNED=$1
	echo "1..$1"
}

note() {
	echo "# ${*//$'\n'/$'\n'# }"
}

# What the programs said since the last failure.
show_logs() {
	local log name lines

	for log in "$WORK"/*.log; do
		[ -e "$log" ] || continue
		name=$(basename "$log" .log)
		lines=$(wc -l <"$log")
		tail -n "+$((${SHOWN[$name]:-0} + 1))" "$log" | tail -n 6 | cut -c 1-300 | sed "s/^/# $name| /"
		SHOWN[$name]=$lines
	done
}

# ok STATUS NAME: status is what $? was.
ok() {
	TESTS=$((TESTS + 1))
	if [ "$1" = 0 ]; then
		echo "ok $TESTS - $2"
		return 0
	fi
	FAILED=$((FAILED + 1))
	echo "not ok $TESTS - $2"
	show_logs
	return 1
}

# is GOT WANT NAME
is() {
	[ "$1" = "$2" ]
	ok $? "$3" || note "got:  $1"$'\n'"want: $2"
}

# like GOT REGEX NAME
like() {
	[[ $1 =~ $2 ]]
	ok $? "$3" || note "got:  $1"$'\n'"like: $2"
}

# unlike GOT REGEX NAME
unlike() {
	[[ ! $1 =~ $2 ]]
	ok $? "$3" || note "got:    $1"$'\n'"unlike: $2"
}

# between GOT LEAST MOST NAME: whole numbers, inclusive.
between() {
	[[ $1 =~ ^-?[0-9]+$ ]] && [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
	ok $? "$4" || note "got: $1, want $2 to $3"
}

# skip COUNT REASON
skip() {
	local i

	for ((i = 0; i < $1; i++)); do
		TESTS=$((TESTS + 1))
		echo "ok $TESTS # SKIP $2"
	done
}

# --- time ---

now_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# wait_for SECONDS COMMAND...: polls until the command succeeds; WAITED_MS says how long it took.
wait_for() {
	local start=${EPOCHREALTIME/./} limit=$1

	shift
	while ! "$@"; do
		WAITED_MS=$(((${EPOCHREALTIME/./} - start) / 1000))
		[ "$WAITED_MS" -lt $((limit * 1000)) ] || return 1
		sleep 0.02
	done
	WAITED_MS=$(((${EPOCHREALTIME/./} - start) / 1000))
}

# --- programs ---

declare -A PIDS=()

# start NAME NAMESPACE COMMAND...: in the background, its output appended to NAME.log.
start() {
	local name=$1 ns=$2

	shift 2
	if [ "$ns" = - ]; then
		"$@" >>"$WORK/$name.log" 2>&1 </dev/null &
	else
		nsenter --net="/run/netns/$ns" "$@" >>"$WORK/$name.log" 2>&1 </dev/null &
	fi
	PIDS[$name]=$!
}

running() {
	kill -0 "${PIDS[$1]}" 2>/dev/null
}

ended() {
	! running "$1"
}

# stop NAME [SIGNAL]: STATUS is its exit status; one that does not end in 10 s is killed.
stop() {
	local pid=${PIDS[$1]:-}

	[ -n "$pid" ] || return 1
	kill -s "${2:-TERM}" "$pid" 2>/dev/null
	finish "$1" 10
}

# finish NAME SECONDS: waits for its end; STATUS as above.
finish() {
	local pid=${PIDS[$1]}

	{ # without what bash says of those that were killed
		wait_for "$2" ended "$1" || {
			note "$1 did not end in $2 s"
			kill -s KILL "$pid"
		}
		wait "$pid"
		# shellcheck disable=SC2034 # read by the tests
		STATUS=$?
	} 2>/dev/null
	unset "PIDS[$1]"
}

# logged NAME REGEX [LEAST]: whether its output has such a line, or at least that many.
logged() {
	local count

	count=$(grep -cE -- "$2" "$WORK/$1.log" 2>/dev/null)
	[ "${count:-0}" -ge "${3:-1}" ]
}

end() {
	local status=$? name

	for name in "${!PIDS[@]}"; do
		kill -s TERM "${PIDS[$name]}" 2>/dev/null
	done
	for name in "${!PIDS[@]}"; do
		finish "$name" 10
	done
	if grep -lE 'ERROR: [A-Za-z]+Sanitizer|WARNING: ThreadSanitizer|runtime error:' \
		"$WORK"/*.log 2>/dev/null; then
		show_logs
		status=1
	fi
	[ "$TESTS" = "$PLANNED" ] && [ "$FAILED" = 0 ] || status=1
	exit "$status"
}
trap end EXIT

# --- networks ---

# net_up NAME...: makes namespaces.
net_up() {
	local ns

	for ns in "$@"; do
		ip netns add "$ns" || skip_all "no network namespaces"
		in_ns "$ns" ip link set lo up
	done
}

in_ns() {
	nsenter --net="/run/netns/$1" "${@:2}"
}

# address NS ADDRESS...: of the machine, on no particular wire.
address() {
	local ip

	for ip in "${@:2}"; do
		in_ns "$1" ip address add "$ip/32" dev lo
	done
}

# wire NS ADDRESS NS ADDRESS: a cable between the two; each knows the other's address.
wire() {
	ip link add "$3" netns "$1" type veth peer name "$1" netns "$3" || skip_all "no veth"
	in_ns "$1" ip address add "$2" peer "$4" dev "$3"
	in_ns "$3" ip address add "$4" peer "$2" dev "$1"
	in_ns "$1" ip link set dev "$3" up
	in_ns "$3" ip link set dev "$1" up
}

# route NS DESTINATION GATEWAY
route() {
	in_ns "$1" ip route add "$2" via "$3"
}

# router NS: lets it forward.
router() {
	in_ns "$1" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}

# host NAME ADDRESS: a machine wired to the router "net", which is at .254 of its network.
host() {
	net_up "$1"
	wire "$1" "$2" net "${2%.*}.254"
	route "$1" default "${2%.*}.254"
}

need_tun() {
	: 2>/dev/null <>/dev/net/tun || skip_all "/dev/net/tun cannot be opened"
}

# Without IPv6, whose announcements would spoil the counts.
tun_up() {
	in_ns "$1" ip link set dev "$2" addrgenmode none
	in_ns "$1" ip link set dev "$2" up
}

# forward NAME INSIDE OUTSIDE [REACHES] OPTION...: test-forwarder between two namespaces; what
# the inside sends to REACHES (default: everything) goes through it.
forward() {
	local name=$1 inside=$2 outside=$3 reaches=default

	shift 3
	[[ $1 == --* ]] || {
		reaches=$1
		shift
	}
	in_ns "$inside" ip tuntap add "$name" mode tun
	in_ns "$outside" ip tuntap add "$name" mode tun
	mkfifo "$WORK/$name.fifo"
	start "$name" - test-forwarder --inside "$inside:$name" --outside "$outside:$name" \
		--control "$WORK/$name.fifo" "$@"
	wait_for 5 logged "$name" '^ready ' || ok 1 "forwarder $name starts"
	tun_up "$inside" "$name"
	tun_up "$outside" "$name"
	in_ns "$inside" ip route add "$reaches" dev "$name"
}

# behind NS NAME ADDRESS...: that these addresses are reached through the forwarder NAME.
behind() {
	local ip

	for ip in "${@:3}"; do
		in_ns "$1" ip route add "$ip" dev "$2"
	done
}

# control NAME COMMAND...: tells a forwarder; returns once it holds.
control() {
	local name=$1 before

	shift
	before=$(grep -c "^done $*\$" "$WORK/$name.log")
	echo "$*" >"$WORK/$name.fifo"
	wait_for 2 logged "$name" "^done $*\$" $((before + 1))
}

# shellcheck source=flock.sh
. "$HERE/flock.sh"
