#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What cathedral-sync says of itself: to systemd, and in registry.db.status.
. "$(dirname "$0")/lib.sh"
. "$HERE/sync.sh"
plan 27

mkdir liar
echo patient >liar/mode
start liar - "$HERE/liar.pl" liar
wait_for 5 test -s liar/port
put_token a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3
# Nothing of this wakes it while it waits for the service.
say "api http://127.0.0.1:$(cat liar/port)" "wait 50s" "heartbeat 1h" "control $RUN/none.sock"

# status JQ: what it says there.
status() {
	jq -r "$1" "$STATE/registry.db.status"
}
# says WORD: the service is in this state.
says() {
	[ "$(status .service.state)" = "$1" ]
}

# --- systemd ---

# prints what it is told, a line a message.
# shellcheck disable=SC2016 # perl's variables
start systemd - perl -e '
	use IO::Socket::UNIX; use Socket;
	my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$!";
	chmod 0777, $ARGV[0];
	$| = 1;
	while (defined($s->recv(my $d, 4096))) { $d =~ s/\n/ /g; print "$d\n" }
' "$WORK/notify"
wait_for 5 test -S "$WORK/notify"
export NOTIFY_SOCKET=$WORK/notify WATCHDOG_USEC=2000000
start_sync
ok $? "it starts"
wait_for 5 logged systemd 'READY=1'
is "$(grep -m 1 -o 'READY=1.*' systemd.log)" \
	"READY=1 STATUS=nothing was heard of the service yet; up to change 0" \
	"systemd is told that it is ready, before anything was heard"
test -s "$STATE/registry.db"
ok $? "when there is a registry"
wait_for 5 logged systemd '^STATUS=up to change 5, [0-9]+ s ago'
ok $? "then how far it is"
pings=$(grep -c 'WATCHDOG=1' systemd.log)
asked_ms=$(now_ms)
wait_for 9 logged systemd 'WATCHDOG=1' $((pings + 4))
ok $? "and again and again that it lives"
between $(($(now_ms) - asked_ms)) 2500 5500 "twice in the time that systemd allows"

# --- the status ---

# Without a watchdog, which would wake it, too.
stop sync
unset WATCHDOG_USEC
start_sync
unset NOTIFY_SOCKET
wait_for 5 says following
ok $? "the status says that the service is followed"
like "$(jq -c 'keys' "$STATE/registry.db.status")" \
	'^\["cathedral","heartbeat","pid","registry","service","started","version","written"\]$' \
	"with all its parts"
is "$(status .pid)" "${PIDS[sync]}" "who wrote it"
is "$(status '.registry | [.database, .until, .sweeping, .flocks, .devices] | @csv')" \
	'"truth",5,false,1,1' "what there is"
is "$(status '[.cathedral.answers, .heartbeat.at, .heartbeat.state] | @csv')" 'false,,' \
	"that no cathedral answers"
between $(($(date +%s) - $(status .service.success))) 0 20 "when it heard of the service"
is "$(stat -c %a "$STATE/registry.db.status")" 660 "for who may read the registry"

# Each of these is there within a second of what it tells of.
before=$(grep -c 'cannot be reached' sync.log)
echo none >liar/mode
kill -HUP "${PIDS[sync]}"
wait_for 5 logged sync 'cannot be reached' $((before + 1))
ok $? "a service that goes away is missed"
wait_for 2 says failing
ok $? "the status says so"
between "$WAITED_MS" 0 1300 "within a second"
like "$(status .service.error.text)" '^the service cannot be reached: ' "and why"
wait_for 5 logged systemd '^STATUS=the service fails; up to change 5, [0-9]+ s ago'
ok $? "and so does systemd's"
told=$(grep -c '^STATUS=up to change 5' systemd.log)
echo patient >liar/mode
wait_for 9 logged sync 'the service is followed again'
ok $? "one that is back is followed again"
wait_for 9 says following
between "$WAITED_MS" 0 1300 "the status says so within a second, too" || note "$(status .)"
is "$(status .service.failures)" 0 "and counts from 0 again"
wait_for 5 logged systemd '^STATUS=up to change 5' $((told + 1))
ok $? "as systemd's does"

# After this it has nothing to do for most of a minute.
echo denied >liar/mode
kill -HUP "${PIDS[sync]}"
wait_for 5 logged sync 'does not take the token'
ok $? "a token that is refused is said"
wait_for 40 says denied
between "$WAITED_MS" 0 1300 "within a second the status does, too"
echo patient >liar/mode
kill -HUP "${PIDS[sync]}"
wait_for 5 logged sync 'the service is followed again' 2
ok $? "until it is taken"

# --- the end ---

kill -HUP "${PIDS[sync]}"
wait_for 5 logged systemd 'RELOADING=1'
ok $? "systemd is told that token and certificates are read again"
stop sync
wait_for 5 logged systemd 'STOPPING=1'
ok $? "and of its end"
