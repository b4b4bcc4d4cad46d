# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# Pages of documentation, typed by a test: every block of "sh", in order, in one shell that ends at
# the first thing that fails, and its output compared with what the page shows.  Sourced after lib.sh.

DOCS=$(cd "$HERE/../../docs" && pwd)

# own_etc NAME: /etc is a copy from now on, where NAME is this machine and no other host is known.
# What may not be read here is left out.
own_etc() {
	mkdir "$WORK/host"
	cp -a /etc "$WORK/host/" 2>/dev/null
	mount --bind "$WORK/host/etc" /etc || skip_all "no mounts"
	echo "127.0.0.1 localhost $1" >/etc/hosts
}

# page_cut NAME [BEGIN]: reads docs/NAME.md, or what stands behind this line of it; TESTS_OF is how
# many tests page_run will make of that.
page_cut() {
	PAGE=$WORK/page-$1
	mkdir "$PAGE" && perl "$HERE/page.pl" cut "$DOCS/$1.md" "$PAGE" "${@:2}" || exit 1
	# shellcheck disable=SC2034 # read by the tests
	TESTS_OF=$(find "$PAGE" -name '*.sh' -o -name '*.want' | wc -l)
}

# What types: hooks are functions of the test, exported, named hook_WORD.
page_type() {
	local at

	set -eu -o pipefail
	for at in "$PAGE"/*.sh "$PAGE"/*.hook; do
		echo "$at"
	done | sort >"$PAGE/order"
	while read -r at <&9; do
		exec >"${at%.*}.out" 2>"${at%.*}.err"
		if [[ $at == *.sh ]]; then
			# shellcheck source=/dev/null
			. "$at"
		else
			"hook_$(cat "$at")"
		fi
		: >"${at%.*}.done"
	done 9<"$PAGE/order"
}

# page_run: in a folder of its own.
page_run() {
	local block name

	mkdir -p "$PAGE/home"
	(cd "$PAGE/home" && export PAGE && bash -c "$(declare -f page_type); page_type") </dev/null
	for block in "$PAGE"/*.sh; do
		block=${block%.sh}
		name=$(cat "$block.name")
		[ -e "$block.done" ]
		ok $? "$name" || note "$(cat "$block".{sh,out,err} 2>&1)"
		[ -e "$block.want" ] || continue
		name=$(perl "$HERE/page.pl" match "$PAGE/names" "$block.want" "$block.out" 2>&1)
		ok $? "prints what the page shows" || note "$name"$'\n'"$(cat "$block.err" 2>&1)"
	done
}
