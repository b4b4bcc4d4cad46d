#!/bin/bash
# SPDX-License-Identifier: ISC
# The same source gives the same bytes wherever it is built, debug information and all.
. "$(dirname "$0")/lib.sh"

# build FOLDER: builds a copy of the two lower layers there and prints what came out.
build() {
	mkdir -p "$scratch/$1"
	files Makefile 'base/*' 'protocol/*' | xargs cp --parents -t "$scratch/$1"
	# Nothing of the make that runs this check, a sanitizer above all, concerns this one.
	(
		unset MAKEFLAGS MAKELEVEL MFLAGS SAN CFLAGS CPPFLAGS LDFLAGS
		cd "$scratch/$1" || exit
		make -s -j"$(nproc)" build/none/reliquary.a >make.log 2>&1 || cat make.log >&2
		cd build/none && sha256sum reliquary.a
	)
}

build here >"$scratch/one"
build another/longer/path >"$scratch/two"
grep -q reliquary.a "$scratch/one"
ok $? "a library is built"
cmp -s "$scratch/one" "$scratch/two"
ok $? "built in another folder it has the same bytes"

echo '/* one line more */' | cat - base/hex.c >"$scratch/hex.c"
mv "$scratch/hex.c" "$scratch/here/base/hex.c"
(cd "$scratch/here" && gcc -std=c11 -g -I. -c base/hex.c -o x.o && gcc -std=c11 -g -I. -c \
	../another/longer/path/base/hex.c -o y.o && cmp -s x.o y.o)
[ $? = 1 ]
ok $? "bytes that differ are noticed"
finish
