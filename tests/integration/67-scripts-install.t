#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What "make install" puts where, run from there: the commands find their library, shells complete
# them, man finds their pages; and what they write for other programs.  No network.
. "$(dirname "$0")/lib.sh"
. "$HERE/scripts.sh"

ROOT=$WORK/root
FLOCK=6442a01510d91a00
OTHER=90c1f2ae33b05d00
PREFIX=/opt/reliquary
TREE_OF_SOURCES=$HERE/../..

# As it was built, without building anything: the programs are there, or the test would not run.
make -s -C "$TREE_OF_SOURCES" -o all -o packages BIN="$BIN" DESTDIR="$ROOT" PREFIX="$PREFIX" install \
	>install.log 2>&1
INSTALLED=$?
SHARE=$ROOT$PREFIX/share
SCRIPTS=$ROOT$PREFIX/bin

plan 57

is "$INSTALLED" 0 "make install" || note "$(cat install.log)"
missing=
for command in "$TREE_OF_SOURCES"/scripts/reliquary* reliquary-ambry reliquary-pow; do
	[ -x "$SCRIPTS/${command##*/}" ] || missing+=" ${command##*/}"
done
is "$missing" "" "the commands, the key tool and the tool for proofs of work are there"
is "$(names "$SHARE/reliquary")" "liturgy.template reliquary.bash tunnel.template voice.template " \
	"with their library"
! grep -rlF "$ROOT" "$SCRIPTS" "$SHARE" >/dev/null
ok $? "none knows where it was put for the time being"
runs "reliquary from there" reliquary
runs "a command of it from there" "$SCRIPTS/reliquary" status --help
ln -s "$SCRIPTS/reliquary-status" "$WORK/state"
runs "or through a link" "$WORK/state" --help
missing=
for command in "$SCRIPTS"/reliquary "$SCRIPTS"/reliquary-*; do
	[ -f "$SHARE/man/man1/${command##*/}.1" ] || missing+=" ${command##*/}"
done
is "$missing" "" "each has a page"

# --- a device, as a join and a key would leave it ---

HERS=$RELIQUARY/$FLOCK
umask 077
mkdir -p "$HERS"
echo https://reliquary.example >"$RELIQUARY/api"
fails 1 'run reliquary-flock-join first' "no tunnel without a flock" \
	reliquary-tunnel-add "$FLOCK" 02 10.0.0.1/30
echo 36d28dec >"$HERS/cathedral_id"
fails 1 'has no number yet' "nor without a number" reliquary-tunnel-add "$FLOCK" 02 10.0.0.1/30
head -c 32 /dev/urandom >"$WORK/kek"
run reliquary-kek-install "$FLOCK" 1f "$WORK/kek"
fails 1 'no cathedral is known: run reliquary-init' "nor without a cathedral" \
	reliquary-tunnel-add "$FLOCK" 02 10.0.0.1/30
echo 192.0.2.1:4500 >"$RELIQUARY/cathedral"
echo 4501 >"$RELIQUARY/natport"
fails 1 'id-36d28dec: is not there' "nor without the device's secret" \
	reliquary-tunnel-add "$FLOCK" 02 10.0.0.1/30
head -c 32 /dev/urandom >"$HERS/id-36d28dec"
reliquary-ambry cosk-pair "$HERS/cosk-36d28dec" "$HERS/cosk-pub-36d28dec" >/dev/null

# --- for sanctum ---

runs "a tunnel" reliquary-tunnel-add "$FLOCK" 02 10.0.0.1/30
is "$OUT" "$HERS/tunnel-1f-02.conf" "its configuration is named"
is "$ERR" "reliquary-tunnel-add: next: sudo sanctum -c $HERS/tunnel-1f-02.conf" "and what comes next"
is "$(mode "$HERS/tunnel-1f-02.conf")" 600 "it is closed"
is "$(grep -v '^#' "$HERS/tunnel-1f-02.conf" | grep . | LC_ALL=C sort)" "cathedral 192.0.2.1:4500
cathedral_cosk $HERS/cosk-36d28dec
cathedral_flock $FLOCK
cathedral_id 36d28dec
cathedral_nat_port 4501
cathedral_secret $HERS/id-36d28dec
instance $FLOCK-1f-02
kek $HERS/kek-0x1f
mode tunnel
shroud yes
spi 0x1f02
tunnel 10.0.0.1/30 1422" "it says what it should"
unlike "$(cat "$HERS/tunnel-1f-02.conf")" '@' "and everything is filled in"
fails 1 'is there already; --force replaces it' "again" reliquary-tunnel-add "$FLOCK" 02 10.0.0.5/30
runs "again by force" reliquary-tunnel-add --force --mtu 1300 --shroud no "$FLOCK" 02 10.0.0.5/30
is "$(grep -E '^(tunnel|shroud) ' "$HERS/tunnel-1f-02.conf" | tr '\n' ' ')" \
	"tunnel 10.0.0.5/30 1300 shroud no " "with other values"
for bad in "1f 10.0.0.1/30" "00 10.0.0.1/30" "02 10.0.0.256/30" "02 10.0.0.1/33" "02 10.0.0.1" \
	"02 fe80::1/64" "--mtu 99 02 10.0.0.1/30" "--shroud maybe 02 10.0.0.1/30"; do
	# shellcheck disable=SC2086 # words
	fails 2 . "refused: $bad" reliquary-tunnel-add "$FLOCK" $bad
done
runs "a tunnel into another flock" reliquary-tunnel-xadd "$FLOCK" "$OTHER" 0x03 10.0.1.1/30
is "$(grep -E '^(cathedral_flock|spi)' "$HERS/tunnel-1f-$OTHER-03.conf" | LC_ALL=C sort | tr '\n' ' ')" \
	"cathedral_flock $FLOCK cathedral_flock_dst $OTHER spi 0x1f03 " "names both flocks"
fails 2 'not one twice' "another one that is the same" \
	reliquary-tunnel-xadd "$FLOCK" "$FLOCK" 03 10.0.1.1/30
runs "a liturgy" reliquary-flock-liturgy --group 7 "$FLOCK"
is "$(grep -E '^(mode|liturgy)' "$HERS/liturgy-7.conf" | tr '\n' ' ')" \
	"mode liturgy liturgy_group 7 liturgy_id 1f " "says what it should"
fails 2 . "a group too high" reliquary-flock-liturgy --group 65536 "$FLOCK"

printf '%s\n' '# mine' 'peer @PEER@ of @FLOCK@' 'other @OTHER_FLOCK@' 'a@b' \
	>"$RELIQUARY/tunnel.template"
run reliquary-tunnel-add "$FLOCK" 04 10.0.2.1/30
is "$(cat "$HERS/tunnel-1f-04.conf")" "# mine"$'\n'"peer 04 of $FLOCK"$'\n'"a@b" \
	"one's own template goes first"
echo '@SPELL@' >"$RELIQUARY/tunnel.template"
fails 1 'tunnel.template: there is no @SPELL@' "a template that wants too much" \
	reliquary-tunnel-add "$FLOCK" 05 10.0.2.5/30

# --- for confessions ---

fails 1 'confessions is not installed' "a call without confessions" reliquary-voice-call "$FLOCK" 02
ln -s "$(type -P echo)" "$SPY/confessions" # says what it was told
run reliquary-voice-call "$FLOCK" 02
is "$OUT" "cathedral --cathedral=192.0.2.1:4500 --nat-port=4501 --flock=$FLOCK \
--identity=36d28dec:$HERS/id-36d28dec --cosk=$HERS/cosk-36d28dec --kek=$HERS/kek-0x1f \
--tunnel=1f02" "with it, it is told everything"
run reliquary-voice-call --print "$FLOCK" 02
like "$OUT" "^confessions cathedral --cathedral=192.0.2.1:4500 .*--tunnel=1f02\$" "or this is shown"

# --- another key tool ---

rm "$SCRIPTS/reliquary-ambry"
mkdir "$WORK/others"
PATH_WITHOUT=${PATH//"$BIN:"/}
ln -s "$BIN/reliquary-ambry" "$WORK/others/ambry"
mkdir "$WORK/web"
reply='{"cathedral_id": "0badf00d", "cathedral_secret": "'$(printf '5c%.0s' {1..32})'"}'
printf 'BYTES\nHTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s' "${#reply}" "$reply" \
	>"$WORK/web/answer"
start web - perl "$HERE/responder.pl" "$WORK/web"
wait_for 5 test -s "$WORK/web/port"
export RELIQUARY=$WORK/two
mkdir "$RELIQUARY"
echo "http://127.0.0.1:$(cat "$WORK/web/port")" >"$RELIQUARY/api"
PATH=$PATH_WITHOUT SPY_PATH=$PATH_WITHOUT fails 1 'reliquary-ambry is needed to make keys' \
	"joining without a key tool" reliquary-flock-join "$FLOCK"
PATH=$WORK/others:$PATH_WITHOUT SPY_PATH=$PATH_WITHOUT runs "with sanctum's name for it" \
	reliquary-flock-join "$FLOCK"
is "$(cd "$RELIQUARY/$FLOCK" && stat -c '%n:%s' cosk-* | tr '\n' ' ')" \
	"cosk-0badf00d:64 cosk-pub-0badf00d:32 " "makes keys, too"
ln -sf "$(type -P false)" "$WORK/others/ambry"
PATH=$WORK/others:$PATH_WITHOUT SPY_PATH=$PATH_WITHOUT fails 1 'does not know "cosk-pair' \
	"one that knows other words" reliquary-flock-join "$OTHER"

# --- shells ---

export RELIQUARY=$WORK/one
completed() {
	PATH="$SCRIPTS:$PATH" bash --norc -c '
		. "$0/bash-completion/completions/reliquary-device-list" || exit 1
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_reliquary
		printf "%s " "${COMPREPLY[@]}"' "$SHARE" "$@"
}

is "$(completed reliquary flock-)" "flock-create flock-delete flock-join flock-list flock-liturgy " \
	"bash completes commands"
is "$(completed reliquary-device-approve '')" "$FLOCK " "flocks"
is "$(completed reliquary device-approve "$FLOCK" '')" "36d28dec " "devices"
mkdir "$RELIQUARY/0000000000000100"
# shellcheck disable=SC2016 # that must not be expanded
echo '$(touch expanded)' | tee "$RELIQUARY/api.new" >"$RELIQUARY/0000000000000100/cathedral_id"
cp "$RELIQUARY/api" "$WORK/api"
is "$(completed reliquary-init '' | tr -d ' ')" "$(cat "$WORK/api")" "the service"
mv "$RELIQUARY/api.new" "$RELIQUARY/api"
is "$(completed reliquary-device-approve "$FLOCK" '')$(completed reliquary-init '')" "36d28dec  " \
	"but no orders from files"
[ ! -e expanded ]
ok $? "which are not obeyed"
rm -r "$RELIQUARY/0000000000000100"
mv "$WORK/api" "$RELIQUARY/api"
is "$(completed reliquary-device-approve --)" "--kek --help --version " "options"
is "$(completed reliquary-token-create --scope '')" "full read approve " "their values"
is "$(completed reliquary-account '')" "extend key delete " "words that are as they are"
is "$(completed reliquary-kek-install "$FLOCK" 01 "$WORK/kek")" "$WORK/kek " "files"
is "$(completed reliquary-nothing '')" " " "and knows when it knows nothing"

# zsh is asked as somebody at a terminal asks it: a pseudo-terminal, and the key Tab.
if command -v zsh >/dev/null; then
	cat >"$WORK/ask.zsh" <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
ask() { zpty -w shell "$1" }
ask "PS1=; fpath=($2 \$fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=1000"
ask 'preexec() { print -r -- "ran: $1" }'
zpty -w -n shell "$1"$'\t'"; echo d\"\"one"$'\n'
zpty -r -m shell all '*done*'
print -r -- $all
END
	zsh_completed() {
		PATH="$SCRIPTS:$PATH" timeout 20 zsh -f "$WORK/ask.zsh" "$1" "$SHARE/zsh/site-functions" \
			2>&1 | tr -d '\r'
	}
	like "$(zsh_completed 'reliquary-device-list --lim')" 'ran: reliquary-device-list --limit;' \
		"zsh completes options"
	like "$(zsh_completed 'reliquary device-approve 6')" "ran: reliquary device-approve $FLOCK" \
		"and flocks"
else
	skip 2 "zsh is not installed"
fi
