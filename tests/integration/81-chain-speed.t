#!/bin/bash
# SPDX-License-Identifier: ISC
#
# How long after the service's answer what it says holds at every cathedral: a device that is
# approved, one that is deleted, a new bundle.  Drawn in fleet.sh.
#
#   service --(feed)--> cathedral-sync --> registry.db --> cathedral --> packets
#      |                                                                    |
#      +-- answer --> curl --> script --> person                        test-chain
#
# Time is counted from when the first line of the answer came out of curl, before curl, the script
# and the person have done anything with it, and once more from when the script has ended.  All of
# it is on one machine, so there is one clock; and what three cathedrals do, each on a host of its
# own otherwise, is done by the same few cores, test-chain's packets besides.  The slowest of the
# three counts in each round.
#
# Disks: in memory nothing waits for one; DISK=FOLDER (an empty one, which is filled) has the
# registries and the service's files where fsync costs what it costs.
#
# ROUNDS=200 measures; FLOCKS=10000 has so many more, of five devices, in every cathedral.
ROUNDS=${ROUNDS:-5}
FLOCKS=${FLOCKS:-200}
TEST_LIMIT=${TEST_LIMIT:-$((120 + FLOCKS / 50 + 8 * ROUNDS))}
. "$(dirname "$0")/lib.sh"
. "$HERE/fleet.sh"
plan 20

# --- the fleet, and a tenant among others ---

mkdir -m 700 data
test-estate data "$FLOCKS" >estate.txt
is "$(cat estate.txt)" "$FLOCKS flocks of 5 devices" "other tenants"
start_api
ok $? "the service starts"
starts "${FLEET[@]}"
becomes 20 peers 2 "each learns of the others from the service"
becomes $((20 + FLOCKS / 100)) devices $((5 * FLOCKS)) "each has all devices"
settle 01 02 03
becomes 20 devices $((5 * FLOCKS + 3)) "every cathedral has the tenant's"

# The tenant's curl says to test-chain when the answer came.
mkdir front
cat >front/curl <<END
#!/bin/bash
exec {head}> >(
	while IFS= read -r line; do
		[[ \$line != HTTP/*\ [2-5]??[[:space:]]* ]] ||
			echo "answered \$EPOCHREALTIME" >$WORK/chain.in
	done
)
exec $(command -v curl) "\$@" --dump-header /dev/fd/\$head
END
chmod 755 front/curl
mkfifo chain.in
exec 8<>chain.in
nsenter --net=/run/netns/people test-chain "$FLOCK" 10 10.1.0.2:4500 01 "$WORK/d01/$FLOCK" \
	10.2.0.2:4500 02 "$WORK/d02/$FLOCK" 10.3.0.2:4500 03 "$WORK/d03/$FLOCK" <&8 >chain.log 2>&1 &
PIDS[chain]=$!

# --- rounds ---

LINES_SAID=0
said_more() {
	[ "$(grep -c '' chain.log)" -gt "$LINES_SAID" ]
}

# tell WORD...: SAID is test-chain's next line.
tell() {
	echo "$*" >chain.in
	wait_for 20 said_more || return 1
	LINES_SAID=$((LINES_SAID + 1))
	SAID=$(sed -n "${LINES_SAID}p" chain.log)
}

# times FILE LINE COMMAND...: test-chain expects what LINE says, which the command does.
times() {
	tell "$2" && [ "$SAID" = ready ] || return 1
	PATH=$WORK/front:$PATH "${@:3}" || return 1
	tell "returned $EPOCHREALTIME" || return 1
	[[ $SAID == [a-z]*\ * ]] && echo "$SAID" >>"$1"
}

# nth PERCENT: of the numbers that come sorted.
nth() {
	awk -v p="$1" '{ v[NR] = $1 } END { n = int((p * NR + 99) / 100); print v[n < 1 ? 1 : n] }'
}

# figures FILE WHAT: of the slowest of the three cathedrals in each round, since the answer and since
# the return.
figures() {
	local worst rounds from p99=

	rounds=$(grep -c '' "$1")
	for from in "5 return" "2 answer"; do
		worst=$(awk -v f="${from% *}" '{ m = $f; for (i = f + 1; i < f + 3; i++) if ($i > m) m = $i
			print m }' "$1" | sort -n)
		p99=$(nth 99 <<<"$worst")
		note "$2, since the ${from#* }: $rounds rounds, median $(nth 50 <<<"$worst") ms, p99" \
			"$p99 ms, most $(nth 100 <<<"$worst") ms"
	done
	[ "$rounds" = "$ROUNDS" ] && awk -v p="${p99:-99999}" 'BEGIN { exit !(p < 5000) }'
	ok $? "$2 takes less than 5 s"
}

new_bundle() {
	as owner reliquary-ambry-upload "$FLOCK" bundle >/dev/null
}

touch came.txt went.txt held.txt
sleep 1 # the three are known everywhere
# A device comes, gets a new ambry, and goes.
one_round() {
	rm -rf guest
	join guest 10 && times came.txt "come $WORK/guest/$FLOCK" approve "$ID" 10 &&
		bundle && times held.txt "hold $GENERATION" new_bundle &&
		times went.txt go delete "$ID"
}
for ((round = 0; round < ROUNDS; round++)); do
	one_round || break
done
is "$round" "$ROUNDS" "devices come, get new ambries and go" || note "$SAID"
figures came.txt "approved until relayed through each of three cathedrals"
figures held.txt "a new bundle until devices at each hold it"
figures went.txt "deleted until nothing is relayed by any of them"
stop chain
exec 8>&-
for name in "${FLEET[@]}"; do
	stop "sync-$name"
	stop "$name"
	is "$STATUS" 0 "cathedral $name ends well"
done
