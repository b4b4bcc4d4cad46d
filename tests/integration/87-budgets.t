#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A cathedral with a month's budget of 5 MB for each flock: one uses it up, and cathedrals follow one
# another. Then one of 8 MB for the host.
#
#   cathedral-load ---- 127.0.0.1:4500 shrouded, :4600 clear (metered)
. "$(dirname "$0")/lib.sh"
plan 34

FLEET=$WORK/fleet
FILE=$WORK/lasting/budget
AS=()
AS_USER=()
[ -z "$REAL_ROOT" ] || AS=(--user nobody)
mkdir -m 777 "$WORK/lasting"
where=(--at 127.0.0.1:4600 --shroud no --size 1200 --rate 1000)

cathedral-load make "$FLEET" --flocks 3 --devices 2 --mbit 0 "${AS[@]}" --json >make.out
is "$?" 0 "a fleet without caps is made"
{
	echo "control $RUN/metered.sock"
	echo "metrics 127.0.0.1:9464"
	echo "budget_month 1T"
	echo "flock_budget_month 5M"
	echo "budget_file $FILE"
} >>"$FLEET/cathedral.conf"
sed -i "s/^workers .*/workers 2/" "$FLEET/cathedral.conf"

# serve [ARGUMENT...]: starts it, or the next one.
serve() {
	READY=$((${READY:-0} + 1))
	start metered - "${AS_USER[@]}" cathedral "$@" -c "$FLEET/cathedral.conf"
	wait_for 10 logged metered ' is ready' "$READY"
}

status() {
	ask metered status | jq -c "$1"
}

# relay FIRST SECONDS: the tunnel of a flock sends 1.25 MB/s; its line in relay.out.
relay() {
	cathedral-load relay "${where[@]}" --tunnels 1 --first "$1" --seconds "$2" \
		--fleet "$FLEET" --json >relay.out 2>relay.log
	tail -n 1 relay.out | jq -c .
}

verdict_count() {
	ask metered counters | jq ".total.packets.$1"
}

serve
ok $? "the cathedral is ready"
is "$(status '[.budget.limit, .budget.flock_limit, .budget.stage, .budget.flocks]')" \
	'[1000000000000,5000000,"free",3]' "it knows its budgets, and its flocks"
is "$(status .budget.month)" "\"$(date -u +%Y-%m)\"" "the month is this one"
ok "$(logged metered 'budget: counting from zero'; echo $?)" "and begins at zero"

# --- a flock's ---

# 1.25 MB/s until it is slowed to 32 kB/s, for the last 5 %.
relay 0 14 >/dev/null
is "$(status .budget.flocks_stopped)" 1 "a flock has used up its budget"
between "$(status .budget.used)" 5000000 5300000 "which is what the host has sent"
is "$(grep -c 'budget: flock .* has used' metered.log)" 3 \
	"the log says so when it is warned, slowed and stopped, and no more"
ok "$(logged metered 'flock .*: data is slowed to 32 kB/s'; echo $?)" "how slow it is"
ok "$(logged metered 'flock .*: data is not relayed any more'; echo $?)" "and that it stands"
ok "$([ "$(verdict_count budget_slow)" -gt 1000 ]; echo $?)" "what is slowed down is counted"
ok "$([ "$(verdict_count budget)" -gt 0 ]; echo $?)" "what is stopped is counted"
flock=$(ask metered flocks | jq -r '.flocks[].flock' | while read -r f; do
	ask metered flock "$f" | jq -r 'select(.budget.stage == "stopped") | .flock'
done)
ok "$([ -n "$flock" ]; echo $?)" "it can be found"
like "$(cathedralctl -s "$RUN/metered.sock" flock "$flock")" 'it is +stopped' "and looked at"
like "$(cathedralctl -s "$RUN/metered.sock" status)" 'flocks stopped +1' "the status says it"
metrics=$(curl -s http://127.0.0.1:9464/metrics)
like "$metrics" 'cathedral_flocks_budget_stopped 1' "and so do the metrics"
like "$metrics" 'cathedral_budget_stage 0' "the host itself is free"
relay 1 1 >/dev/null
is "$(jq -s '.[-1].received > 900' relay.out)" true "another flock goes on"

# --- one cathedral after another ---

used=$(status .budget.used)
before=${PIDS[metered]}
serve -r
ok $? "another one takes over"
wait "$before"
is "$(status ".budget.used >= $used and .budget.flocks_stopped == 1")" true \
	"it knows what was used"
# It writes that down as soon as it serves; killed, it cannot say any more.
written() {
	[ "$(status .budget.file_at)" != null ]
}
wait_for 5 written
ok $? "which it writes down"
stop metered KILL
serve
ok $? "after a kill -9 the next one starts"
is "$(status ".budget.used >= $used and .budget.flocks_stopped == 1")" true "and knows it, too"
relay 0 1 >/dev/null
is "$(jq -s '.[-1].received' relay.out)" 0 "for a month that is used up nothing is relayed"
stop metered
is "$STATUS" 0 "it ends well"
is "$(stat -c %a "$FILE")" 600 "what was used is its user's alone to read"
cp "$FILE" "$FILE.kept"
truncate -s -7 "$FILE"
serve
ok "$(logged metered 'budget: what was used before may be missing: .*its end is missing'
echo $?)" "a damaged file is said to be one"
stop metered
cat "$FILE.kept" >"$FILE"

# --- the host's ---

sed -i "s/^budget_month .*/budget_month 8M/; /^flock_budget_month/d" "$FLEET/cathedral.conf"
serve
is "$(status '[.budget.used >= 6000000, .budget.limit, .budget.flock_limit]')" '[true,8000000,null]' \
	"with other limits it goes on with what was used"
relay 1 16 >/dev/null
is "$(status .budget.stage)" '"stopped"' "the host has used up its own"
is "$(grep -c 'budget: .* GB of .* are used' metered.log)" 3 "and said so three times"
between "$(status .budget.used)" 8000000 8200000 "it has sent no more than it noticed"
relay 2 1 >/dev/null
is "$(jq -s '.[-1] | [.sent > 900, .received]' relay.out)" "$(printf '[\n  true,\n  0\n]')" \
	"no data of anybody passes"
like "$(curl -s http://127.0.0.1:9464/metrics)" 'cathedral_budget_stage 3' "the metrics know it"
is "$(cathedralctl -s "$RUN/metered.sock" status | grep -c '^the host is  *stopped')" 1 \
	"and the status"
