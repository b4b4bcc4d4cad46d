# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# What the checks share.  Each is a TAP script that runs from the tree's root and looks at every
# file of the tree: those that git knows, or all in a tree without git.

set -u
shopt -s lastpipe # the tests count in this shell, at the end of a pipe, too
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

tests=0
failed=0

# ok STATUS NAME: one test.
ok() {
	tests=$((tests + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tests - ${*:2}"
	else
		failed=$((failed + 1))
		echo "not ok $tests - ${*:2}"
	fi
}

# quiet NAME: one test that passes when standard input is empty, and else shows it on standard
# error, which prove lets through.
quiet() {
	local found
	found=$(cat)
	[ -z "$found" ]
	ok $? "$@"
	[ -z "$found" ] || sed 's/^/# /' <<<"$found" >&2
}

# loud NAME: one test that passes when something stands on standard input: proof that a check sees.
loud() {
	[ -n "$(cat)" ]
	ok $? "$@"
}

# skipped NAME, REASON: for what is not built yet.
skipped() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

finish() {
	echo "1..$tests"
	[ "$failed" = 0 ]
	exit
}

# files PATTERN...: those of the tree's files that match, without those deleted meanwhile.
files() {
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -- "$@"
	else
		find . -path ./build -prune -o -type f -print | sed 's|^\./||' | sort |
			while read -r file; do
				for pattern; do
					# shellcheck disable=SC2053 # a pattern
					[[ $file == $pattern ]] && echo "$file" && break
				done
			done
	fi | while read -r file; do
		[ -f "$file" ] && echo "$file"
	done
}

# The work folder of a check, gone when it ends.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
