#!/bin/bash
# SPDX-License-Identifier: ISC
#
# One cathedral takes over from another, again and again, under load: nothing is lost, nothing is
# overtaken.  HANDOVERS=100 for more of them.  And what is left of one that is killed.
#
#   a 10.0.1.2 ---- 10.0.1.1 hub 10.0.2.1 ---- 10.0.2.2 b
#                  192.0.2.1: 4500 shrouded, 4600 clear
HANDOVERS=${HANDOVERS:-5}
TEST_LIMIT=$((180 + 3 * HANDOVERS))
export TEST_LIMIT
. "$(dirname "$0")/lib.sh"
plan 41

net_up a b hub
wire a 10.0.1.2 hub 10.0.1.1
wire b 10.0.2.2 hub 10.0.2.1
address hub 192.0.2.1
route a default 10.0.1.1
route b default 10.0.2.1
make_flock cafeba00 a=1:1 b=2:2 c=3:3 d=4:4
shrouded="listen 192.0.2.1:4500 nat 4501 shroud"
clear="listen 192.0.2.1:4600 nat 4601 clear"
make_conf hub "$shrouded" "$clear" "pidfile $RUN/hub.pid" "metrics 127.0.0.1:9464" "workers 2"
start_cathedral hub hub
ok $? "it starts"
is "$(stat -c %a "$RUN/hub.sock.next")" 600 "its door is for its user alone"

# Another one is started, to take over.
begin_next() {
	BEFORE=${PIDS[hub]}
	READY=$(grep -c ' is ready' hub.log)
	start hub hub "${AS_USER[@]}" cathedral -r -c "$ETC/hub.conf"
}

is_gone() {
	! kill -0 "$BEFORE" 2>/dev/null
}

# next: another one takes over; 0 when it serves and the one before is gone, without a fault.
next() {
	begin_next
	wait_for 10 logged hub ' is ready' $((READY + 1)) && wait_for 5 is_gone && wait "$BEFORE"
}

# load SECONDS: two pairs through it, in the background, shrouded and clear.
load() {
	be_both a b
	in_ns a cathedral-probe pair "${DEVICES[@]}" --json --duration "$1" --rate 3000 \
		--cathedral 192.0.2.1:4500 --nat-port 4501 >shrouded.log 2>&1 &
	PAIR_SHROUDED=$!
	be_both c d
	in_ns a cathedral-probe pair "${DEVICES[@]}" --json --duration "$1" --rate 3000 \
		--cathedral 192.0.2.1:4600 --nat-port 4601 --shroud no >clear.log 2>&1 &
	PAIR_CLEAR=$!
}

# loads COUNT: whether it relays that many packets more than it did, or than it has since its start.
loads() {
	[ "$(verdict hub relayed 2>/dev/null || echo 0)" -ge "$1" ]
}

# unharmed LOG: what both ways of a pair lost and so on.
unharmed() {
	jq -sc '[.[] | select(.event == "summary" and .sent != null) |
		.lost + .reordered + .duplicates + .damaged]' "$1.log"
}

# load_ends WHAT: both pairs end well.
load_ends() {
	wait "$PAIR_SHROUDED"
	is "$? $(unharmed shrouded)" "0 [0,0]" "$1: under shroud nothing is lost, doubled, overtaken"
	wait "$PAIR_CLEAR"
	is "$? $(unharmed clear)" "0 [0,0]" "$1: nor without"
}

# --- again and again ---

load $((HANDOVERS * 2 + 3))
wait_for 10 loads 2000
ok $? "it relays"
failed=0
for ((i = 0; i < HANDOVERS; i++)); do
	next || failed=$((failed + 1))
	sleep "0.$((RANDOM % 10))"
done
is "$failed" 0 "$HANDOVERS times another one took over"
load_ends "$HANDOVERS times"
note "nobody served for: $(grep -o 'took over in .*' hub.log | cut -d ' ' -f 4-5 | tr '\n' ' ')"
is "$(ask hub status | jq -c '[.handover.count, .handover.failed, .tunnels.count]')" \
	"[$HANDOVERS,0,4]" "the last one counts them, and knows all tunnels"
is "$(ask hub status | jq .pid) $(cat "$RUN/hub.pid")" "${PIDS[hub]} ${PIDS[hub]}" \
	"control socket and pidfile are its own"
# shellcheck disable=SC2016 # perl's variables
like "$(in_ns hub perl -MIO::Socket::INET -e '
	$s = IO::Socket::INET->new("127.0.0.1:9464") or die; print $s "GET /metrics HTTP/1.0\r\n\r\n";
	print <$s>')" "cathedral_handovers_total $HANDOVERS" "so are the metrics"

# --- with another configuration ---

load 8
wait_for 10 loads 2000
make_conf hub "$clear" "$shrouded" "listen 192.0.2.1:4700 clear" "pidfile $RUN/other.pid" "workers 1"
next
ok $? "one with fewer workers, other listeners and files takes over"
is "$(ask hub status | jq -c '[.workers, [.listeners[].address]]')" \
	'[1,["192.0.2.1:4600","192.0.2.1:4500","192.0.2.1:4700"]]' "it is as it was told to be"
[ ! -e "$RUN/hub.pid" ]
is "$? $(cat "$RUN/other.pid")" "0 ${PIDS[hub]}" "its pidfile is its own, the one before is gone"
make_conf hub "$shrouded" "$clear" "workers 2" "state $RUN/hub.state" "state_interval 1"
ask hub drain >/dev/null
next
ok $? "one with more workers takes over, too"
is "$(ask hub undrain | jq -c .draining) $(grep -c 'draining, as the one before was' hub.log)" \
	"false 1" "what was to be left still is"
load_ends "other configurations"
is "$(ask hub status | jq -c '[.workers, (.listeners | length)]')" '[2,2]' \
	"and has as many workers as there were sockets at first"
is "$(in_ns hub ss -Hlun 'sport = :4700' | wc -l)" 0 "what nobody wants any more is closed"

# --- those that fail ---

load 10
wait_for 10 loads 2000
pid=${PIDS[hub]}
cp "$ETC/hub.settings" settings.right
echo "nonsense" >>"$ETC/hub.settings"
begin_next
finish hub 10
PIDS[hub]=$pid
is "$STATUS" 1 "one that finds something wrong does not take over"
cp settings.right "$ETC/hub.settings"
is "$(ask hub status | jq -c '[.pid, .handover.failed]')" "[$pid,1]" "the one before serves on"
begin_next
kill -s KILL "${PIDS[hub]}" # wherever it is, it cannot have come far
{ wait "${PIDS[hub]}"; } 2>/dev/null
PIDS[hub]=$pid
sleep 0.2
is "$(ask hub status | jq .pid)" "$pid" "nor does one that is killed"
next
ok $? "the next one does"
load_ends "failures"
said=$(in_ns a "${AS_USER[@]}" cathedral -r -c "$ETC/nobody.conf" 2>&1)
like "$? $said" '^1 .*nobody\.conf' "without a configuration nothing is taken over"
make_conf lonely "listen 10.0.1.2:4500"
cp "$ETC/hub.settings" "$ETC/lonely.settings"
said=$(in_ns a "${AS_USER[@]}" cathedral -r -c "$ETC/lonely.conf" 2>&1)
like "$? $said" '^1 .*no cathedral to take over from: .*/lonely\.sock\.next: No such file' \
	"nor where nobody serves"
sed -i '/^control/d' "$ETC/lonely.conf"
said=$(in_ns a "${AS_USER[@]}" cathedral -r -c "$ETC/lonely.conf" 2>&1)
like "$? $said" '^1 .*lonely\.conf: there is neither a handover socket nor a control socket' \
	"nor without a door"

# --- as systemd does it ---

# shellcheck disable=SC2016 # perl's variables
start systemd - perl -e '
	use IO::Socket::UNIX; use Socket; $| = 1;
	$s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "/run/test/run/notify") or die;
	chmod 0666, "/run/test/run/notify"; print "open\n";
	while (defined $s->recv($m, 4096)) { $m =~ tr/\n/ /; print "$m\n" }'
wait_for 5 logged systemd open
BEFORE=${PIDS[hub]}
in_ns hub env NOTIFY_SOCKET=/run/test/run/notify "${AS_USER[@]}" \
	cathedral -r -b -c "$ETC/hub.conf" >>hub.log 2>&1
is $? 0 "in the background it returns when it serves"
wait_for 5 is_gone
PIDS[hub]=$(ask hub status | jq .pid)
[ "${PIDS[hub]}" != "$BEFORE" ] && running hub
ok $? "another process serves then"
wait_for 5 logged systemd "MAINPID=${PIDS[hub]} READY=1"
ok $? "and systemd is told which"
! logged systemd STOPPING
ok $? "and nothing of an end"
cp "$ETC/hub.conf" wrong.conf
echo "nonsense" >>"$ETC/hub.conf"
in_ns hub "${AS_USER[@]}" cathedral -r -b -c "$ETC/hub.conf" >wrong.log 2>&1
is "$? $(ask hub status | jq .pid)" "1 ${PIDS[hub]}" "what fails in the background fails"
cp wrong.conf "$ETC/hub.conf"

# --- after a crash ---

# Devices as they are: an offer every 5 s.
start_end a a b --cathedral 192.0.2.1:4500 --rate 50
start_end b b a --cathedral 192.0.2.1:4500 --rate 50
wait_for 12 hears a-b && wait_for 12 hears b-a
ok $? "devices hear each other"
ask hub drain >/dev/null
sleep 1.2
is "$(stat -c %a "$RUN/hub.state")" 600 "the state file is for its user alone"
kill -s KILL "${PIDS[hub]}"
wait_for 5 eval '! running hub'
start_cathedral hub hub
wait_for 5 loads 20
between "$WAITED_MS" 0 2500 "killed and started again, it relays before anybody registers"
like "$(cat hub.log)" 'known from before: [1-9][0-9]* tunnels' "by what was known before"
is "$(ask hub status | jq .draining)" true "and is to be left, as before"
stop hub
is "$STATUS" 0 "it ends"
start_cathedral hub hub
is "$(ask hub status | jq .draining)" false "whoever ends it in order has drained it"
wait_for 5 loads 20
between "$WAITED_MS" 0 2500 "ended and started again, too"
stop hub
head -c 40 "$RUN/hub.state" >short
cat short >"$RUN/hub.state"
start_cathedral hub hub
like "$(cat hub.log)" 'what was known before is left alone: state .*: its end is missing' \
	"a state file that is not whole is left alone"
stop hub
