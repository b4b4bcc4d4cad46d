#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The key tool as its users run it: what it makes, what it says, what it refuses.  No network.
#
#   owner of aaaaaa00 --- external/bbbbbb00 ---> owner of bbbbbb00
#                     <-- external/aaaaaa00 ---
set -u
export LC_ALL=C
BIN=$(cd "${BIN:-$(dirname "$0")/../../build/bin}" && pwd) || exit 1
tool="$BIN/reliquary-ambry"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
umask 000 # what it makes must be closed all the same

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

# runs NAME STATUS WORDS...: the tool ends so; its words are in out and err.
runs() {
	local name=$1 want=$2 status

	shift 2
	"$tool" "$@" >out 2>err
	status=$?
	[ $status -eq "$want" ]
	ok "$name"
}

# says STATUS TEXT WORDS...: it refuses with exactly this sentence.
says() {
	local want=$1 text=$2 status

	shift 2
	"$tool" "$@" >out 2>err
	status=$?
	[ $status -eq "$want" ] && [ "$(cat err)" = "reliquary-ambry: $text" ]
	ok "refuses: $text"
}

# has NAME PATTERN [FILE]: a whole line of the output.
has() {
	grep -qxE -- "$2" "${3:-out}"
	ok "$1"
}

# mode FILE MODE
mode() {
	[ "$(stat -c %a "$1")" = "$2" ]
	ok "$1 has mode $2"
}

echo '# keys of one flock'
runs 'generate' 0 generate cafeba00
has 'it says so' '00000000cafeba00: generated 255 KEKs'
mode 00000000cafeba00 700
mode 00000000cafeba00/kek-data 700
mode 00000000cafeba00/internal/kek-0x01 400
mode 00000000cafeba00/kek-data/kek-0xff 400
says 1 '00000000cafeba00: is there already; keys are never overwritten' generate cafeba00
says 1 '00000000cafeba00: is there already; keys are never overwritten' generate 0xCAFEBA00

echo '# a bundle for it'
runs 'bundle' 0 bundle cafeba00 cafeba00 30 ambry.bundle
has 'it says what' 'ambry.bundle: generated 32385 tunnels, generation 0x[0-9a-f]{8}'
first=$(cat out)
[ "$(stat -c %s ambry.bundle)" = 3756730 ]
ok 'as long as a bundle is'
mode ambry.bundle 600
cp ambry.bundle before
says 1 'ambry.bundle: is there already; --force replaces it' \
	bundle cafeba00 cafeba00 30 ambry.bundle
cmp -s ambry.bundle before
ok 'and it was not touched'
runs 'bundle --force' 0 bundle --force cafeba00 cafeba00 30 ambry.bundle
[ "$(cat out)" != "$first" ] && ! cmp -s ambry.bundle before
ok 'with another generation'
says 1 '00000000beef0000/internal: not there; a new flock'"'"'s keys come from: reliquary-ambry generate beef0000' \
	bundle beef0000 beef0000 30 other.bundle
[ ! -e other.bundle ]
ok 'nothing was made'

echo '# inspection'
runs 'inspect' 0 inspect ambry.bundle
has 'that it is sound' 'ambry.bundle: a sound bundle'
has 'its flock' 'flock +00000000cafeba00'
has 'its entries' 'entries +64770, two for each of 32385 tunnels'
has 'its generation' 'generation +0x[0-9a-f]{8}'
has 'its end' 'expires +20[0-9-]{8} [0-9:]{8} UTC, in (29|30) days and [0-9]+ hours'
# The first two bytes are the day: 1 is the second of all.
{ printf '\0\1' && tail -c +3 ambry.bundle; } >expired
says 1 'expired: has expired' inspect expired
has 'and when' 'expires +2023-10-22 02:33:00 UTC, [0-9]+ days ago'
head -c 3756729 ambry.bundle >short
says 1 'short: 3756729 bytes where 3756730 were expected' inspect short
head -c 100 ambry.bundle >stump
says 1 'stump: too short for a bundle' inspect stump
# The second entry begins at 70 + 58; its tunnel is behind 8 bytes of flock.
{ head -c 136 ambry.bundle && printf '\377' && tail -c +138 ambry.bundle; } >damaged
says 1 'damaged: entry 2: tunnel ff01 of flock cafeba00 where 0201 was expected' inspect damaged
says 1 'nowhere: No such file or directory' inspect nowhere
says 1 '.: not a regular file' inspect .
cat ambry.bundle ambry.bundle ambry.bundle >long
says 1 'long: longer than 7542970 bytes' inspect long

echo '# two flocks of two owners'
mkdir a b
runs 'generate in a folder' 0 -C a generate aaaaaa00
runs 'the other one' 0 --directory b generate bbbbbb00
says 1 '00000000aaaaaa00/external/00000000bbbbbb00: not there; the owner of flock aaaaaa00 makes it, to be copied here, with: reliquary-ambry export aaaaaa00 bbbbbb00' \
	-C a bundle aaaaaa00 bbbbbb00 7 x.bundle
runs 'export' 0 -C a export aaaaaa00 bbbbbb00
has 'it says what' '00000000aaaaaa00/external/00000000bbbbbb00: exported 255 keys'
has 'and what to do' 'Hand this folder to the owner of flock bbbbbb00, to be put at the same place\.'
mode a/00000000aaaaaa00/external/00000000bbbbbb00 700
mode a/00000000aaaaaa00/external/00000000bbbbbb00/kek-0x80 400
says 1 '00000000aaaaaa00/external/00000000bbbbbb00: is there already; keys are never overwritten' \
	-C a export aaaaaa00 bbbbbb00
says 1 '00000000bbbbbb00/external/00000000aaaaaa00: not there; the owner of flock bbbbbb00 makes it, to be copied here, with: reliquary-ambry export bbbbbb00 aaaaaa00' \
	-C a bundle aaaaaa00 bbbbbb00 7 x.bundle
says 1 '00000000bbbbbb00/kek-data: not there; this takes the flock'"'"'s own KEKs' \
	-C a export bbbbbb00 aaaaaa00
runs 'export of the other' 0 -C b export bbbbbb00 aaaaaa00
mkdir -p a/00000000bbbbbb00 && cp -R b/00000000bbbbbb00/external a/00000000bbbbbb00/
ok 'what the other owner hands over is copied'
runs 'bundle of two flocks' 0 -C a bundle aaaaaa00 bbbbbb00 7 x.bundle
has 'it says what' 'x.bundle: generated 65025 tunnels, generation 0x[0-9a-f]{8}'
[ "$(stat -c %s a/x.bundle)" = 7542970 ]
ok 'as long as a bundle of two flocks is'
runs 'inspect' 0 inspect a/x.bundle
has 'both flocks' 'flocks +00000000aaaaaa00 and 00000000bbbbbb00'
has 'all entries' 'entries +130050, two for each of 65025 tunnels'

echo '# renewal'
kek=a/00000000aaaaaa00/kek-data/kek-0x0a
cp $kek old
runs 'renew' 0 -C a renew aaaaaa00 0x0a
has 'it says what' '00000000aaaaaa00/kek-data/kek-0x0a: renewed; the old key is kek-0x0a.old-1'
has 'and what to do' 'Give it to its device, then make and upload new bundles\.'
has 'with whom' 'Hand 00000000aaaaaa00/external/00000000bbbbbb00/kek-0x0a to the owner of flock bbbbbb00 again\.'
cmp -s $kek.old-1 old && ! cmp -s $kek old
ok 'a new key, and the old one is still there'
mode $kek 400
mode $kek.old-1 400
runs 'again, written otherwise' 0 -C a renew AAAAAA00 a
has 'the oldest stays' '.*the old key is kek-0x0a.old-2'
cmp -s $kek.old-1 old
ok 'as it was'
runs 'bundles go on' 0 -C a bundle -f aaaaaa00 bbbbbb00 7 x.bundle
cp -f a/00000000aaaaaa00/internal/kek-0x01 a/00000000aaaaaa00/internal/kek-0x02
says 1 '00000000aaaaaa00/internal/kek-0x02: does not follow from the KEK; mend it with: reliquary-ambry renew aaaaaa00 02' \
	-C a bundle aaaaaa00 aaaaaa00 7 own.bundle
runs 'it is mended so' 0 -C a renew aaaaaa00 02
runs 'and then works' 0 -C a bundle aaaaaa00 aaaaaa00 7 own.bundle
rm -f a/00000000aaaaaa00/internal/kek-0x03
says 1 '00000000aaaaaa00/internal/kek-0x03: No such file or directory' \
	-C a bundle aaaaaa00 aaaaaa00 7 own2.bundle
says 1 '00000000bbbbbb00/kek-data: not there; this takes the flock'"'"'s own KEKs' \
	-C a renew bbbbbb00 01

echo '# signing keys'
runs 'cosk-pair' 0 cosk-pair cosk cosk.pub
has 'the private one' 'cosk: private key'
has 'the public one' 'cosk\.pub: public key'
mode cosk 400
mode cosk.pub 444
[ "$(stat -c %s cosk cosk.pub | tr '\n' ' ')" = '64 32 ' ] && tail -c 32 cosk | cmp -s - cosk.pub
ok 'they belong together'
says 1 'cosk: File exists' cosk-pair cosk other.pub
says 1 'cosk.pub: File exists' cosk-pair other cosk.pub
[ ! -e other ] && [ ! -e other.pub ]
ok 'no half pair is left'
says 1 'no/such: No such file or directory' cosk-pair no/such cosk3.pub

echo '# usage'
for word in xyz '' 0x 0 ff 11112222333344445; do
	says 2 "$word: not a flock, such as cafeba00" generate "$word"
done
says 2 'cafeba05: names a domain; keys are for the whole flock, cafeba00' generate cafeba05
says 2 'both flocks are cafeba00' export cafeba00 cafeba00
for word in 0 100 -1 x; do
	says 2 "$word: not a KEK number, 0x01 to 0xff" renew cafeba00 -- "$word"
done
says 2 'x: not a number of days' bundle cafeba00 cafeba00 x new.bundle
"$tool" bundle cafeba00 cafeba00 0 new.bundle 2>err
grep -qxE 'reliquary-ambry: days must be 1 to [0-9]{5}' err
ok 'refuses: days must be 1 to'
"$tool" bundle cafeba00 cafeba00 65535 new.bundle 2>err
[ $? -eq 2 ] && grep -qxE 'reliquary-ambry: days must be 1 to [0-9]{5}' err
ok 'not beyond what a bundle can say'
says 2 'conjure: no such command; --help lists them' conjure
says 1 'nowhere: No such file or directory' -C nowhere generate cafeba00
runs 'too few words' 2 bundle cafeba00 cafeba00 30
has 'how it is used' 'usage: reliquary-ambry bundle FLOCK_A FLOCK_B DAYS FILE' err
runs 'too many words' 2 generate cafeba00 aaaaaa00
runs 'no words' 2
has 'how it is used' 'usage: reliquary-ambry .*' err
runs 'unknown option' 2 --forth generate cafeba00
grep -q "unrecognized option '--forth'" err
ok 'which one'
runs 'help' 0 --help
has 'all commands' '  inspect FILE'
runs 'version' 0 --version
has 'its name and number' 'reliquary-ambry [0-9.]+'
"$tool" inspect ambry.bundle >/dev/full 2>err
[ $? -eq 1 ] && grep -q 'standard output: No space left on device' err
ok 'output that nobody gets is a failure'
[ -z "$(find . -name '*.[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]' ! -name '*.bundle')" ]
ok 'nothing temporary is left'

echo "1..$count"
