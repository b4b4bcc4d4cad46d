#!/bin/bash
# SPDX-License-Identifier: ISC
# Nothing is left for later, every source says its licence, and no line ends in blanks.
. "$(dirname "$0")/lib.sh"

left_for_later() {
	xargs -r grep -nwE 'TO''DO|FIX''ME|XX''X|HA''CK' /dev/null
}

without_licence() {
	while read -r file; do
		head -n 5 "$file" | grep -q 'SPDX-License-Identifier: ISC' || echo "$file"
	done
}

trailing_blanks() {
	xargs -r grep -nIE '[[:blank:]]+$' /dev/null
}

# Without the data that tests read, which may hold anything.
texts() {
	files '*' | grep -v '^tests/\(vectors\|fuzz/seeds\)/'
}

sources() {
	files '*.c' '*.h' '*.sh' '*.t' Makefile '.ci/*' 'docs/man/*' 'deploy/*.service'
	texts | while read -r file; do
		[ "$(head -c 2 "$file" | tr -d '\0')" = '#!' ] && echo "$file"
	done
}

texts | left_for_later | quiet "nothing is left for later"
sources | sort -u | without_licence | quiet "every source says its licence"
texts | trailing_blanks | quiet "no line ends in blanks"

printf 'a /* TO''DO: b */ \n' >"$scratch/bad.c"
echo "$scratch/bad.c" | left_for_later | loud "a note for later is noticed"
echo "$scratch/bad.c" | without_licence | loud "a missing licence is noticed"
echo "$scratch/bad.c" | trailing_blanks | loud "blanks at the end are noticed"
finish
