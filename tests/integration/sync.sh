# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# What the tests of cathedral-sync share; sourced after lib.sh.

command -v cathedral-sync >/dev/null || skip_all "cathedral-sync is not built"
STATE=$WORK/state # registry.db and what is beside it
mkdir -m 2770 "$STATE"
[ -z "$REAL_ROOT" ] || chown nobody:nogroup "$STATE"
chmod 2770 "$STATE"
SANITIZER=
# shellcheck disable=SC2034 # read by the tests
! nm -D "$(command -v cathedral-sync)" 2>/dev/null | grep -qE '__(asan|tsan)_' || SANITIZER=yes

# put_token TOKEN: in one step.
put_token() {
	rm -f token.new
	echo "$1" >token.new
	chmod 400 token.new
	[ -z "$REAL_ROOT" ] || chown nobody token.new
	mv token.new token
}

# say LINE...: the configuration, with these lines besides what every test needs.
say() {
	{
		printf '%s\n' "$@"
		echo "token $WORK/token"
		echo "registry $STATE/registry.db"
		[ -z "$REAL_ROOT" ] || echo "user nobody"
	} >sync.conf
}

# start_sync: until it is ready.
start_sync() {
	local before

	before=$(grep -c 'is ready' sync.log 2>/dev/null)
	start sync - "${AS_USER[@]}" cathedral-sync -c "$WORK/sync.conf"
	wait_for 10 logged sync 'is ready' $((before + 1))
}

# registry SQL: as somebody who may read it.
registry() {
	sqlite3 -cmd '.timeout 2000' "$STATE/registry.db" "$1"
}
