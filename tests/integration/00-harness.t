#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The ground the other tests stand on: namespaces, forwarder, helpers.
#
#   a 10.1.0.2 --- nat --- 192.0.2.1 hub (also .2) 10.9.0.1 ---- 10.9.0.2 far
#            (203.0.113.1)
. "$(dirname "$0")/lib.sh"
need_tun
plan 30

# Answers every datagram with the address that it came from, ten times as long as asked.
# shellcheck disable=SC2016 # perl's variables
mirror='
	use IO::Socket::INET;
	my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => $ARGV[0]) or die "bind: $!";
	$| = 1;
	print "ready\n";
	while (defined($s->recv(my $d, 2048))) {
		$s->send($s->peerhost . ":" . $s->peerport . " " . length($d));
	}
'
# ask FROM TO SIZE COUNT: prints each answer; waits 300 ms for the next.
# shellcheck disable=SC2016
ask='
	use IO::Socket::INET; use IO::Select;
	my ($from, $to, $size, $count) = @ARGV;
	my $s = IO::Socket::INET->new(Proto => "udp", LocalAddr => $from) or die "bind: $!";
	my ($host, $port) = split /:/, $to;
	my $at = sockaddr_in($port, inet_aton($host));
	for (1 .. $count) {
		$s->send("x" x $size, 0, $at);
		select undef, undef, undef, 0.001 if $count > 1;
	}
	my $wait = IO::Select->new($s);
	while ($wait->can_read(0.3)) { $s->recv(my $d, 2048); print "$d\n"; last if $count == 1 }
'
ask() {
	in_ns a perl -e "$ask" "$@"
}

net_up a hub far
address hub 192.0.2.1 192.0.2.2
wire hub 10.9.0.1 far 10.9.0.2
in_ns a ip address add 10.1.0.2/32 dev lo
route far 203.0.113.0/24 10.9.0.1
router hub
for at in 192.0.2.1:7 192.0.2.2:7; do
	start "mirror-$at" hub perl -e "$mirror" "$at"
	wait_for 5 logged "mirror-$at" ready
	ok $? "a program starts in a namespace and its output is seen"
done

forward nat a hub --nat restricted --public 203.0.113.1 --seed 7
behind hub nat 203.0.113.1
ok $? "the forwarder starts"
logged nat '^ready seed=7$'
ok $? "and prints its seed"

is "$(ask 10.1.0.2:4500 192.0.2.1:7 9 1)" "203.0.113.1:20000 9" "the NAT shows its own address"
is "$(ask 10.1.0.2:4500 192.0.2.2:7 9 1)" "203.0.113.1:20000 9" "the same port to another address"
is "$(ask 10.1.0.2:4501 192.0.2.2:7 9 1)" "203.0.113.1:20001 9" "another inside end, another port"
is "$(ask 10.1.0.2:4500 192.0.2.1:7 1472 1)" "203.0.113.1:20000 1472" "the longest datagram passes"
control nat rebind
ok $? "the control pipe answers"
is "$(ask 10.1.0.2:4500 192.0.2.1:7 9 1)" "203.0.113.1:20002 9" "rebound: a new port"

control nat down
is "$(ask 10.1.0.2:4500 192.0.2.1:7 9 1)" "" "down: nothing passes"
control nat up
is "$(ask 10.1.0.2:4500 192.0.2.1:7 9 1)" "203.0.113.1:20002 9" "up: the mapping is still there"

control nat loss in:0.5
between "$(ask 10.1.0.2:4500 192.0.2.1:7 9 400 | wc -l)" 150 250 "half of the answers are lost"
control nat loss 0
control nat duplicate out:1
is "$(ask 10.1.0.2:4500 192.0.2.1:7 9 100 | wc -l)" 200 "every packet doubled"
control nat duplicate 0
control nat delay-ms 40
before=$(now_ms)
ask 10.1.0.2:4500 192.0.2.1:7 9 1 >/dev/null
between $(($(now_ms) - before)) 80 1000 "delayed both ways"
control nat jitter 5
ok $((! $?)) "an unknown command is not confirmed"
logged nat '^refused jitter'
ok $? "but refused"

stop nat
is "$STATUS" 0 "the forwarder ends cleanly"
counts=$(grep '^outward' nat.log)
like "$counts" '^outward in=50[0-9] refused=0 lost=[0-9]+ duplicated=100 full=0 out=[0-9]+$' \
	"and says what it did"

start crash - sh -c 'echo before the crash; sleep 0.2; kill -SEGV $$'
finish crash 5
is "$STATUS" 139 "how a program ended is known"

(
	TESTS=0
	ok 1 "bad"
	is 1 2 "differs"
	like abc x "unlike"
	between 5 6 7 "outside"
) >failing.txt
is "$(grep -c '^not ok' failing.txt)" 4 "what fails is reported"
grep -q '^# crash| before the crash' failing.txt
ok $? "with what the programs said"
grep -q '^# got: 5, want 6 to 7' failing.txt
ok $? "and what was found"

wait_for 1 false
is "$?" 1 "waiting ends"
between "$WAITED_MS" 1000 1200 "in time"

make_flock cafeba00 a=badf00d:1 b=fe:2:25
ok $? "keys and a bundle of a flock are made"
make_flock cafebb00 c=7:ff && make_xflock cafeba00 cafebb00
ok $? "and of two"
reliquary-ambry inspect etc/cafeba00-cafebb00.bundle >/dev/null
ok $? "the bundle is sound"
write_settings hub "federate 192.0.2.2 4500"
is "$(cat etc/hub.settings)" "federate 192.0.2.2 4500
flock cafeba00 {
	allow badf00d spi 1 0
	allow fe spi 2 25
	ambry $ETC/cafeba00-cafeba00.bundle
}
flock cafebb00 {
	allow 7 spi ff 0
	ambry $ETC/cafebb00-cafebb00.bundle
}
xflock cafeba00 cafebb00 $ETC/cafeba00-cafebb00.bundle" "settings name them"
is "$(stat -c '%n %s' secrets/flock-cafeba00/* | sort)" "secrets/flock-cafeba00/000000fe.key 32
secrets/flock-cafeba00/000000fe.pub 32
secrets/flock-cafeba00/0badf00d.key 32
secrets/flock-cafeba00/0badf00d.pub 32" "and the secrets are in their place"
