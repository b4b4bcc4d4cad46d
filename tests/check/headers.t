#!/bin/bash
# SPDX-License-Identifier: ISC
# Every header compiles alone, with gcc and clang: it includes what it needs.
. "$(dirname "$0")/lib.sh"

# -include, not the header itself: clang would call its inline functions unused.
does_not_compile() {
	xargs -r -P "$(nproc)" -I '{}' "$1" -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -Werror -Wundef \
		-Wstrict-prototypes -fsyntax-only -x c -include '{}' /dev/null 2>&1
}

echo 'size_t unknown(void);' >"$scratch/bad.h"
for cc in gcc clang; do
	files '*.h' | does_not_compile $cc | quiet "every header compiles alone with $cc"
	echo "$scratch/bad.h" | does_not_compile $cc | loud "$cc notices one that does not"
done
finish
