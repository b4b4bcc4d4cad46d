#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# A web server that answers what a test wants, however wrong: responder.pl FOLDER
#
# The first request gets FOLDER/answer.1, the second answer.2 and so on, or FOLDER/answer.  What came
# is kept as FOLDER/request.N.  An answer begins with a line of its own:
#   BYTES        sends the rest as it is and closes (after "100 Continue" if that is expected)
#   REFUSE       the same, without reading a body that waits for "100 Continue"
#   CLOSE        closes without a word
#   SLOW SECONDS sends the rest, then nothing for so long
# The port is chosen by the kernel and stands in FOLDER/port once it is ready.
use strict;
use warnings;
use IO::Socket::INET;

my $folder = shift or die "usage: responder.pl FOLDER\n";
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16)
	or die "responder: $!\n";
my $count = 0;

sub file_write {
	my ($path, $bytes) = @_;

	open(my $file, '>:raw', "$path.new") or die "$path: $!\n";
	print $file $bytes;
	close($file);
	rename("$path.new", $path) or die "$path: $!\n";
}

sub file_read {
	my ($path) = @_;

	open(my $file, '<:raw', $path) or return undef;
	local $/;
	return scalar <$file>;
}

# The head, and as many bytes behind it as it says.
sub request_read {
	my ($client, $refuse) = @_;
	my $all = '';

	while ($all !~ /\r\n\r\n/) {
		sysread($client, $all, 65536, length $all) or return $all;
	}
	my ($length) = $all =~ /^Content-Length: (\d+)\r$/mi;
	my $body = index($all, "\r\n\r\n") + 4;
	if ($all =~ /^Expect: 100-continue\r$/mi) {
		return $all if $refuse;
		syswrite($client, "HTTP/1.1 100 Continue\r\n\r\n");
	}
	while (length($all) - $body < ($length // 0)) {
		sysread($client, $all, 65536, length $all) or return $all;
	}
	return $all;
}

$SIG{PIPE} = 'IGNORE';
file_write("$folder/port", $listener->sockport . "\n");
while (my $client = $listener->accept) {
	$count++;
	my $answer = file_read("$folder/answer.$count") // file_read("$folder/answer") // "CLOSE\n";
	my ($how, $bytes) = split(/\n/, $answer, 2);
	file_write("$folder/request.$count", request_read($client, $how eq 'REFUSE'));
	next if $how eq 'CLOSE';
	my $sent = 0;
	while ($sent < length $bytes) {
		my $n = syswrite($client, $bytes, length($bytes) - $sent, $sent) or last;
		$sent += $n;
	}
	sleep $1 if $how =~ /^SLOW (\d+)/;
}
