#!/bin/bash
# SPDX-License-Identifier: ISC
#
# docs/api-guide.md, typed as it stands against the real service: over HTTPS, under the name that the
# page uses.
. "$(dirname "$0")/lib.sh"
. "$HERE/scripts.sh"
. "$HERE/api.sh"
. "$HERE/page.sh"

command -v reliquary-api >/dev/null || skip_all "reliquary-api is not built"

# The page's host is this machine, and its certificate is known here; nothing outside is asked.
NAME=reliquary.example
own_etc $NAME
tls_pair cert.pem key.pem $NAME || skip_all "no certtool"
export CURL_CA_BUNDLE=$WORK/cert.pem
export API=https://$NAME # what ask() talks to

# The account's time is over: who waits for that in life waits for a day.
hook_expire() {
	sqlite3 "$DATA/reliquary.db" \
		"UPDATE accounts SET expires = 1000 WHERE id = (SELECT min(id) FROM accounts)"
}
export -f hook_expire
export DATA

page_cut api-guide
plan $((TESTS_OF + 9))

start api - reliquary-api serve --data "$DATA" --listen 127.0.0.1:443 --pow-bits 12 \
	--tls-cert cert.pem --tls-key key.pem
wait_for 10 logged api 'is ready'
ok $? "the service starts"
admin cathedral add vesper 192.0.2.1:4500 --nat-port 4501 --region eu >vesper.token 2>/dev/null
admin cathedral add mesa 192.0.2.2:4500 --region us >mesa.token 2>/dev/null
admin cathedral remove mesa --yes >/dev/null
ask -H "x-token: $(cat vesper.token)" --json '{"version": "0.1.0"}' /v1/cathedral/heartbeat
answers 200 "and has a cathedral"

PATH="$SPY:$PATH" page_run

# --- what the page promises ---

between "$TESTS_OF" 70 1000 "the page is there"
logged api 'status=201' 5
ok $? "and has been talking with this service"
# shellcheck disable=SC2016 # as it stands in the page
! grep -lE 'x-token: \$|Bearer \$' "$PAGE"/*.sh
ok $? "no token stands in a command of it"
between "$(grep -c '^curl' "$SEEN")" 40 1000 "its command lines were seen"
mapfile -t secrets < <(cd "$PAGE/home" && sed -n 's/^x-token: //p' ./*/token ./*/monitor && cat anna/key &&
	jq -r '.. | strings' berta/account.json router/*.json | grep -xE '[0-9a-f]{32}|[0-9a-f]{64}')
between ${#secrets[@]} 8 100 "secrets it has"
unseen "none of them stood on a command line" "${secrets[@]}"
is "$(find "$PAGE/home" -type f ! -path '*/cosk.pub' -perm /077)" "" "no file of it is open to others"
