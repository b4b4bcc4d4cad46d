# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# What the tests of the reliquary-* commands share; sourced after lib.sh.

SCRIPTS=${SCRIPTS:-$(cd "$HERE/../../scripts" && pwd)}
export HOME=$WORK/home
mkdir -m 700 "$HOME"
export RELIQUARY=$WORK/one

# Every program that the commands run, but those of the Reliquary, is run through this one, which
# notes what stands on its command line and in its environment.
SPY=$WORK/spy
SEEN=$WORK/seen.txt
mkdir "$SPY"
cat >"$SPY/spy" <<'END'
#!/bin/bash
name=${0##*/}
PATH=$SPY_PATH
{
	printf '%s' "$name"
	printf ' %q' "$@"
	echo
	env | sed 's/^/  environment: /'
} >>"$SEEN"
exec "$name" "$@"
END
chmod 755 "$SPY/spy"
for name in basename cat chmod cmp curl cut date dirname env grep head jq ln mkdir mktemp mv od \
	readlink rm sed sort stat sync tail tr; do
	ln -s spy "$SPY/$name"
done
export SEEN SPY_PATH=$PATH

# Whatever the commands call their variables, some user has one of that name in the environment.
TAKEN_NAMES=()
for name in $(cat "$HERE"/../../scripts/lib/*.bash "$HERE"/../../scripts/reliquary* |
	grep -oE '\b[A-Za-z_]+\+?=' | tr -d '+=' | sort -u); do
	[[ $name =~ ^(PATH|HOME|IFS|LC_ALL|RELIQUARY.*)$ ]] || TAKEN_NAMES+=("$name=taken")
done

# run COMMAND WORD...: OUT and ERR are what it said, STATUS how it ended.  Nobody is there to be
# asked; INPUT is its standard input.
INPUT=
run() {
	printf '%s' "$INPUT" >stdin.txt
	PATH="$SPY:$SCRIPTS:$PATH" /usr/bin/env -u INPUT "${TAKEN_NAMES[@]}" "$@" \
		<stdin.txt >out.txt 2>err.txt
	STATUS=$?
	OUT=$(tr -d '\0' <out.txt)
	ERR=$(tr -d '\0' <err.txt)
	INPUT=
}

# ends STATUS NAME: how the last one did; shows what it said if it did not.
ends() {
	[ "$STATUS" = "$1" ]
	ok $? "$2" || note "status $STATUS, want $1"$'\n'"out: $OUT"$'\n'"err: $ERR"
}

# runs NAME COMMAND WORD...: and succeeds.
runs() {
	run "${@:2}"
	ends 0 "$1"
}

# fails STATUS REGEX NAME COMMAND WORD...: ends so, says so, and nothing on standard output.
fails() {
	run "${@:4}"
	[[ $STATUS = "$1" && $ERR =~ $2 && -z $OUT ]]
	ok $? "$3" || note "status $STATUS, want $1"$'\n'"like: $2"$'\n'"out: $OUT"$'\n'"err: $ERR"
}

# unseen NAME SECRET...: none of these stood on a command line or in an environment.
unseen() {
	local secret found=0

	for secret in "${@:2}"; do
		[[ ${#secret} -ge 16 ]] || found=1
		! grep -qF -- "$secret" "$SEEN" || found=1
	done
	[ $# -gt 1 ] && [ $found = 0 ]
	ok $? "$1"
}

# names FOLDER: of all that is in it, in order.
names() {
	find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' '
}

mode() {
	stat -c %a "$1"
}
