#!/usr/bin/perl
# SPDX-License-Identifier: ISC
#
# A page of documentation as something to be run:
#
#   page.pl cut PAGE FOLDER [BEGIN]   its blocks as files there, in order: NNN.sh and what it prints,
#                                     NNN.want; NNN.hook for a comment <!-- test: WORD -->.  With
#                                     BEGIN only what stands behind that line.
#   page.pl match NAMES WANT GOT      does GOT say what WANT says, but for values that are random?
#
# Ids and other hexadecimal values of the page are examples: each stands for one real value, the same
# all over the page; NAMES keeps which.  Times stand for times.  "..." as one character stands for
# whatever is there.
use strict;
use warnings;

sub slurp {
	my ($path) = @_;
	open(my $file, '<', $path) or die "page.pl: $path: $!\n";
	local $/;
	my $text = <$file>;
	return $text // '';
}

sub spew {
	my ($path, $text) = @_;
	open(my $file, '>', $path) or die "page.pl: $path: $!\n";
	print {$file} $text;
	close($file) or die "page.pl: $path: $!\n";
}

# --- cut ---

# What is in no block that is run cannot be held against anything, and would rot: a block of output
# belongs right behind the commands that print it.
sub cut {
	my ($page, $folder, $begin) = @_;
	my ($number, $line, $section, $last) = (0, 0, '', '');
	my ($kind, $text);

	for (split /\n/, slurp($page)) {
		$line++;
		if (defined $begin) {
			undef $begin if $_ eq $begin;
		} elsif (defined $kind) {
			if (!/^```$/) {
				$text .= "$_\n";
				next;
			}
			if ($kind eq 'sh') {
				$number++;
				spew(sprintf('%s/%03d.sh', $folder, $number), $text);
				spew(sprintf('%s/%03d.name', $folder, $number), "$section (line $line)\n");
				$last = 'sh';
			} else {
				spew(sprintf('%s/%03d.want', $folder, $number), $text);
				$last = '';
			}
			undef $kind;
		} elsif (/^```(.*)$/) {
			($kind, $text) = ($1, '');
			next if $kind eq 'sh';
			die "page.pl: $page:$line: a block of \"$kind\"\n" if $kind !~ /^(json|text)$/;
			die "page.pl: $page:$line: output of nothing\n" if $last ne 'sh';
		} elsif (/^#+ (.*)$/) {
			($section, $last) = ($1, '');
		} elsif (/^<!-- test: (\w+) -->$/) {
			$number++;
			spew(sprintf('%s/%03d.hook', $folder, $number), "$1\n");
			$last = '';
		} elsif (/\S/) {
			$last = '';
		}
	}
	die "page.pl: $page: there is no line \"$begin\"\n" if defined $begin;
	die "page.pl: $page: a block does not end\n" if defined $kind;
}

# --- match ---

my $value = qr/
	(?<time>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)
	| (?<day>\b\d{4}-\d\d-\d\d\b)
	| (?<seconds>\b1\d{9}\b)
	| (?<hex>\b(?:0x)?[0-9a-f]{8,}\b)
/x;
my (%real, %example);

# One line; false when it differs.
sub line_matches {
	my ($want, $got) = @_;
	my ($pattern, $at, @names) = ('', 0);
	my %kind = (time => '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', day => '\d{4}-\d\d-\d\d', seconds => '1\d{9}');

	while ($want =~ /$value|(?<rest>…)/g) {
		my ($name) = keys %+;
		my $text = $+{$name};

		$pattern .= quotemeta(substr($want, $at, $-[0] - $at));
		$at = $+[0];
		if ($name eq 'rest') {
			$pattern .= '.*';
		} elsif ($name eq 'hex') {
			my $digits = $text =~ /^0x(.*)/ ? $1 : $text;
			$pattern .= ($text =~ /^0x/ ? '(0x' : '(') . sprintf('[0-9a-f]{%d})', length($digits));
			push @names, $text;
		} else {
			$pattern .= $kind{$name};
		}
	}
	$pattern .= quotemeta(substr($want, $at));
	my @values = $got =~ /^$pattern$/ or return 0;
	for my $n (0 .. $#names) {
		my ($name, $text) = ($names[$n], $values[$n]);

		$real{$name} //= $text;
		$example{$text} //= $name;
		return 0 if $real{$name} ne $text || $example{$text} ne $name;
	}
	return 1;
}

sub match {
	my ($names, $want, $got) = @_;
	my @want = split /\n/, slurp($want);
	my @got = split /\n/, slurp($got);
	my $same = @want == @got;

	%real = map { split / / } split /\n/, slurp($names) if -e $names;
	%example = reverse %real;
	for my $n (0 .. $#want) {
		last if !$same;
		$same = line_matches($want[$n], $got[$n]);
		print "line ", $n + 1, ": $got[$n]\n", "the page: $want[$n]\n" if !$same;
	}
	print "got ", scalar @got, " lines, the page has ", scalar @want, ":\n", map { "  $_\n" } @got
	    if @want != @got;
	spew($names, join('', map { "$_ $real{$_}\n" } sort keys %real));
	return $same ? 0 : 1;
}

my %commands = (cut => [\&cut, 2, 3], match => [\&match, 3, 3]);
my $command = $commands{shift @ARGV // ''};
die "usage: page.pl cut PAGE FOLDER [BEGIN] | match NAMES WANT GOT\n"
    if !$command || @ARGV < $command->[1] || @ARGV > $command->[2];
exit($command->[0]->(@ARGV) ? 1 : 0);
