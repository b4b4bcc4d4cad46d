#!/bin/bash
# SPDX-License-Identifier: ISC
#
# How the API starts, refuses to start, is told things, and ends.  Loopback only.
. "$(dirname "$0")/lib.sh"
# shellcheck source=api.sh
. "$HERE/api.sh"

plan 107

# --- the command line ---

like "$(reliquary-api --version)" '^reliquary-api [0-9]+\.[0-9]+\.[0-9]+$' "--version"
like "$(reliquary-api --help)" '^usage: reliquary-api ' "--help"
like "$(reliquary-api --help)" 'cathedral add NAME ADDRESS:PORT' "it lists the commands"
like "$(reliquary-api --help-conf)" 'listen ADDRESS:PORT' "--help-conf lists the options"
refuses 2 'what is to be done' "no command"
refuses 2 'dance: no such command' "an unknown command" dance
refuses 2 'account dance: no such command' "half of one" account dance
refuses 2 'no such command' "only the first word of one" account
refuses 2 '--nosuch: no such option' "an unknown option" check --nosuch 1
refuses 2 '-x: no such option' "an unknown letter" -x check
refuses 2 '--data needs a value' "an option without its value" check --data
refuses 2 'stats takes no --yes' "an option of another command" stats --yes
refuses 2 'usage: reliquary-api backup FILE' "too few words" backup
refuses 2 'usage: reliquary-api stats' "too many words" stats now
refuses 2 '--json takes no value' "a value too many" stats --json=yes
refuses 2 '--json is given twice' "an option twice" stats --json --json
refuses 1 '--listen: "here" is not ADDRESS:PORT' "a wrong value" check --listen here
refuses 1 '--listen: given twice' "a value twice" check --listen 127.0.0.1:1 --listen 127.0.0.1:1
reliquary-api --help >/dev/full 2>err.txt
is "$? $(cat err.txt)" "1 reliquary-api: standard output: No space left on device" \
	"output that nobody gets is a failure"

# --- the configuration ---

refuses 1 'none\.conf: No such file' "no such file" -c none.conf check
printf 'listen 127.0.0.1:8080\n\nthreads many\n' >bad.conf
refuses 1 'bad\.conf:3: threads: "many" is not a number' "-n names file and line" -n -c bad.conf
refuses 1 'bad\.conf:3: threads' "so does serve" serve -c bad.conf
printf 'registration open\nrate_register off\n' >bad.conf
refuses 1 'bad\.conf: registration open with rate_register off' "open without a rate" -n -c bad.conf
printf 'data %s\nlisten 127.0.0.1:1\n' "$DATA" >good.conf
said=$(reliquary-api -n -c good.conf)
is "$?" 0 "a good file"
like "$said" 'good\.conf: fine, listens on 127\.0\.0\.1:1, registration pow' "is summed up"
like "$said" 'reliquary\.db: not there yet' "with what is not there"
said=$(RELIQUARY_API_LISTEN=127.0.0.1:2 reliquary-api -n -c good.conf)
like "$said" '127\.0\.0\.1:2' "the environment overrides the file"
said=$(RELIQUARY_API_LISTEN=127.0.0.1:2 reliquary-api -n -c good.conf --listen 127.0.0.1:3)
like "$said" '127\.0\.0\.1:3' "the command line overrides both"
RELIQUARY_API_LISTN=1 refuses 1 'RELIQUARY_API_LISTN: there is no option "listn"' \
	"an unknown variable" -n -c good.conf
[ ! -e "$DATA" ]
ok $? "looking made nothing"
refuses 1 'there is no database yet' "no command works without a database" --data "$DATA" stats
refuses 1 'there is no database yet' "not even migrate" --data "$WORK" migrate
rm -f lock

# --- the first start ---

start_api api
ok $? "a folder and an address are all it takes"
is "$(stat -c %a "$DATA")" 700 "the folder is closed"
is "$(stat -c '%a %s' "$DATA/key")" "400 32" "the key file, too"
is "$(stat -c %a "$DATA/reliquary.db")" 600 "and the database"
logged api 'listening on http://127\.0\.0\.1:8080'
ok $? "it says where it is"
logged api 'keep a copy of that file'
ok $? "what to keep"
logged api "reliquary-api --data $DATA cathedral add"
ok $? "what is next"
logged api 'reliquary-register http://127\.0\.0\.1:8080'
ok $? "and what is then"
register
ok $? "it gives an account"
is "$(curl -s http://127.0.0.1:9080/readyz)" ready "the loopback listener says that it is ready"
ask /metrics
answers 404 "what is the operator's is not for the public"
! logged api 'plain HTTP'
ok $? "on loopback plain HTTP is fine"

# --- as it runs ---

pid=${PIDS[api]}
# all FIELD: the values of this field in the status of every thread.
all() {
	cat "/proc/$pid/task"/*/status | awk -v field="$1:" '$1 == field { $1 = ""; print }' | sort -u
}
is "$(all NoNewPrivs)" " 1" "no thread can gain privileges"
if logged api 'system calls are not filtered'; then
	skip 1 "a sanitizer is at work"
else
	is "$(all Seccomp)" " 2" "every thread's system calls are filtered"
fi
is "$(all CapEff)" " 0000000000000000" "no thread has a capability"
like "$(grep 'core file' "/proc/$pid/limits")" ' 0 +0 ' "it leaves no core behind"

refuses 1 'a service is running with this folder' "a second one on the folder" \
	serve --data "$DATA" --listen 127.0.0.1:8090 --admin off
refuses 1 'listen 127\.0\.0\.1:8080: Address already in use' "or on the address" \
	serve --data "$WORK/other" --listen 127.0.0.1:8080 --admin off
refuses 1 'a service is running with this folder' "nor does migrate come between" \
	--data "$DATA" migrate
refuses 1 'admin: listen 127\.0\.0\.1:9080: Address already in use' "the admin address that is asked for" \
	serve --data "$WORK/other" --listen 127.0.0.1:8090 --admin 127.0.0.1:9080
start second - reliquary-api serve --data "$WORK/other" --listen 127.0.0.1:8090
wait_for 10 logged second 'is ready'
ok $? "the usual one may be taken"
logged second 'without /healthz, /readyz and /metrics'
ok $? "and it says so"
stop second INT
is "$STATUS" 0 "SIGINT ends it well"

# --- the end ---

# An upload that has begun, a body that never ends, and whoever comes when it is to end.
new_flock
reliquary-ambry -C "$TREE" generate "$FLOCK" >/dev/null
reliquary-ambry -C "$TREE" bundle "$FLOCK" "$FLOCK" 30 "$WORK/bundle" >/dev/null
has_upload() { [ -n "$(ls "$DATA/bundles/incoming")" ]; }
stop api
is "$STATUS" 0 "SIGTERM ends it well"
logged api 'ended$'
ok $? "and it says so"
start_api api --drain-timeout 4s
start upload - curl -s --max-time 20 --limit-rate 2M -H "x-token: $TOKEN" -T bundle \
	-w '%{http_code}\n' "$API/v1/flocks/$FLOCK/ambry"
exec 7<>/dev/tcp/127.0.0.1/8080
printf 'PUT /v1/flocks/%s/ambry HTTP/1.1\r\nHost: x\r\nx-token: %s\r\nContent-Length: 3756730\r\n\r\nx' \
	"$FLOCK" "$TOKEN" >&7
sleep 0.7
before=$(now_ms)
kill -TERM "${PIDS[api]}"
wait_for 5 logged api 'ending'
ask /v1/register/challenge
answers 503 "who comes when it is to end is told so"
like "$(field type)" ':draining$' "in a problem document"
finish upload 10
like "$(cat upload.log)" '200$' "an upload that had begun is finished"
finish api 10
is "$STATUS" 0 "it ends"
between $(($(now_ms) - before)) 1500 7000 "within its time, whatever others do"
logged api 'did not end in time'
ok $? "and it says so"
exec 7>&-
start_api api --drain-timeout 30s
exec 7<>/dev/tcp/127.0.0.1/8080
printf 'PUT /v1/flocks/%s/ambry HTTP/1.1\r\nHost: x\r\nx-token: %s\r\nContent-Length: 3756730\r\n\r\nx' \
	"$FLOCK" "$TOKEN" >&7
wait_for 5 has_upload
before=$(now_ms)
kill -TERM "${PIDS[api]}"
wait_for 5 logged api 'ending'
kill -TERM "${PIDS[api]}"
finish api 10
is "$STATUS" 0 "asked twice it ends as well"
between $(($(now_ms) - before)) 0 3000 "at once, though an upload is in work"
[ -z "$(ls "$DATA/bundles/incoming")" ]
ok $? "of which nothing stays"
exec 7>&-


# --- a file that may not become as long as it should ---

ulimit -S -f 3000
start_api api
ulimit -S -f unlimited
ask -H "x-token: $TOKEN" -T bundle "/v1/flocks/$FLOCK/ambry"
answers 503 "a bundle that is longer than any file may be has no place"
like "$(field type)" ':no-space$' "which is said"
ask -H "x-token: $TOKEN" /v1/account
answers 200 "and is not the end of the service"
stop api

# --- key and database belong together ---

start_api api
ok $? "it starts again"
! tail -n 5 api.log | grep -q 'made a new database'
ok $? "with the database that is there"
ask -H "x-token: $TOKEN" /v1/account
answers 200 "the token is still good"
stop api
mv "$DATA/key" key
refuses 1 'the key file is not there, but .*put it back; without it no account key' \
	"without its key file it does not start" serve --data "$DATA" --listen 127.0.0.1:8080
[ ! -e "$DATA/key" ]
ok $? "nor makes another"
head -c 32 /dev/urandom >"$DATA/key"
refuses 1 'its mode 644 lets others at the key' "an open one is refused" \
	serve --data "$DATA" --listen 127.0.0.1:8080
chmod 400 "$DATA/key"
refuses 1 'not the key file that .*reliquary\.db was made with: put that one back' \
	"another one, too" serve --data "$DATA" --listen 127.0.0.1:8080
refuses 1 'not the key file that' "check says so as well" check --data "$DATA"
mv -f key "$DATA/key"
reliquary-api check --data "$DATA" >out.txt
ok $? "with its own it is fine"

chmod 777 "$DATA"
refuses 1 'data: everybody can write to it; chmod 700 .*data closes it' \
	"a folder in which everybody can write is refused" \
	serve --data "$DATA" --listen 127.0.0.1:8080
chmod 700 "$DATA"

# --- users ---

if [ -n "$REAL_ROOT" ]; then
	logged api 'running as root, though without its powers'
	ok $? "as root it warns"
	chmod 755 "$WORK"
	DATA=$WORK/nobodys
	start_api nobody --user nobody
	ok $? "it becomes a user"
	pid=${PIDS[nobody]}
	is "$(all Uid)" " 65534 65534 65534 65534" "that one"
	is "$(all Groups)" "" "in no group"
	is "$(stat -c %U "$DATA" "$DATA/key" "$DATA/reliquary.db" | sort -u)" nobody "who owns all"
	admin stats >out.txt
	ok $? "root's commands work on it"
	is "$(find "$DATA" ! -user nobody)" "" "and leave nothing that is root's"
	stop nobody
	start_api nobody
	ok $? "without a user's name it becomes the folder's owner"
	pid=${PIDS[nobody]}
	is "$(all Uid)" " 65534 65534 65534 65534" "who it was before"
	stop nobody
	mkdir -m 700 roots
	refuses 1 'roots: Permission denied for user 65534: the service has to own it' \
		"a folder that is not the user's" serve --user nobody --data roots --listen 127.0.0.1:8080
	refuses 1 'user no-such-user does not exist' "an unknown user" \
		serve --user no-such-user --data "$WORK/x" --listen 127.0.0.1:8080
	DATA=$WORK/data
else
	skip 11 "not root here"
fi

# --- TLS, and being told things ---

certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 \
		-keyout key.pem -out cert.pem -subj "/CN=$1" 2>/dev/null
	chmod 644 key.pem
}
subject() {
	openssl s_client -connect 127.0.0.1:8080 </dev/null 2>/dev/null | sed -n 's/^subject=//p'
}
# systemd's side: prints what it is told.
# shellcheck disable=SC2016 # perl's variables
start systemd - perl -e '
	use IO::Socket::UNIX; use Socket;
	my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$!";
	chmod 0777, $ARGV[0];
	$| = 1;
	while (defined($s->recv(my $d, 4096))) { $d =~ s/\n/ /g; print "$d\n" }
' "$WORK/notify"
wait_for 5 test -S "$WORK/notify"
certificate first
printf 'tls_cert cert.pem\ntls_key key.pem\nlog_level info\n' >tls.conf
export NOTIFY_SOCKET=$WORK/notify WATCHDOG_USEC=400000
start_api tls -c tls.conf
unset NOTIFY_SOCKET WATCHDOG_USEC
wait_for 5 logged systemd 'READY=1.*listening on 127\.0\.0\.1:8080'
ok $? "systemd is told that it is ready"
wait_for 5 logged systemd 'WATCHDOG=1' 3
ok $? "and again and again that it lives"
like "$(subject)" 'first' "it serves HTTPS"
certificate second
sed -i 's/info/debug/' tls.conf
kill -HUP "${PIDS[tls]}"
wait_for 5 logged tls 'certificates were read again'
ok $? "SIGHUP makes it read its certificates again"
like "$(subject)" 'second' "and show the new one"
logged tls 'log level debug'
ok $? "and take another log level"
wait_for 5 logged systemd 'RELOADING=1'
ok $? "systemd is told so"
echo nonsense >cert.pem
kill -HUP "${PIDS[tls]}"
wait_for 5 logged tls 'the certificates stay as they were: '
ok $? "a broken certificate is said"
like "$(subject)" 'second' "and changes nothing"
stop tls
wait_for 5 logged systemd 'STOPPING=1'
ok $? "systemd is told of its end"

# shellcheck disable=SC2016 # perl's variables
start handed - perl -e '
	use IO::Socket::INET; use Fcntl; use POSIX;
	my $s = IO::Socket::INET->new(Listen => 16, LocalAddr => "127.0.0.1:8070") or die "$!";
	POSIX::dup2(fileno($s), 3);
	open(my $f, "<&=", 3); fcntl($f, F_SETFD, 0);
	$ENV{LISTEN_FDS} = 1; $ENV{LISTEN_PID} = $$;
	exec @ARGV' reliquary-api serve --data "$DATA" --admin off
wait_for 10 logged handed 'listening on http://127\.0\.0\.1:8070'
ok $? "it takes over the socket that systemd hands over"
like "$(curl -s http://127.0.0.1:8070/v1/register/challenge)" challenge "and answers there"
stop handed

mkdir -m 700 lost
reliquary-api --data "$DATA" backup lost/copy >out.txt
cp -r "$DATA" lost/data
rm lost/data/reliquary.db*
bundle=$(printf '0f%.0s' {1..16})
echo bytes >"lost/data/bundles/$bundle"
refuses 1 'reliquary\.db: the database is not there, but bundles that belong to one are in .*lost/data/bundles' \
	"a database that got lost is missed" serve --data "$WORK/lost/data" --listen 127.0.0.1:8082
refuses 1 'the database is not there, but' "by check as well" --data "$WORK/lost/data" check
is "$(cat "lost/data/bundles/$bundle") $(ls lost/data/reliquary.db* 2>/dev/null)" "bytes " \
	"nothing is made in its place, and no bundle goes"
reliquary-api --data "$WORK/lost/data" restore lost/copy >out.txt
is "$? $(cat "lost/data/bundles/$bundle")" "0 bytes" "a backup takes its place"

start open - reliquary-api serve --data "$WORK/open" --listen 0.0.0.0:8081 --admin off
wait_for 10 logged open '0\.0\.0\.0:8081 is plain HTTP: account keys and tokens can be read'
ok $? "plain HTTP for everybody is warned of"
stop open
