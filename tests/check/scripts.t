#!/bin/bash
# SPDX-License-Identifier: ISC
# The commands are whole: help, page, completion, and the same version as everything else.
. "$(dirname "$0")/lib.sh"

commands() {
	for file in scripts/reliquary-*; do
		echo "${file#scripts/}"
	done
}

# Commands that a file has no word about.
missing_in() {
	commands | while read -r name; do
		grep -qw -- "$name" "$1" || echo "$name"
	done
}

[ "$(commands | wc -l)" -ge 30 ]
ok $? "there are commands"

docs/manual-pages "$scratch" 2>"$scratch/err"
quiet "the pages can be written" <"$scratch/err"
for page in "$scratch"/reliquary-*.1; do
	cmp -- "$page" "docs/man/${page##*/}" 2>&1
done | quiet "they are what the commands say (docs/manual-pages writes them)"
missing_in docs/man/reliquary.1 | quiet "reliquary(1) names every command"

# What bash knows is seen by asking it, as its file abbreviates.
bash -c '. scripts/completion/reliquary.bash && complete -p' >"$scratch/complete" 2>&1
missing_in "$scratch/complete" | quiet "bash completes every command"
missing_in scripts/completion/_reliquary | quiet "zsh completes every command"
echo reliquary-status >"$scratch/few"
missing_in "$scratch/few" | loud "a missing one is noticed"
if command -v zsh >/dev/null; then
	zsh -n scripts/completion/_reliquary 2>&1 | quiet "zsh can read its completion"
else
	skipped "zsh can read its completion" "no zsh"
fi

# All that the commands' names stand for: nothing of what a manual says is left out of the script.
for file in scripts/reliquary-*; do
	sed -n 's/^#:   --\([a-z-]*\).*/\1/p' "$file" | while read -r option; do
		grep -qE "(words_read .*|_OPTIONS\"?.*)\b$option\b|TUNNEL_OPTIONS" "$file" ||
			echo "$file: --$option"
	done
done | quiet "every option of a manual is one"

for file in scripts/reliquary-*; do
	sed -n 's/^words_read [0-9]* [0-9]* "\(.*\)" .*/\1/p' "$file" | tr -d = | tr ' ' '\n' |
		while read -r option; do
			[[ ! $option =~ ^[a-z] ]] || grep -q "^#:   --$option\b" "$file" ||
				echo "$file: --$option"
		done
done | quiet "and every option is in the manual"

version=$(sed -n 's/^VERSION := //p' Makefile)
[ "$(scripts/reliquary-status --version)" = "reliquary-status $version" ]
ok $? "their version is the Makefile's"
finish
