#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# A SOCKS5 proxy that leads every name to one port of this host: socks.pl FOLDER PORT
#
# The names (and addresses) that it was asked for are lines of FOLDER/names; its own port stands in FOLDER/port.  With
# "dns" in the place of PORT, it is no proxy but listens on UDP port 53, and what it is sent is
# counted in FOLDER/queries: a byte for each.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my ($folder, $port) = @ARGV;
die "usage: socks.pl FOLDER PORT|dns\n" unless defined $port;
$SIG{CHLD} = 'IGNORE';

sub append {
	my ($name, $text) = @_;

	open(my $file, '>>', "$folder/$name") or die "$name: $!\n";
	print $file $text;
	close($file);
}

sub take {
	my ($from, $want) = @_;
	my $got = '';

	while (length($got) < $want) {
		sysread($from, $got, $want - length($got), length($got)) or exit;
	}
	return $got;
}

sub listen_for_queries {
	my $dns = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 53, Proto => 'udp')
		or die "socks: port 53: $!\n";

	append('ready', "yes\n");
	while (defined $dns->recv(my $query, 4096)) {
		append('queries', '.');
	}
}

sub relay {
	my ($one, $two) = @_;
	my $both = IO::Select->new($one, $two);

	while (1) {
		for my $from ($both->can_read) {
			my $to = $from == $one ? $two : $one;
			sysread($from, my $bytes, 65536) or return;
			syswrite($to, $bytes);
		}
	}
}

# One client: greeting, any method becomes "none needed", a request to connect, then bytes.
sub serve {
	my ($client) = @_;

	my ($version, $methods) = unpack('CC', take($client, 2));
	take($client, $methods);
	syswrite($client, pack('CC', 5, 0));
	my (undef, $command, undef, $kind) = unpack('C4', take($client, 4));
	my $name = $kind == 3 ? take($client, unpack('C', take($client, 1)))
		: join('.', unpack('C*', take($client, $kind == 1 ? 4 : 16)));
	take($client, 2);
	append('names', "$name\n");
	if ($command == 0xf0) { # tor's own: what is the address of this name?
		syswrite($client, pack('C8n', 5, 0, 0, 1, 203, 0, 113, 7, 0));
		return;
	}
	my $target = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
	syswrite($client, pack('C4', 5, $target ? 0 : 5, 0, 1) . "\0" x 6);
	relay($client, $target) if $target;
}

if ($port eq 'dns') {
	listen_for_queries();
	exit;
}
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16)
	or die "socks: $!\n";
append('port', $listener->sockport . "\n");
while (my $client = $listener->accept) {
	defined(my $child = fork) or die "socks: $!\n";
	if ($child == 0) {
		serve($client);
		exit;
	}
	close($client);
}
