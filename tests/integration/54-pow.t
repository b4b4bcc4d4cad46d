#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The tool that does the work which a registration asks for, checked with another program.
set -u
export LC_ALL=C
BIN=$(cd "${BIN:-$(dirname "$0")/../../build/bin}" && pwd) || exit 1
tool="$BIN/reliquary-pow"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
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
	fi
}

# says STATUS TEXT WORDS...: it refuses with exactly this sentence.
says() {
	local status

	"$tool" "${@:3}" >out 2>err
	status=$?
	[ $status -eq "$1" ] && [ "$(cat err)" = "reliquary-pow: $2" ] && [ ! -s out ]
	ok "refuses: $2"
}

# zeros CHALLENGE NONCE: how many zero bits the hash begins with.
zeros() {
	local hash bits

	hash=$(printf '%s%s' "$1" "$2" | b2sum -l 256 | cut -c 1-64)
	bits=$(perl -e 'print unpack("B256", pack("H64", $ARGV[0]))' "$hash")
	bits=${bits%%1*}
	echo ${#bits}
}

challenge=0102030405060708090a0b0c0d0e0f
for bits in 0 1 7 8 9 16 19; do
	nonce=$("$tool" "$challenge$bits" "$bits" 2>err)
	[ $? -eq 0 ] && [ "$(zeros "$challenge$bits" "$nonce")" -ge "$bits" ]
	ok "$bits bits are what another program counts"
done
[ ! -s err ]
ok "nothing is said where nobody watches"
[[ $nonce =~ ^[0-9a-f]{1,64}$ ]]
ok "a nonce is one word"
for threads in 1 2 7; do
	nonce=$("$tool" -j $threads "$challenge" 14) && [ "$(zeros "$challenge" "$nonce")" -ge 14 ]
	ok "with $threads threads"
done
# Half a second of work at the very least is shown on a terminal.
script -qec "timeout 3 '$tool' x 60" typescript >/dev/null 2>&1 </dev/null
grep -q 'proof of work: .* million tries' typescript
ok "a line on the terminal says how far it is"

says 2 "many: not a number of bits, 0 to 64" x many
says 2 "65: not a number of bits, 0 to 64" x 65
says 2 "-1: not a number of bits, 0 to 64" -- x -1
says 2 "a challenge is 1 to 1024 printable characters" "" 1
says 2 "a challenge is 1 to 1024 printable characters" "a b" 1
says 2 "a challenge is 1 to 1024 printable characters" "$(printf '%01025d' 0)" 1
says 2 "0: not a number of threads, 1 to 256" -j 0 x 1
says 2 "257: not a number of threads, 1 to 256" --threads 257 x 1
for words in "" "x" "x 1 2"; do
	# shellcheck disable=SC2086 # words
	"$tool" $words >out 2>err
	[ $? -eq 2 ] && grep -q '^usage: reliquary-pow ' err
	ok "wrong usage: ${words:-nothing}"
done
"$tool" --nosuch >out 2>err
[ $? -eq 2 ]
ok "an unknown option"
"$tool" --help | grep -q '^usage: reliquary-pow '
ok "--help"
[[ $("$tool" --version) =~ ^reliquary-pow\ [0-9.]+$ ]]
ok "--version"
"$tool" x 1 >/dev/full 2>err
[ $? -eq 1 ] && grep -q 'standard output: No space left on device' err
ok "output that nobody gets is a failure"

echo "1..$count"
