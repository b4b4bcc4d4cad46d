#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The whole chain, as its users see it: a service, cathedrals that know each other and whom to serve
# from it alone, a tenant who has the reliquary-* commands and nothing else.
. "$(dirname "$0")/lib.sh"
. "$HERE/fleet.sh"
plan 48

# --- the fleet, and a tenant ---

start_api
ok $? "the service starts"
starts "${FLEET[@]}"
becomes 20 peers 2 "each learns of the others from the service"
settle 01 02 03
becomes 5 devices 3 "every cathedral has them"

# --- without the service ---

probe one two
ok $? "two devices talk through one and two"
tunnel 01 one 03 two
ok $? "a tunnel is there"
stop api KILL
ok $? "the service is killed"
stop three KILL
serve three
ok $? "a cathedral is killed, and starts without it"
is "$(knows three devices) $(knows three peers)" "3 2" "with all it knew"
probe one three
ok $? "and serves devices"
apart 01 03 1000 "the tunnel went on all the time"

# --- the service is back ---

join late 04 2>/dev/null
is "$?" 1 "nobody can join without it"
rm -rf late
start_api
ok $? "the service is back"
join late 04 && approve "$ID" 04
ok $? "somebody joins"
becomes 20 devices 4 "and the cathedrals hear of it"

wiped two
becomes 5 devices 4 "a cathedral whose registry was removed has it again in 5 s" two
probe two two
ok $? "and serves"

# As if the service could not be reached from there.
stop sync-three KILL
delete "$ID"
becomes 5 devices 3 "who can reach the service hears that a device was deleted" one two
is "$(knows three devices)" 4 "who cannot goes on with what it knows"
stop api KILL
start_api
follow three
becomes 60 devices 3 "until it can again"

# --- cathedrals come and go ---

add four
follow four
serve four
ok $? "a fourth cathedral starts"
becomes 5 peers 3 "all know of it" one two three four
becomes 5 devices 3 "and it knows all" four
probe one four
ok $? "devices talk through it"
# told: which cathedrals a device of cathedral one is told of.
told_of() {
	in_ns people cathedral-probe register --json --cathedral 10.1.0.2:4500 --flock "$FLOCK" \
		--id "$(<"d01/$FLOCK/cathedral_id")" --tunnel 0102 --cs "d01/$FLOCK/id" \
		--cosk "d01/$FLOCK/cosk" --remembrance --expect remembrance --interval 1 --duration 20 |
		jq -r 'select(.event == "remembrance") | .cathedrals | sort | join(" ")'
}
is "$(told_of)" "10.1.0.2:4500 10.2.0.2:4500 10.3.0.2:4500 10.4.0.2:4500" "and are told of it"
admin cathedral drain four >/dev/null
ok $? "it is drained"
not_told() {
	[ "$(told_of)" = "10.1.0.2:4500 10.2.0.2:4500 10.3.0.2:4500" ]
}
wait_for 45 not_told
ok $? "devices are not told of it any more"
is "$(knows one peers)" 3 "but it still federates"
probe one four
ok $? "so that who is there can go on"
admin cathedral remove four --yes >/dev/null
becomes 10 peers 2 "removed, it leaves the federation of all"
wait_for 20 logged sync-four 'token'
ok $? "and its token is worth nothing"
stop four
stop sync-four

# --- accounts ---

SHARE=$(as owner reliquary-account | jq -r .share_id)
admin account suspend "$SHARE" >/dev/null
becomes 10 devices 0 "a suspended account's devices are served nowhere"
admin account resume "$SHARE" >/dev/null
becomes 10 devices 3 "resumed, everywhere"
probe one three
ok $? "with their keys"
sqlite3 -cmd '.timeout 5000' "$DATA/reliquary.db" "UPDATE accounts SET expires = $(($(date +%s) + 2))
	WHERE expires = (SELECT max(expires) FROM accounts)"
ok $? "an account's time ends soon"
becomes 15 devices 0 "then nowhere again"
as owner reliquary-account extend >/dev/null
becomes 10 devices 3 "until it is extended"
for name in "${FLEET[@]}"; do
	stop "sync-$name"
	stop "$name"
	is "$STATUS" 0 "cathedral $name ends well"
done
