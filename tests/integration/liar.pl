#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# A service whose feed is not to be trusted: liar.pl FOLDER
#
# FOLDER/mode says, for each request anew, how it lies (or "honest").  A line a request is put to
# FOLDER/requests: what was asked for, and with which token.  The port stands in FOLDER/port.
use strict;
use warnings;
use IO::Socket::INET;

my $folder = shift or die "usage: liar.pl FOLDER\n";
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 64)
	or die "liar: $!\n";
my $secret = '5ec7e7' . '0' x 58;

sub mode {
	open(my $file, '<', "$folder/mode") or return 'honest';
	my $mode = <$file> // 'honest';
	chomp $mode;
	return $mode;
}

sub note {
	open(my $file, '>>', "$folder/requests") or die;
	syswrite($file, "$_[0]\n");
}

# A page with one flock of one device.
sub page {
	my (%p) = @_;

	my $page = sprintf '{"database": "%s", "since": %s, "until": %s, "begun": %s, "reset": %s,'
		. ' "more": %s, "flocks": [%s], "xflocks": [], "gone": {"flocks": [], "xflocks": []}}',
		$p{database} // 'truth', $p{since}, $p{until}, $p{until}, $p{reset} ? 'true' : 'false',
		$p{more} ? 'true' : 'false', $p{flocks} // '';
	return $page;
}

sub member {
	my ($id, $device) = @_;

	return sprintf '{"id": "%s", "devices": [{"cathedral_id": "%s", "kek": 1, "bw_limit": 25,'
		. ' "cathedral_secret": "%s", "cosk": "%s"}], "ambry": null}',
		$id, $device, $secret, 'c0' x 32;
}

sub answer {
	my ($status, $body, @fields) = @_;

	return join("\r\n", "HTTP/1.1 $status", 'Content-Length: ' . length $body, @fields, '', $body);
}

sub send_all {
	my ($to, $bytes) = @_;
	my $sent = 0;

	while ($sent < length $bytes) {
		my $n = syswrite($to, $bytes, length($bytes) - $sent, $sent) or exit;
		$sent += $n;
	}
}

sub honest {
	my ($since, $database) = @_;

	return page(since => 0, until => 5, reset => 1, flocks => member('6442a01510d91a00', '36d28dec'))
		if $since != 5 || $database ne 'truth';
	select(undef, undef, undef, 1);
	return page(since => 5, until => 5);
}

# As a service that is well, with nothing new.
sub patient {
	my ($since, $database, $wait) = @_;

	return honest($since, $database) if $since != 5 || $database ne 'truth';
	select(undef, undef, undef, $wait);
	return page(since => 5, until => 5);
}

# 60 MB of text that are a document of a gigabyte.
sub swelling {
	return '{"flocks": [' . '0,' x 30_000_000 . '0]}';
}

my %lies = (
	honest => sub { answer('200 OK', honest(@_)) },
	patient => sub { answer('200 OK', patient(@_)) },
	garbage => sub { answer('200 OK', join '', map { chr int rand 256 } 1 .. 5000) },
	html => sub { answer('200 OK', '<html>Welcome to the hotel</html>', 'Content-Type: text/html') },
	empty => sub { answer('200 OK', '') },
	deep => sub { answer('200 OK', '[' x 1_000_000) },
	wrong => sub {
		answer('200 OK', page(since => $_[0], until => $_[0] + 1,
			flocks => member('6442a01510d91a00', '36D28DEC')))
	},
	cut => sub { substr(answer('200 OK', honest(0, '')), 0, 250) },
	none => sub { '' },
	nohttp => sub { "SSH-2.0-nothing here\r\n" },
	redirect => sub { answer('302 Found', '', 'Location: /elsewhere') },
	denied => sub { answer('401 Unauthorized', '{"detail": "no such token"}') },
	busy => sub { answer('503 Service Unavailable', '{"detail": "draining"}', 'Retry-After: 2') },
	never => sub { answer('503 Service Unavailable', '', 'Retry-After: 99999999') },
	circle => sub { answer('200 OK', page(since => $_[0], until => $_[0], more => 1)) },
	jump => sub { answer('200 OK', page(since => 1000, until => 1001)) },
	database => sub { answer('200 OK', page(since => $_[0], until => 9, database => 'lie')) },
	endless => sub {
		answer('200 OK', page(since => $_[0], until => $_[0] + 1, more => 1, reset => !$_[0],
			$_[1] eq '' ? () : (database => $_[1])))
	},
	hasty => sub { answer('200 OK', page(since => $_[0], until => $_[0])) },
	swelling => sub { answer('200 OK', swelling()) },
);

# These are no bytes, but a way of sending.
my %ways = (
	huge => sub {
		send_all($_[0], "HTTP/1.1 200 OK\r\n\r\n" . ' ' x 1_000_000);
		send_all($_[0], ' ' x 1_000_000) for 1 .. 200;
	},
	said => sub { send_all($_[0], "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{") },
	heads => sub {
		send_all($_[0], "HTTP/1.1 200 OK\r\n");
		send_all($_[0], 'x-more: ' . 'x' x 500 . "\r\n") for 1 .. 1_000_000;
	},
	silent => sub { sleep 600 },
	drip => sub {
		send_all($_[0], "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
		while (1) {
			send_all($_[0], ' ');
			sleep 1;
		}
	},
);

sub serve {
	my ($client) = @_;
	my $all = '';

	while (1) {
		while ($all !~ /\r\n\r\n/) {
			sysread($client, $all, 65536, length $all) or return;
		}
		my $head;
		($head, $all) = split(/(?<=\r\n\r\n)/, $all, 2);
		$all //= '';
		my ($target) = $head =~ m{^GET (\S+) HTTP/1\.1\r\n};
		my ($token) = $head =~ m{^x-token: (\S+)\r$}mi;
		my ($since) = ($target // '') =~ /since=(\d+)/;
		my ($database) = ($target // '') =~ /database=([^&]*)/;
		my ($wait) = ($target // '') =~ /wait=(\d+)/;
		my $mode = mode();

		note(join ' ', $mode, $target // 'nothing', $token // 'without');
		if ($ways{$mode}) {
			$ways{$mode}->($client);
			return;
		}
		my $bytes = $lies{$mode}->($since // 0, $database // '', $wait // 0);
		send_all($client, $bytes);
		return if $bytes !~ /^HTTP/ || $mode eq 'cut';
	}
}

$SIG{PIPE} = 'DEFAULT';
$SIG{CHLD} = 'IGNORE';
open(my $port, '>', "$folder/port.new") or die;
print $port $listener->sockport . "\n";
close($port);
rename("$folder/port.new", "$folder/port") or die;
while (1) {
	my $client = $listener->accept or next;
	next if fork;
	close($listener);
	serve($client);
	exit;
}
