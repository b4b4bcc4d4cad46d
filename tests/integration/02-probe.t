#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What the probe says when it cannot do its work: bad options, bad files, nobody there.  Only
# loopback, and nobody listens on it.
set -u
export LC_ALL=C
BIN=$(cd "${BIN:-$(dirname "$0")/../../build/bin}" && pwd) || exit 1
probe="$BIN/cathedral-probe"
work=$(mktemp -d) || exit 1
trap '[ $BASHPID != $$ ] || rm -rf "$work"' EXIT
cd "$work" || exit 1

count=0

# ok NAME: the last command's status decides.
ok() {
	local status=$?

	count=$((count + 1))
	if [ $status -eq 0 ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		sed 's/^/# out: /' out
		sed 's/^/# err: /' err
	fi
}

# ends STATUS NAME WORDS...
ends() {
	local want=$1 name=$2 status

	shift 2
	"$probe" "$@" >out 2>err
	status=$?
	[ $status -eq "$want" ]
	ok "$name"
}

# says STATUS TEXT WORDS...: one sentence, with the command's name in front of it.
says() {
	local want=$1 text=$2 status

	shift 2
	"$probe" "$@" >out 2>err
	status=$?
	[ $status -eq "$want" ] && [ "$(cat err)" = "cathedral-probe $1: $text" ]
	ok "$1: $text"
}

# has NAME PATTERN FILE: a whole line of it.
has() {
	grep -qxE -- "$2" "$3"
	ok "$1"
}

"$BIN/reliquary-ambry" cosk-pair a.cosk a.pub >out 2>err &&
	"$BIN/reliquary-ambry" cosk-pair b.cosk b.pub >out 2>err &&
	head -c 32 /dev/urandom >a.cs && head -c 32 /dev/urandom >b.cs && head -c 31 a.cs >short.cs &&
	{ head -c 32 a.cosk && head -c 32 b.pub; } >mixed.cosk
ok 'keys for two devices'

nobody=127.20.7.1:4500
device=(--cathedral "$nobody" --flock cafeba00 --id 1 --tunnel 0102 --cs a.cs --cosk a.cosk)
pair=(--cathedral "$nobody" --flock cafeba00 --tunnel 0102 --id-a 1 --cs-a a.cs --cosk-a a.cosk
	--id-b 2 --cs-b b.cs --cosk-b b.cosk)

echo '# usage'
ends 0 'help' --help
has 'every command' '  pair +measure .*' out
for command in register pair end; do
	ends 0 "$command --help" "$command" --help
	has 'its options' '  --cathedral.*' out
done
ends 0 'version' --version
has 'its name and number' 'cathedral-probe [0-9.]+' out
ends 2 'no command'
has 'how it is used' 'usage: cathedral-probe COMMAND OPTIONS' err
ends 2 'unknown command' conjure
has 'which one' 'cathedral-probe: conjure: no such command' err
ends 2 'unknown option' register --conjure
grep -q "unrecognized option '--conjure'" err
ok 'which one'
says 2 '--cathedral is missing' register
says 2 '--interval never: expected seconds, 0.001 to 3600' register --interval never

echo '# files'
says 2 'nowhere: No such file or directory' register "${device[@]}" --cs nowhere
says 2 'short.cs: 31 bytes long, expected 32' register "${device[@]}" --cs short.cs
says 2 'a.cs: 32 bytes long, expected 64' end "${device[@]}" --cosk a.cs
says 2 'mixed.cosk: not a signing key: its halves do not belong together' \
	pair "${pair[@]}" --cosk-b mixed.cosk
says 2 'a.cosk: 64 bytes long, expected 32' register "${device[@]}" --kek a.cosk

echo '# addresses'
says 2 '192.0.2.1:0: Cannot assign requested address' register "${device[@]}" --bind 192.0.2.1
says 2 '--bind: an IPv6 address does not reach an IPv4 cathedral' \
	register "${device[@]}" --bind ::1

echo '# nobody there'
says 1 'no answer from the cathedral' register "${device[@]}" --duration 0.2
has 'it says where it is' ' +[0-9.]+ device start +local=.* cathedral=127\.20\.7\.1:4500 .*' out
says 1 'no answer from the cathedral' register "${device[@]}" --duration 0.2 --json --expect info
jq -e '.event == "start" and .device == "device" and .shroud == true and .tunnel == "0102"' \
	out >/dev/null 2>err
ok 'the same as JSON'
says 1 'a->b: nothing came through in time' pair "${pair[@]}" --register-timeout 0.3
has 'the summary' ' +[0-9.]+ pair +summary +works=no moves=0 why=.*' out
says 1 'no answer from the cathedral' end "${device[@]}" --duration 0.2 --rate 20
has 'the summary' ' +[0-9.]+ relayed summary +sent=[1-9] received=0 lost=0 .*' out
"$probe" register "${device[@]}" --duration 0.1 >/dev/full 2>err
[ $? -eq 1 ]
ok 'output that nobody gets is a failure'

echo '# stopping'
for signal in TERM INT; do
	rm -f out
	"$probe" end "${device[@]}" >out 2>err &
	pid=$!
	# Its first line shows that it is itself, and no longer this shell, that gets the signal.
	for ((i = 0; i < 500; i++)); do
		[ ! -s out ] || break
		sleep 0.02
	done
	kill -$signal $pid
	wait $pid
	[ $? -eq 1 ] && grep -qE ' relayed summary ' out
	ok "SIG$signal ends it with a summary"
done
# Two cathedrals that say nothing: it goes from one to the other and back.
ends 1 'failing over' register "${device[@]}" --cathedral 127.20.7.2:4500 --give-up 0.2 \
	--duration 1.5
has 'to the second' ' +[0-9.]+ device moved +cathedral=127\.20\.7\.2:4500' out
has 'and back' ' +[0-9.]+ device moved +cathedral=127\.20\.7\.1:4500' out

echo "1..$count"
