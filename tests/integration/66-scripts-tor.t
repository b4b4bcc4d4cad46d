#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The commands under torsocks: names go to the proxy, and nobody else hears of them.
#
#   reliquary-* -- torsocks -- socks.pl (notes names) -- responder.pl
#              \-- 127.0.0.1:53 (counts who asks)
. "$(dirname "$0")/lib.sh"
. "$HERE/scripts.sh"

command -v torsocks >/dev/null || skip_all "torsocks is not installed"

WEB=$WORK/web
DNS=$WORK/dns
PROXY=$WORK/proxy
mkdir "$WEB" "$DNS" "$PROXY"
start web - perl "$HERE/responder.pl" "$WEB"
wait_for 5 test -s "$WEB/port" || skip_all "the responder does not start"
start dns - perl "$HERE/socks.pl" "$DNS" dns
start proxy - perl "$HERE/socks.pl" "$PROXY" "$(cat "$WEB/port")"
wait_for 5 test -s "$PROXY/port" || skip_all "the proxy does not start"
wait_for 5 test -s "$DNS/ready" || skip_all "port 53 cannot be had"

# Whoever resolves a name asks the one that counts.
echo "nameserver 127.0.0.1
options timeout:1 attempts:1" >"$WORK/resolv.conf"
echo "hosts: files dns" >"$WORK/nsswitch.conf"
for file in resolv.conf nsswitch.conf; do
	mount --bind "$WORK/$file" "$(readlink -f "/etc/$file")" || skip_all "no bind mounts"
done
echo "TorAddress 127.0.0.1
TorPort $(cat "$PROXY/port")
AllowInbound 0
AllowOutboundLocalhost 0" >"$WORK/torsocks.conf"
export TORSOCKS_CONF_FILE=$WORK/torsocks.conf RELIQUARY_INSECURE=1

answer='{"cathedral": "192.0.2.1:4500", "natport": 4501}'
printf 'BYTES\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' "${#answer}" "$answer" >"$WEB/answer"
onion=abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwx.onion

queries() {
	cat "$DNS/queries" 2>/dev/null | wc -c
}

plan 13

run reliquary-init http://reliquary.example
is "$STATUS" 3 "without torsocks the name is not known"
between "$(queries)" 1 100 "and a resolver was asked for it"
: >"$DNS/queries"

run torsocks reliquary-init http://reliquary.example
ends 0 "with torsocks the service is reached"
is "$OUT" "http://reliquary.example gives the cathedral 192.0.2.1:4500" "and answers"
is "$(tr '\n' ' ' <"$PROXY/names")" "reliquary.example 203.0.113.7 " \
	"the proxy was given the name, and nothing but what it said of it"
is "$(queries)" 0 "nobody was asked for it"

unset RELIQUARY_INSECURE
fails 2 'an onion service is found by Tor alone' "an onion service without Tor" \
	reliquary-init "http://$onion"
is "$(queries)" 0 "is not even looked for"
run torsocks reliquary-init "http://$onion"
ends 0 "an onion service needs no https"
is "$(tail -n 1 "$PROXY/names") $(queries)" "$onion 0" "and is the proxy's to find"

# The same without torsocks, for curls that keep such names to themselves.
RELIQUARY_CURL_OPTS="--proxy socks5h://127.0.0.1:$(cat "$PROXY/port")" \
	run reliquary-init http://reliquary2.onion
ends 0 "without torsocks, RELIQUARY_CURL_OPTS can name the proxy"
is "$(tail -n 1 "$PROXY/names")" reliquary2.onion "which is given the name"
is "$(queries)" 0 "and still nobody was asked"
