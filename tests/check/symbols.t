#!/bin/bash
# SPDX-License-Identifier: ISC
# A name is defined once in all that is linked together: of two functions of the same name in two
# archives the linker takes the first without a word, for everybody.
. "$(dirname "$0")/lib.sh"

# By "make style" those that it has just built.
read -ra archives <<<"${ARCHIVES:-$(echo build/none/*.a)}"

# defined ARCHIVE...: each name that others can see, and where: "name archive(member)".
defined() {
	nm --print-file-name --defined-only --extern-only --format=posix "$@" |
		sed -nE 's|^(.*)\[(.*)\]: ([^ ]+) [A-Z] .*|\3 \1(\2)|p'
}

defined_twice() {
	defined "$@" | sort | awk '{ where[$1] = where[$1] " " $2; count[$1]++ }
		END { for (name in count) if (count[name] > 1) print name ":" where[name] }'
}

ls "${archives[@]}" >"$scratch/there" 2>&1
ok $? "the archives are built" || sed 's/^/# /' "$scratch/there" >&2
for archive in "${archives[@]}"; do
	defined "$archive" | loud "$archive defines something"
done
defined_twice "${archives[@]}" | quiet "nothing is defined twice in what is linked together"

# One archive with two members, another one, and what only its own file sees.
cd "$scratch" || exit 1
echo 'int f(void); int f(void) { return 1; }' >f.c
echo 'int g(void); static int h(void) { return 2; } int g(void) { return h(); }' >g.c
echo 'int k(void); static int h(void) { return 3; } int k(void) { return h(); }' >k.c
gcc -c f.c g.c k.c && ar rcsD one.a f.o g.o && ar rcsD two.a k.o && ar rcsD three.a k.o f.o
ok $? "archives to try it with are made"
defined_twice one.a two.a | quiet "functions of a file's own do not matter"
defined_twice one.a three.a | loud "a function that is in two archives is noticed"
cp f.o again.o && ar rcsD one.a again.o
defined_twice one.a | loud "one that is twice in the same is, too"
finish
