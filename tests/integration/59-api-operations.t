#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What docs/operations.md says about the API, typed as it stands by root, with folders of the system
# that are this test's own.  systemd's part is played by a few lines of shell, which do what the unit
# of the page says.
. "$(dirname "$0")/lib.sh"
. "$HERE/api.sh"
. "$HERE/page.sh"

command -v reliquary-api >/dev/null || skip_all "reliquary-api is not built"
[ -n "$REAL_ROOT" ] || skip_all "users cannot be made here"

# --- a system of our own ---

NAME=reliquary.example
TOP=$(cd "$HERE/../.." && pwd)
mkdir system source
mount --bind "$TOP" source || skip_all "no mounts"
own_etc $NAME
mkdir -p /etc/systemd/system /etc/cron.d
for name in /usr/local /var/lib /var/backups /root; do
	mount -t tmpfs tmpfs $name || skip_all "no mounts"
done
mkdir -p "$TOP" && mount --bind source "$TOP" || exit 1 # should it be in one of these
make -s -C "$TOP" -o all -o packages BIN="$BIN" install >install.log 2>&1
INSTALLED=$?

cat >system/systemctl <<'END'
#!/bin/bash
unit=/etc/systemd/system/reliquary-api.service
value() {
	sed -n "s/^$1=//p" $unit
}

running() {
	kill -0 "$(cat "$WORK/unit.pid" 2>/dev/null)" 2>/dev/null
}

start() {
	local user cap had

	user=$(value User)
	cap=+$(value AmbientCapabilities | tr A-Z a-z | sed 's/^cap_//')
	touch "$WORK/unit.log"
	had=$(grep -c 'is ready' "$WORK/unit.log")
	install -d -o "$user" -m "$(value StateDirectoryMode)" "/var/lib/$(value StateDirectory)"
	ulimit -n "$(value LimitNOFILE)" 2>/dev/null || ulimit -n hard
	# shellcheck disable=SC2046 # words
	setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set "-all,$cap" \
		--inh-caps "$cap" --ambient-caps "$cap" $(value ExecStart) >>"$WORK/unit.log" 2>&1 </dev/null &
	echo $! >"$WORK/unit.pid"
	while running; do
		[ "$(grep -c 'is ready' "$WORK/unit.log")" = "$had" ] || return 0
		sleep 0.02
	done
	return 1
}

stop() {
	kill "$(cat "$WORK/unit.pid")"
	while running; do
		sleep 0.02
	done
}

reload() {
	MAINPID=$(cat "$WORK/unit.pid") sh -c "$(value ExecReload)"
}

case $* in
daemon-reload) ;;
"enable --now reliquary-api" | "start reliquary-api") start ;;
"stop reliquary-api") stop ;;
"restart reliquary-api") stop && start ;;
"reload-or-restart reliquary-api") reload ;;
*) exit 1 ;;
esac
END
chmod 755 system/systemctl
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:$WORK/system:$PATH WORK NAME DATA=/var/lib/reliquary
export CURL_CA_BUNDLE=/etc/letsencrypt/live/$NAME/fullchain.pem API=https://$NAME
export -f tls_pair ask field register new_flock upload wait_for
export TREE

# --- what happens between the lines of the page ---

new_pair() {
	tls_pair fullchain.pem privkey.pem "$NAME"
	mv fullchain.pem privkey.pem "/etc/letsencrypt/live/$NAME/"
}

# What the first half of the page has set up.
hook_cathedral() {
	useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin cathedral
	install -d -m 750 -g cathedral /etc/cathedral /etc/cathedral/secrets
	printf '%s\n' "listen 127.0.0.1:4500 nat 4501 shroud" "settings settings" "secretdir secrets" \
		"user cathedral" "control $WORK/cathedral.sock" >/etc/cathedral/cathedral.conf
}

hook_certificate() {
	mkdir -p "/etc/letsencrypt/live/$NAME" /etc/letsencrypt/renewal-hooks/deploy
	new_pair
}

# A connection that is there before and after.
hook_renewal() {
	local request="GET /v1/register/challenge HTTP/1.1\r\nHost: $NAME\r\n"

	cp "$CURL_CA_BUNDLE" "$WORK/old.pem"
	mkfifo ./talk
	openssl s_client -quiet -CAfile "$WORK/old.pem" -verify_return_error -connect "$NAME:443" \
		<./talk >"$WORK/renewal.txt" 2>/dev/null &
	exec 8>./talk
	printf '%b\r\n' "$request" >&8
	wait_for 5 grep -q challenge "$WORK/renewal.txt"
	new_pair
	/etc/letsencrypt/renewal-hooks/deploy/reliquary
	wait_for 5 grep -q 'certificates were read again' "$WORK/unit.log"
	printf '%bConnection: close\r\n\r\n' "$request" >&8
	wait $!
	exec 8>&-
	curl -sS --cacert "$WORK/old.pem" "$API/v1/openapi.json" >/dev/null 2>"$WORK/refused.txt" || true
	curl -sS "$API/v1/openapi.json" >"$WORK/document.json"
}

hook_tenant() {
	register
	new_flock
	upload "$FLOCK"
	# shellcheck disable=SC2034 # read by the page
	share=$SHARE
}

hook_night() {
	local line user

	line=$(grep '^[0-9]' /etc/cron.d/reliquary)
	user=$(cut -d' ' -f6 <<<"$line")
	line=$(cut -d' ' -f7- <<<"$line")
	runuser -u "$user" -- env "$(grep '^PATH=' /etc/cron.d/reliquary)" sh -c "${line//\\%/%}"
}

hook_disaster() {
	ask -H "x-token: $TOKEN" -X DELETE "/v1/flocks/$FLOCK"
	echo "$CODE" >"$WORK/deleted.txt"
}

whats_there() {
	ask -H "x-token: $TOKEN" /v1/flocks
	field 'flocks[] | .id + " " + .ambry.generation'
}

hook_recovered() {
	whats_there >"$WORK/recovered.txt"
	echo "$FLOCK" >"$WORK/flock.txt"
}

hook_lose() {
	systemctl stop reliquary-api
	rm "$DATA/key"
}

hook_move() {
	mv "$DATA" "$WORK/old-host"
}

hook_moved() {
	whats_there >"$WORK/moved.txt"
	ask -H "x-token: $(cat /var/lib/cathedral/token)" --json '{"version": "1", "change": 0}' \
		/v1/cathedral/heartbeat
	curl -s http://127.0.0.1:9080/metrics | sed -n 's/^\(reliquary_api_[a-z_]*\).*/\1/p' | sort -u \
		>"$WORK/metrics.txt"
	stat -c '%U %a' "$DATA" "$DATA/key" "$DATA/reliquary.db" >"$WORK/moved-modes.txt"
	systemctl stop reliquary-api
}
export -f new_pair whats_there
for name in cathedral certificate renewal tenant night disaster recovered lose move moved; do
	# shellcheck disable=SC2163 # the function of this name
	export -f "hook_$name"
done

page_cut operations "# Running the API"
plan $((TESTS_OF + 22))
is "$INSTALLED" 0 "make install" || note "$(cat install.log)"
page_run

# --- what it promises ---

between "$TESTS_OF" 25 1000 "the page is there"
[ -x /usr/local/sbin/reliquary-api ] && logged unit 'reliquary-api .* is ready' 5
ok $? "its unit was started, again and again"
is "$(grep -E 'running as root|plain HTTP|<[34]>' unit.log)" "" "and had nothing to complain of"
said=$(systemd-analyze verify --man=no /etc/systemd/system/reliquary-api.service 2>&1)
is "$?" 0 "systemd finds the unit good" || note "$said"
unlike "$said" 'reliquary-api\.service' "and says nothing about it"
is "$(grep -c '^HTTP/1.1 200' renewal.txt)" 2 "a connection outlives its certificate"
like "$(cat refused.txt)" 'certificate' "new ones see the new one"
cmp -s document.json "$HERE/../../docs/openapi.json"
ok $? "and trust it"
is "$(cat deleted.txt)" 204 "a disaster"
is "$(cut -d' ' -f1 recovered.txt)" "$(cat flock.txt)" "is undone by restoring"
like "$(cat recovered.txt)" ' 0x[0-9a-f]{8}$' "with the bundle"
is "$(cat moved.txt)" "$(cat recovered.txt)" "another host has the same"
is "$(tr '\n' ' ' <moved-modes.txt)" "reliquary 700 reliquary 400 reliquary 600 " "closed as before"
is "$(find /var/lib /var/backups -perm /077 -path '*reliquary/*')" "" "nothing of it is open to others"
is "$(stat -c '%U %a' /etc/reliquary/privkey.pem)" "reliquary 400" "nor is the private key"

# --- names ---

# The page without what is in its blocks.
# shellcheck disable=SC2016 # backticks as they stand
prose() {
	sed '1,/^# Running the API$/d' "$DOCS/operations.md" | sed '/^```/,/^```/d'
}

# quoted REGEX: words in backticks that are this.
# shellcheck disable=SC2016 # backticks as they stand
quoted() {
	prose | grep -oE '`[^`]*`' | tr -d '`' | grep -oxE "$1" | sed 's/{.*//' | sort -u
}

metrics=$(quoted 'reliquary_api_[a-z_]+(\{.*\})?')
between "$(wc -l <<<"$metrics")" 20 100 "metrics are named"
is "$(while read -r name; do
	grep -qxE "${name}(_bucket)?" metrics.txt || echo "$name"
done <<<"$metrics")" "" "and the service has them all"
warn='_(ready|writes_failing|queue|queue_full_total|group_failures_total|disk_free_bytes)$'
is "$(comm -13 <(echo "$metrics") <(grep -E "$warn" metrics.txt))" "" \
	"none of those that warn is forgotten"
known=$(reliquary-api --help-conf | awk '{ print $1 }')
options=$(quoted '[a-z]+(_[a-z]+)+' | grep -v '^reliquary_api')
between "$(wc -l <<<"$options")" 20 100 "options are named"
is "$(comm -23 <(echo "$options") <(sort <<<"$known"))" "" "and there is each of them"
commands=$(quoted 'reliquary-api [a-z]+.*' | awk '{ print $2 }' | sort -u)
is "$(comm -23 <(echo "$commands") <(reliquary-api --help | awk '/^  [a-z]/ { print $1 }' | sort -u))" "" \
	"and each command"
