#!/bin/bash
# SPDX-License-Identifier: ISC
# Functions, files and nesting stay small enough to be read; docs/coding-style.md says how small we
# want them, this is where it is no longer a matter of taste.
. "$(dirname "$0")/lib.sh"

# Each prints what is larger than its first argument.
long_functions() {
	ctags -x --kinds-C=f --_xformat='%F %n %{end} %N' "${@:2}" |
		awk -v max="$1" '{ n = $3 - $2 + 1 }
			n > max { print $1 ":" $2 ": " $4 "() has " n " lines" }'
}

# What a callback is given are no parameters of who calls it.
wide_functions() {
	ctags -x --kinds-C=f --_xformat='%F %n %N %{signature}' "${@:2}" |
		awk -v max="$1" '{ gsub(/\(\* *[a-z_]+\) *\([^()]*\)/, ""); n = gsub(",", ",") + 1 }
			n > max { print $1 ":" $2 ": " $3 "() has " n " parameters" }'
}

long_files() {
	wc -l "${@:2}" | awk -v max="$1" '$2 != "total" && $1 > max { print $2 ": " $1 " lines" }'
}

# A statement follows a line that ended one, or opened a block; a continued line does not.
deep_nesting() {
	awk -v max="$1" '
	FNR == 1 { before = ";" }
	/^\t/ && before ~ /[;{}:)]$/ && !/^\t+[*"{]/ {
		match($0, /^\t+/)
		if (RLENGTH - 1 > max)
			print FILENAME ":" FNR ": nested " RLENGTH - 1 " deep"
	}
	!/^[ \t]*(\/\*|\*|$)/ {
		before = $0
		sub(/[ \t]*\/\*.*\*\/[ \t]*$/, "", before)
	}' "${@:2}"
}

mapfile -t ours < <(files '*.[ch]' | grep -v '^tests/')
mapfile -t tests_of_ours < <(files 'tests/*.[ch]')

long_functions 70 "${ours[@]}" | quiet "no function is longer than 70 lines"
long_functions 100 "${tests_of_ours[@]}" | quiet "no test, with its table, is longer than 100"
wide_functions 8 "${ours[@]}" "${tests_of_ours[@]}" | quiet "no function has more than 8 parameters"
long_files 450 "${ours[@]}" | quiet "no file is longer than 450 lines"
long_files 700 "${tests_of_ours[@]}" | quiet "no file of tests is longer than 700 lines"
deep_nesting 4 "${ours[@]}" "${tests_of_ours[@]}" | quiet "nothing is nested more than 4 deep"

cat >"$scratch/x.c" <<'END'
int
f(int a, int b)
{
	for (;;) {
		if (a) {
			while (b) {
				a++;
			}
		}
	}
}
END
long_functions 9 "$scratch/x.c" | loud "a long function is noticed"
long_functions 10 "$scratch/x.c" | quiet "one that just fits is not"
wide_functions 1 "$scratch/x.c" | loud "a wide function is noticed"
wide_functions 2 "$scratch/x.c" | quiet "one that just fits is not"
long_files 10 "$scratch/x.c" | loud "a long file is noticed"
long_files 11 "$scratch/x.c" | quiet "one that just fits is not"
deep_nesting 2 "$scratch/x.c" | loud "deep nesting is noticed"
deep_nesting 3 "$scratch/x.c" | quiet "nesting that just fits is not"
finish
