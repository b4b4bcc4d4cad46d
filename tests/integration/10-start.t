#!/bin/bash
# SPDX-License-Identifier: ISC
#
# How the daemon starts, refuses to start, and ends.
#
#   hub 192.0.2.1
. "$(dirname "$0")/lib.sh"

net_up hub
address hub 192.0.2.1
make_flock cafeba00 a=badf00d:1 b=fe:2
write_settings good
head -c 32 /dev/urandom >federation.key
files="settings $ETC/good.settings
secretdir $SECRETS"
listen="listen 192.0.2.1:4500 nat 4501 shroud"

# refused CONF REGEX: -n and -c refuse this configuration, with this text.
refused() {
	local said

	echo "$1" >bad.conf
	said=$(cathedral -n -c bad.conf 2>&1)
	like "$? $said" "^1 .*$2" "refused: $2"
}

# refused_settings SETTINGS REGEX: the same for a settings file.
refused_settings() {
	echo "$1" >bad.settings
	refused "$listen"$'\n'"settings bad.settings"$'\n'"secretdir $SECRETS" "$2"
}

plan 93

# --- the command line ---

like "$(cathedral --version)" '^cathedral [0-9]+\.[0-9]+\.[0-9]+$' "--version"
like "$(cathedral --help)" '^usage: cathedral ' "--help"
for word in $(cathedral --help-conf | awk '/^[a-z]/ || /^  [a-z]/ { print $1 }' | sort -u); do
	[[ $word =~ ^[a-z_0-9]+$ ]] || echo "$word"
done >strange.txt
is "$(cat strange.txt)" "" "--help-conf lists keywords"
like "$(cathedral --help-conf)" 'listen ADDRESS:PORT' "with their arguments"
said=$(cathedral --bla 2>&1)
is "$?" 2 "an unknown option is wrong usage"
like "$said" 'usage: cathedral' "and answered with the usage"
cathedral superfluous >/dev/null 2>&1
is "$?" 2 "so is a superfluous word"
said=$(cathedral -c none.conf 2>&1)
is "$?" 1 "no configuration file"
like "$said" 'none\.conf: No such file' "names the file"

# --- the configuration file ---

echo "$listen
$files" >good.conf
said=$(cathedral -n -c good.conf 2>&1)
is "$?" 0 "a good configuration is found good"
like "$said" 'good\.conf: fine: 1 listener, 1 flock, 2 devices' "and summed up"

refused "$files" 'bad\.conf: no listener'
refused "$listen" 'bad\.conf: settings: required but missing'
refused "$listen
settings x" 'secretdir: required but missing'
refused "lisen 192.0.2.1:4500" 'bad\.conf:1: lisen: unknown keyword'
refused "
# nothing
mtu 99999" 'bad\.conf:3: mtu: 99999 is not within 576 to 1523'
refused "mtu many" 'mtu: "many" is not a number'
refused "mtu" 'mtu: needs a value'
refused "mtu 1400 1500" 'takes one value, "1500" is too many'
refused "mtu 1400
mtu 1400" ':2: mtu: given twice'
refused "mtu 1400
cathedral_mtu 1400" ':2: cathedral_mtu: says the same as mtu above'
refused "sandbox perhaps" 'sandbox: "perhaps" is neither yes nor no'
refused 'settings "unclosed' 'a quote is not closed'
refused 'settings un"closed"' 'a quote inside a word'
refused 'settings "un"closed' 'text follows a closing quote'
refused "listen" 'listen: needs ADDRESS:PORT'
refused "listen localhost:4500" '"localhost:4500" is not ADDRESS:PORT'
refused "listen 192.0.2.1" '"192\.0\.2\.1" is not ADDRESS:PORT'
refused "listen 192.0.2.1:4500 nat" '"nat" needs a value'
refused "listen 192.0.2.1:4500 nat 70000" '"70000" is not a port'
refused "listen 192.0.2.1:4500 nat 4500" 'port 4500 is its main port and its NAT port'
refused "listen 192.0.2.1:4500 clear shroud" '"shroud", but it is said already'
refused "listen 192.0.2.1:4500 nat 1 nat 2" '"nat" stands twice'
refused "listen 192.0.2.1:4500 shrouded" '"shrouded" is none of nat, clear, shroud'
refused "listen 0.0.0.0:4500" 'every address of this host.*advertise ADDRESS'
refused "listen [::]:4500 advertise ::1" '"::1" is not an IPv4 address'
refused "listen 192.0.2.1:4500 nat 4501
listen 192.0.2.1:4501" ':2: listen: shares a port with the listener 192\.0\.2\.1:4500'
refused "mode node" 'mode: this program knows the mode "cathedral" only'
refused "local 192.0.2.1" 'local: is written'
refused "shroud yes
$files" 'shroud: speaks of the local line, but there is none'
refused "metrics 192.0.2.1:9100" 'is not a loopback address'
refused "metrics 127.0.0.1" 'metrics: is written'
refused "control here.sock" '"here\.sock" does not begin with /'
refused "log_level loud" 'log_level: is one of error, warning'
refused "user a b" 'user: takes one name'
refused "user nobody
run cathedral as nobody" 'run: says the same as user above'
refused "run cathedral nobody" 'run: is written'
printf 'mtu 14\00000\n' >bad.conf
like "$(cathedral -n -c bad.conf 2>&1)" 'holds a zero byte' "refused: a zero byte"

# --- what it names ---

refused "$listen
settings none
secretdir $SECRETS" 'none: No such file'
refused_settings "flok 1" 'bad\.settings: line 1: unknown word "flok"'
refused_settings "flock 0 {
}" 'line 1: "0" is not a flock'
refused_settings "flock cafeba01 {
}" 'line 1: flock "cafeba01" names a domain'
refused_settings "flock cafeba00 {" 'line 1: this flock has no "}"'
refused_settings "flock cafeba00 {
	allow badf00d spi 100 0
}" 'line 2: "100" is not a KEK number'
refused_settings "flock cafeba00 {
	allow badf00d spi 1 0
	allow fe spi 1 0
}" 'line 3: KEK number 01 stands on line 2 already'
refused_settings "flock cafeba00 {
	allow fe spi 1 0
	allow fe spi 2 0
}" 'line 3: device 000000fe stands on line 2 already'
refused_settings "flock cafeba00 {
}
flock cafeba00 {
}" 'line 3: flock cafeba00 stands on line 1 already'
refused_settings "xflock cafeba00 cafebb00 x" 'line 1: xflock of flock cafeba00, which is not'
refused_settings "federate 192.0.2.2 4500" 'line 1: federate needs a federation secret'
refused_settings "federate ::1 4500" '"::1" is not an IPv4 address'
refused_settings "flock cafeba00 {
	allow 7 spi 7 0
}" 'line 2: .*/flock-cafeba00/00000007\.key: No such file'
mkdir -p "$SECRETS/flock-1200"
head -c 31 /dev/zero >"$SECRETS/flock-1200/00000001.key"
refused_settings "flock 1200 {
	allow 1 spi 1 0
}" 'line 2: .*/00000001\.key: .*(31|32)'
refused_settings "flock cafeba00 {
	ambry none.bundle
}" 'line 2: .*none\.bundle: No such file'
head -c 3756729 etc/cafeba00-cafeba00.bundle >short.bundle
refused_settings "flock cafeba00 {
	ambry short.bundle
}" 'line 2: .*short\.bundle: .*3756729'
refused "$listen
$files
federation_secret none.key" 'none\.key: No such file'

# --- what it needs of the machine ---

# fails CONF REGEX: the daemon itself ends with this.
fails() {
	echo "$1" >bad.conf
	start bad hub "${AS_USER[@]}" cathedral -c bad.conf
	finish bad 5
	like "$STATUS $(tail -n 1 bad.log)" "^1 .*$2" "ends: $2"
}

user=
[ -z "$REAL_ROOT" ] || user="user nobody"
make_conf hub "$listen" "pidfile $RUN/hub.pid" "metrics 127.0.0.1:9100"
cp etc/good.settings etc/hub.settings
start_cathedral hub hub
ok $? "it starts"
fails "$listen
$files
$user" 'listen 192\.0\.2\.1:4500: .*in use'
fails "listen 192.0.2.1:4600 nat 4501
$files
$user" 'listen 192\.0\.2\.1:4501: .*in use'
fails "listen 192.0.2.7:4600
$files
$user" 'listen 192\.0\.2\.7:4600: .*'
fails "listen 192.0.2.1:4600
$files
$user
control $RUN/hub.sock" 'control .*hub\.sock: another process answers there'
fails "listen 192.0.2.1:4600
$files
$user
control $ETC/hub.conf" 'hub\.conf: is there already and no socket'
fails "listen 192.0.2.1:4600
$files
$user
metrics 127.0.0.1:9100" 'metrics 127\.0\.0\.1:9100: .*in use'
fails "listen 192.0.2.1:4600
$files
$user
pidfile $RUN/hub.pid" 'hub\.pid: another process holds it'
fails "listen 192.0.2.1:4600
$files
user no-such-user" 'user no-such-user does not exist'
if [ -n "$REAL_ROOT" ]; then
	fails "listen 192.0.2.1:4600
$files" 'started as root without a user to become: write "user NAME" there'
	fails "listen 192.0.2.1:4600
$files
user root" 'user root is root'
else
	skip 2 "not root here"
fi

# --- as it runs ---

pid=${PIDS[hub]}
is "$(cat run/hub.pid)" "$pid" "the pidfile names it"
# all FIELD: the values of this field in the status of every thread.
all() {
	cat "/proc/$pid/task"/*/status | awk -v field="$1:" '$1 == field { $1 = ""; print }' | sort -u
}
is "$(all NoNewPrivs)" " 1" "no thread can gain privileges"
if logged hub 'system calls are not filtered'; then
	skip 1 "a sanitizer is at work"
else
	is "$(all Seccomp)" " 2" "every thread's system calls are filtered"
fi
is "$(all CapEff)" " 0000000000000000" "no thread has a capability"
if [ -n "$REAL_ROOT" ]; then
	is "$(all Uid)" " 65534 65534 65534 65534" "it is nobody"
	is "$(all Groups)" "" "in no group"
else
	skip 2 "not root here"
fi
like "$(grep 'core file' "/proc/$pid/limits")" ' 0 +0 ' "it leaves no core behind"
between "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" 3 66 "it has threads"

stop hub INT
is "$STATUS" 0 "SIGINT ends it well"

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
export NOTIFY_SOCKET=$WORK/notify WATCHDOG_USEC=400000
start_cathedral hub hub
ok $? "it starts again"
unset NOTIFY_SOCKET WATCHDOG_USEC
wait_for 5 logged systemd 'READY=1.*1 flock, 2 devices'
ok $? "systemd is told that it is ready"
wait_for 5 logged systemd 'WATCHDOG=1' 3
ok $? "and again and again that it lives"

forbid b
write_settings hub
kill -HUP "${PIDS[hub]}"
wait_for 5 logged hub 'registry: 1 flock, 1 device '
ok $? "SIGHUP makes it read its files again"
wait_for 5 logged systemd 'RELOADING=1'
ok $? "systemd is told so"

stop hub TERM
is "$STATUS" 0 "SIGTERM ends it well"
wait_for 5 logged systemd 'STOPPING=1'
ok $? "systemd is told so"
is "$(ls run)" "" "socket and pidfile are gone"
