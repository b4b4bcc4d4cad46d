#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What an operator sees: cathedralctl, and metrics for Prometheus.
#
#   a 10.0.1.2 ---- 10.0.1.1 hub 192.0.2.1:4500; it federates with 192.0.2.9, which is not there
. "$(dirname "$0")/lib.sh"
plan 75

net_up a hub
wire a 10.0.1.2 hub 10.0.1.1
address hub 192.0.2.1
route a default 10.0.1.1
make_flock cafeba00 a=badf00d:1 b=fe:2
make_flock beef00 z=9:1
head -c 32 /dev/urandom >etc/federation.key
chmod 644 etc/federation.key
write_settings hub "federate 192.0.2.9 4500 clear 4600"
make_conf hub "listen 192.0.2.1:4500 nat 4501 shroud" "listen 192.0.2.1:4600 clear" \
	"federation_secret $ETC/federation.key" "metrics 127.0.0.1:9100" "workers 3"
start_cathedral hub hub
ok $? "it starts"
start_end a a b --cathedral 192.0.2.1:4500 --nat-port 4501 --interval 1 --rate 20
start_end b a a --cathedral 192.0.2.1:4600 --shroud no --interval 1 --rate 20
be a b
start list a cathedral-probe register "${DEVICE[@]}" --cathedral 192.0.2.1:4600 --shroud no \
	--domain 7 --group 4d --duration 60
wait_for 8 hears a-b && wait_for 8 hears b-a
ok $? "devices talk"
liturgy_heard() {
	[ "$(ask hub liturgies | jq .found)" = 1 ]
}
wait_for 8 liturgy_heard
ok $? "and one says that it is there"

# ctl ARGUMENT...: SAID and its exit status.
ctl() {
	SAID=$(cathedralctl --socket "$RUN/hub.sock" "$@" 2>&1)
	CTL=$?
}
# json FILTER WANT NAME: of the document that was answered.
json() {
	is "$(jq -rc "$1" <<<"$SAID" 2>&1)" "$2" "$3"
}

# --- verbs ---

ctl --json status
is "$CTL" 0 "status answers"
json '[.instance, .pid, .workers, .reload.ok] | join(" ")' "hub ${PIDS[hub]} 3 true" "with what runs"
json '.registry | [.flocks, .devices, .xflocks, .peers, .ambries] | join(" ")' "2 3 0 1 2" \
	"with what was read"
json '[.listeners[] | "\(.address) \(.kind) \(.nat_port)"] | join(", ")' \
	"192.0.2.1:4500 shroud 4501, 192.0.2.1:4600 clear 0" "with where it listens"
json '.tunnels.count, .liturgies.count, .traffic.relayed > 0' $'3\n1\ntrue' "with what it does"
ctl status
like "$CTL $SAID" '^0 instance +hub'$'\n' "the same for people"
like "$SAID" 'devices +3'$'\n' "with the registry"
like "$SAID" 'LISTENER +KIND +NAT PORT +ADVERTISED' "and the listeners"

ctl --json tunnels
json '[.tunnels[] | "\(.flock) \(.tunnel) \(.device) \(.listener) \(.federated)"] | join(", ")' \
	"cafeba00 0102 0badf00d 0 false, cafeba00 0201 000000fe 1 false, cafeba07 0102 0badf00d 1 false" \
	"tunnels lists ends"
json '[.tunnels[].address] | map(test("^10\\.0\\.1\\.2:[0-9]+$")) | all' true "with addresses"
json '[.found, .truncated] | join(" ")' "3 false" "all of them"
ctl tunnels
like "$CTL $SAID" '^0 FLOCK +PEER FLOCK +TUNNEL +DEVICE' "the same for people"
is "$(wc -l <<<"$SAID")" 4 "a line each"
ctl --json tunnels beef00
json .found 0 "those of one flock only"
ctl --json tunnels cafeba07
json .found 3 "whatever the domain"
ctl tunnels nonsense
like "$CTL $SAID" '^1 cathedralctl: tunnels: not a flock' "nonsense is no flock"

ctl --json liturgies
json '.liturgies[] | "\(.flock) \(.group) \(.number) \(.device) \(.kind) \(.hidden)"' \
	"cafeba07 77 01 0badf00d discovery false" "liturgies lists entries"
ctl liturgies cafeba00
like "$CTL $SAID" '^0 FLOCK +GROUP +NUMBER' "the same for people"

ctl --json federation
json '.secret, (.peers[] | "\(.address) \(.clear_port) \(.heard) \(.offers_in)")' \
	$'true\n192.0.2.9:4500 4600 null 0' "federation lists cathedrals"
ctl federation
like "$CTL $SAID" '^0 CATHEDRAL +HEARD.*192\.0\.2\.9:4500 +-' "the same for people"

ctl --json flocks
json '.flocks[] | "\(.flock) \(.devices) \(.xflocks | length)"' $'beef00 1 0\ncafeba00 2 0' "flocks lists whom it serves"
json '.found, .next' $'2\nnull' "all of them"
ctl --json flocks beef00
json '[.flocks[].flock] | join(" ")' cafeba00 "or those after one"
ctl flocks
like "$CTL $SAID" '^0 FLOCK +DEVICES +GENERATION +XFLOCKS' "the same for people"

# fingerprint LABEL FILE: as anybody can compute it.
fingerprint() {
	{ printf '%s\0' "$1" && cat "$2"; } | b2sum -l 256 | cut -c 1-16
}
ctl --json flock cafeba00
json '.devices[] | "\(.device) \(.number) \(.mbit) \(.secret) \(.cosk)"' \
	"0badf00d 01 0 $(fingerprint secret keys/a.cs) $(fingerprint cosk keys/a.cosk.pub)
000000fe 02 0 $(fingerprint secret keys/b.cs) $(fingerprint cosk keys/b.cosk.pub)" \
	"flock lists devices, with fingerprints that their owners can compute"
# The head, and between numbers 1 and 2 the first two entries.
head -c $((70 + 2 * 58)) etc/cafeba00-cafeba00.bundle >slice
GENERATION=$(od -An -tx1 -j2 -N4 slice | tr -d ' ')
json '.ambries | "\(.generation) \(.numbers) \(.size) \(.slice)"' \
	"$GENERATION 01-02 186 $(fingerprint slice slice)" "and its slice of the bundle"
ctl flock cafeba00
like "$CTL $SAID" "^0 flock +cafeba00.*ambry generation +$GENERATION.*NUMBER +DEVICE" "the same for people"
ctl flock dead00
like "$CTL $SAID" '^1 cathedralctl: flock: this cathedral does not know that flock$' "another one is not known"
ctl flock
like "$CTL $SAID" '^2 cathedralctl: flock needs an argument' "it must be named"
ctl flock nonsense
like "$CTL $SAID" '^1 cathedralctl: flock: not a flock' "by its id"

ctl --json counters
json '.total.packets.relayed > 0 and .total.counters.rx_packets > 0' true "counters count"
json '.threads | keys | join(" ")' "0 1 2 main scanner" "for each thread"
json '.total.packets.relayed == ([.threads[].packets.relayed] | add)' true "and sum up"
ctl counters
like "$CTL $SAID" ' relayed'$'\n' "the same for people"

ctl reload
is "$CTL $SAID" "0 reloaded" "reload"
echo "flock" >>etc/hub.settings
ctl reload
like "$CTL $SAID" '^1 cathedralctl: reload: .*hub\.settings: line 11: "flock" is written' \
	"a refused reload says why"
ctl --json reload
like "$CTL $SAID" '^1 .*"error"' "in JSON, too"
write_settings hub "federate 192.0.2.9 4500 clear 4600"
ctl reload
is "$CTL $SAID" "0 reloaded" "and then it works again"
ctl loglevel warning
is "$CTL $SAID" "0 log level is warning" "loglevel"
before=$(grep -c . hub.log)
ctl reload
is "$CTL $(grep -c . hub.log)" "0 $before" "what is less than a warning is not logged any more"
ctl loglevel loud
like "$CTL $SAID" '^1 cathedralctl: loglevel: not a log level' "a wrong level is refused"
ctl --json loglevel info
json .log_level info "and back"

# --- leaving ---

ctl drained
is "$CTL $SAID" "0 not draining; of devices here: 3 tunnel ends, 1 liturgies" "who is here"
ctl drain
is "$CTL $SAID" "0 draining; of devices here: 3 tunnel ends, 1 liturgies" "drain"
ctl --json status
json .draining true "it says so"
ctl drain --wait 1
is "$CTL $SAID" "3 draining; of devices here: 3 tunnel ends, 1 liturgies" "they do not go at once"
ctl undrain
is "$CTL $SAID" "0 not draining; of devices here: 3 tunnel ends, 1 liturgies" "undrain"
ctl --wait 1 undrain
like "$CTL $SAID" '^2 cathedralctl: --wait goes with drain' "there is nothing to wait for"
ctl drain -w soon
like "$CTL $SAID" '^2 cathedralctl: --wait soon: expected a number up to 86400' "not a time"

# --- wrong use ---

ctl
like "$CTL $SAID" '^2 cathedralctl: a verb is missing' "no verb"
ctl dance
like "$CTL $SAID" '^2 cathedralctl: unknown verb.*dance' "an unknown one"
ctl loglevel
like "$CTL $SAID" '^2 cathedralctl: loglevel needs an argument' "too few arguments"
ctl status now
like "$CTL $SAID" '^2 cathedralctl: status has too many arguments' "too many"
SAID=$(cathedralctl --socket "$RUN/none.sock" status 2>&1)
like "$? $SAID" '^1 cathedralctl: .*none\.sock: no such socket' "no daemon"
like "$(cathedralctl --help)" '^usage: cathedralctl' "--help"
like "$(cathedralctl --version)" '^cathedralctl [0-9.]+$' "--version"
is "$(stat -c %a run/hub.sock)" 600 "the socket is its owner's"
if [ -n "$REAL_ROOT" ]; then
	SAID=$(setpriv --reuid daemon --regid daemon --clear-groups \
		cathedralctl --socket "$RUN/hub.sock" status 2>&1)
	like "$? $SAID" '^1 cathedralctl: .*access denied' "nobody else may ask"
	make_conf other "listen 192.0.2.1:4700" "control $RUN/shared.sock daemon"
	sed -i "/other\.sock/d" etc/other.conf
	write_settings other
	start_cathedral other hub
	SAID=$(setpriv --reuid daemon --regid daemon --clear-groups \
		cathedralctl --socket "$RUN/shared.sock" --json status | jq -r .instance)
	is "$SAID" other "unless the configuration says so"
	stop other
else
	skip 2 "not root here"
fi

# --- metrics ---

# fetch METHOD PATH: the whole HTTP answer.
# shellcheck disable=SC2016 # the inner shell's
fetch() {
	in_ns hub bash -c 'exec 3<>/dev/tcp/127.0.0.1/9100
		printf "%s %s HTTP/1.1\r\nHost: x\r\n\r\n" "$1" "$2" >&3; cat <&3' - "$@" | tr -d '\r'
}
stop a-b
stop b-a
stop list
fetch GET /metrics >answer.txt
is "$(head -n 1 answer.txt)" "HTTP/1.1 200 OK" "metrics are given"
grep -qx 'Content-Type: text/plain; version=0.0.4; charset=utf-8' answer.txt
ok $? "in Prometheus' format"
sed '1,/^$/d' answer.txt >metrics.txt
is "$(sed -n 's/^Content-Length: //p' answer.txt)" "$(wc -c <metrics.txt)" "of the length that it says"
is "$(grep -vE '^(# (HELP|TYPE) cathedral_[a-z0-9_]+ .+|cathedral_[a-z0-9_]+(\{([a-z]+="[^"]*",?)+\})? [0-9]+(\.[0-9]+)?)$' \
	metrics.txt)" "" "every line parses"
is "$(grep -v '^#' metrics.txt | sed 's/ [^ ]*$//' | sort | uniq -d)" "" "no series stands twice"
grep -v '^#' metrics.txt | sed 's/[{ ].*//' | sort -u | while read -r name; do
	[ "$(grep -cE "^# (HELP|TYPE) $name " metrics.txt)" = 2 ] || echo "$name"
done >undescribed.txt
is "$(cat undescribed.txt)" "" "each has its HELP and TYPE, once"
# value SERIES
value() {
	awk -v series="$1" '$1 == series { print $2 }' metrics.txt
}
is "$(value 'cathedral_packets_total{verdict="relayed"}')" "$(verdict hub relayed)" \
	"they say what cathedralctl says"
is "$(value cathedral_registry_devices)$(value cathedral_reload_ok)" 31 "of the registry, too"
is "$(grep '^cathedral_worker_rx_packets_total' metrics.txt | awk '{ n += $2 } END { print n }')" \
	"$(value cathedral_rx_packets_total)" "threads sum up"
like "$(fetch GET /else | head -n 1)" '404' "nothing else is there"
like "$(fetch POST /metrics | head -n 1)" '405' "nothing can be written"
ctl drain --wait 30
is "$CTL $SAID" "0 draining; of devices here: 0 tunnel ends, 0 liturgies" "waiting ends when all have gone"
stop hub
is "$STATUS" 0 "the daemon ends well"
