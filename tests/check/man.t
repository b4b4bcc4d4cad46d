#!/bin/bash
# SPDX-License-Identifier: ISC
# The manual is well-formed and complete: a page for each program, and each configuration keyword.
. "$(dirname "$0")/lib.sh"

complaints() {
	xargs -r mandoc -T lint -W warning 2>&1
}

# Keywords that the page named on the command line has no item for.
not_in() {
	while read -r keyword; do
		grep -qE "^\.It .*\b$keyword\b" "$1" || echo "$keyword"
	done
}

# The table that conf_print_help() prints: two blanks, then the keyword.
keywords() {
	sed -n 's/^  \([a-z][a-z0-9_-]*\).*/\1/p'
}

if [ -n "$(files 'docs/man/*')" ]; then
	files 'docs/man/*' | complaints | quiet "mandoc has nothing to say about the manual"
else
	skipped "mandoc has nothing to say about the manual" "no pages"
fi
printf '.Dd\n.Dt X 1\n.Sh NAME\n.Nm x\n.Xx y\n' >"$scratch/bad.1"
echo "$scratch/bad.1" | complaints | loud "a malformed page is noticed"

for program in build/bin/*; do
	name=${program##*/}
	if [ ! -x "$program" ] || [[ $name == test-* ]]; then
		continue
	fi
	compgen -G "docs/man/$name.[18]" >"$scratch/page"
	ok $? "$name has a manual page"
	"$program" --help </dev/null >"$scratch/help" 2>&1
	status=$?
	ok $status "$name --help succeeds"
	grep -q . "$scratch/help"
	ok $? "$name --help says something"
done

# Programs that list their keywords, and the pages that describe them.
for pair in cathedral:cathedral.conf.5 cathedral-sync:cathedral-sync.conf.5 \
	reliquary-api:reliquary-api.conf.5; do
	program=build/bin/${pair%%:*} page=docs/man/${pair#*:}
	if [ ! -x "$program" ] || [ ! -f "$page" ]; then
		skipped "each keyword is in ${page##*/}" "not built, or no page"
		continue
	fi
	"$program" --help-conf </dev/null | keywords >"$scratch/keywords"
	[ "$(wc -l <"$scratch/keywords")" -gt 10 ]
	ok $? "${program##*/} lists its keywords"
	not_in "$page" <"$scratch/keywords" | quiet "each is in ${page##*/}"
	echo nosuchkeyword | not_in "$page" | loud "a missing one is noticed"
done
finish
