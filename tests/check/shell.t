#!/bin/bash
# SPDX-License-Identifier: ISC
# Every shell script, whatever its name, passes shellcheck.
. "$(dirname "$0")/lib.sh"

scripts() {
	files '*' | while read -r file; do
		read -r first <"$file"
		[[ $file == *.sh || $file == *.bash || $first =~ ^'#!'.*[/\ ](ba|da)?sh ]] && echo "$file"
	done 2>/dev/null
}

complaints() {
	xargs -r shellcheck --external-sources --source-path=SCRIPTDIR --severity=info \
		--format=gcc 2>&1
}

scripts | grep -qx deploy/packages
ok $? "scripts are found by their first line"
scripts | grep -qx scripts/lib/reliquary.bash
ok $? "or by their name"
scripts | complaints | quiet "every shell script passes shellcheck"

# shellcheck disable=SC2016 # not to be expanded here
printf '#!/bin/bash\nrm $1/*\n' >"$scratch/bad"
echo "$scratch/bad" | complaints | loud "a careless script is noticed"
finish
