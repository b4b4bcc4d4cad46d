# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# bash's completion of the reliquary-* commands.  What a command takes is in the usage that it prints
# with --help; what flocks there are, in the folders under $RELIQUARY.

# What may stand where a usage has this word.  The shell would expand what it is offered: no file
# may offer it more than what belongs there.
_reliquary_values() {
	local files=${RELIQUARY:-$HOME/.config/reliquary} entry

	case $1 in
	FLOCK | OTHER)
		for entry in "$files"/*/; do
			entry=${entry%/}
			[[ ! ${entry##*/} =~ ^[0-9a-f]{14}00$ ]] || echo "${entry##*/}"
		done
		;;
	DEVICE)
		grep -hxE '[0-9a-f]{8}' "$files"/*/cathedral_id 2>/dev/null
		;;
	URL)
		grep -hxE 'https?://[][A-Za-z0-9.:/_~-]+' "$files/api" 2>/dev/null
		;;
	SCOPE)
		printf '%s\n' full read approve
		;;
	yes\|no)
		printf '%s\n' yes no
		;;
	[a-z]*)
		echo "$1"
		;;
	esac
}

# _reliquary_commands FOLDER: all that there are, without what they begin with.
_reliquary_commands() {
	"$1reliquary" 2>/dev/null | sed -n 's/^reliquary-\([a-z-]*\) .*/\1/p'
}

# Reads a usage from standard input, says what may stand as the next word after those given.
_reliquary_next() {
	local line word bare words position before count=0 expects='' options=' '
	local -A takes=()
	local -a kinds=()

	while read -ra words; do
		position=0
		for ((line = 1; line < ${#words[@]}; line++)); do
			word=${words[line]}
			bare=${word//[][]/}
			case $bare in
			--*)
				options+="$bare "
				[[ $word == *']' ]] || {
					line=$((line + 1))
					word=${words[line]}
					takes[$bare]=${word//[][]/}
				}
				;;
			usage: | reliquary*) ;;
			*)
				kinds[position]+="${kinds[position]:+ }$bare"
				position=$((position + 1))
				;;
			esac
		done
	done < <(sed -n '/^usage:/,/^$/{s/^usage:/      /;s/^ */usage: /;/^usage: $/d;p}')

	for before in "$@"; do
		if [ -n "$expects" ]; then
			expects=
		elif [[ $before == --* ]]; then
			expects=${takes[$before]:-}
		else
			count=$((count + 1))
		fi
	done
	if [ -n "$expects" ]; then
		echo "$expects"
	else
		echo "${kinds[count]:-} $options --help --version"
	fi
}

_reliquary() {
	local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} at=1 kind
	local folder=${program%"${program##*/}"}

	COMPREPLY=()
	if [[ ${program##*/} == reliquary ]]; then
		if [ "$COMP_CWORD" = 1 ]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_reliquary_commands "$folder")" -- "$current")
			return
		fi
		program=${folder}reliquary-${COMP_WORDS[1]}
		at=2
	fi
	for kind in $("$program" --help 2>/dev/null </dev/null |
		_reliquary_next "${COMP_WORDS[@]:at:COMP_CWORD - at}"); do
		case $kind in
		--*)
			[[ $current == -* ]] || continue
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$kind" -- "$current")
			;;
		FILE)
			compopt -o filenames 2>/dev/null
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$current")
			;;
		*)
			mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(
				compgen -W "$(_reliquary_values "$kind")" -- "$current"
			)
			;;
		esac
	done
}

complete -F _reliquary reliquary reliquary-{register,login,init,status,account} \
	reliquary-token-{list,create,delete} reliquary-flock-{create,list,delete,join,liturgy} \
	reliquary-device-{list,approve,delete,label} reliquary-enrolment-{create,list,delete} \
	reliquary-ambry-upload reliquary-kek-install reliquary-xflock-{create,list,delete,ambry} \
	reliquary-cathedral-list reliquary-tunnel-{add,xadd} reliquary-voice-call
