#!/bin/bash
# SPDX-License-Identifier: ISC
# Every C file looks as clang-format 14 with .clang-format writes it.
. "$(dirname "$0")/lib.sh"

badly_formatted() {
	xargs -r clang-format --style=file --dry-run -Werror 2>&1 | grep 'error:'
}

clang-format --version | grep -q 'version 14\.'
ok $? "clang-format is the version that the tree is formatted with"

files '*.c' '*.h' | badly_formatted | quiet "every C file is formatted"

cp .clang-format "$scratch/"
printf 'int main(void) { return 0; }\n' >"$scratch/bad.c"
echo "$scratch/bad.c" | badly_formatted | loud "a badly formatted file is noticed"
finish
