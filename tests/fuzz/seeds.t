#!/bin/bash
# SPDX-License-Identifier: ISC
#
# Runs every fuzz target over its seeds.  Argument: the folder with the built targets.

built=${1:?usage: seeds.t FOLDER-WITH-BUILT-TARGETS}
here=$(dirname "$0")
n=0
failed=0

result() {
	n=$((n + 1))
	[ "$1" = ok ] || failed=1
	echo "$1 $n - $2"
}

for source in "$here"/fuzz_*.c; do
	target=$(basename "$source" .c)
	seeds=$here/seeds/${target#fuzz_}

	if [ -z "$(ls -A "$seeds" 2>/dev/null)" ]; then
		result "not ok" "$target has seeds in $seeds"
	elif output=$("$built/$target" "$seeds"/* 2>&1); then
		result ok "$target: $(tail -n 1 <<<"$output")"
	else
		echo "# ${output//$'\n'/$'\n'# }"
		result "not ok" "$target over its seeds"
	fi
done

echo "1..$n"
exit "$failed"
