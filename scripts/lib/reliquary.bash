# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# What the reliquary-* commands share: the words of their command line, the files under $RELIQUARY,
# and how they talk with the service.  Sourced by them, never run.
#
# No secret is ever a word of a command line, where every user of the machine could read it: curl
# gets all that it is told on its standard input, jq its texts likewise.  What is written here with
# printf or echo stays within the shell.

# shellcheck disable=SC2034 # much of what is set here is read by the commands

set -uf -o pipefail
export LC_ALL=C # ranges of characters are of bytes, and messages as the tests know them
umask 077       # nothing that is made here is ever readable by others, not for a moment

# A variable that came with the environment goes on to every program that is run: not with what is
# put into it here.
export -n TOKEN REPLY BODY all bytes enrolment invite line request secret value

VERSION=0.1.0
PROGRAM=${0##*/}
FILES=${RELIQUARY:-${HOME:-/nonexistent}/.config/reliquary}
# Other programs are told of files in it: they may run elsewhere, or take "-" for an option.
[[ $FILES == /* ]] || FILES=$PWD/$FILES

# How a command ends.
REFUSED=1  # the service said no, or something here stands in the way
USAGE=2    # wrong usage: nothing was done
AWAY=3     # the service cannot be reached
NONSENSE=4 # what answers is no Reliquary, or does not work

SIZE_MAX=4194304 # bytes of an answer; the longest list has far less

# --- messages ---

say() {
	printf '%s: %s\n' "$PROGRAM" "$*" >&2
}

# tell LINE: what a command is asked for, on standard output.
tell() {
	printf '%s\n' "$*" 2>/dev/null || die "$REFUSED" "standard output cannot be written to"
}

# die STATUS SENTENCE
die() {
	say "${*:2}"
	exit "$1"
}

# The lines of a command that begin with "#:" are its manual.
help() {
	sed -n 's/^#: \{0,1\}//p' "$0"
}

usage_error() {
	say "$*"
	help | sed -n '/^usage:/,/^$/{/./p}' >&2
	exit "$USAGE"
}

# --- the command line ---

WORDS=()
declare -A OPTION=()

# words_read LEAST MOST OPTIONS WORD...: sorts a command line into WORDS, of which there must be
# LEAST to MOST, and OPTION[name].  OPTIONS: the names that this command knows, those that take a
# value with "=" behind them.
words_read() {
	local least=$1 most=$2 known=" $3 help version insecure-http "

	shift 3
	while [ $# -gt 0 ]; do
		case $1 in
		--)
			shift
			break
			;;
		-h)
			set -- --help "${@:2}"
			continue
			;;
		--?*)
			option_read "$known" "$@"
			shift "$TAKEN"
			;;
		-?*)
			usage_error "$1: no such option"
			;;
		*)
			WORDS+=("$1")
			shift
			;;
		esac
	done
	WORDS+=("$@")
	[ ${#WORDS[@]} -ge "$least" ] || usage_error "something is missing"
	[ ${#WORDS[@]} -le "$most" ] || usage_error "${WORDS[most]}: one word too many"
}

# option_read KNOWN OPTION [WORD...]: TAKEN is how many words it took.
option_read() {
	local known=$1 name=${2#--} value=yes

	TAKEN=1
	case $name in
	*=*)
		value=${name#*=} name=${name%%=*}
		[[ $known == *" $name= "* ]] || usage_error "--$name: no such option, or takes no value"
		;;
	*)
		if [[ $known == *" $name= "* ]]; then
			[ $# -gt 2 ] || usage_error "--$name: its value is missing"
			value=$3
			TAKEN=2
		elif [[ $known != *" $name "* ]]; then
			usage_error "--$name: no such option"
		fi
		;;
	esac
	case $name in
	help)
		help
		exit 0
		;;
	version)
		echo "$PROGRAM $VERSION"
		exit 0
		;;
	esac
	OPTION[$name]=$value
}

given() {
	[ -n "${OPTION[$1]+given}" ]
}

# Each sets REPLY to what it was given in the one way that it is sent and named, or ends.

flock_read() {
	[[ $1 =~ ^[0-9a-f]{14}00$ && $1 != 0000000000000000 ]] ||
		usage_error "$1: a flock is 16 hexadecimal digits, in lower case, that end in 00"
	REPLY=$1
}

device_read() {
	[[ $1 =~ ^[0-9a-f]{8}$ ]] || usage_error "$1: a device is 8 hexadecimal digits, in lower case"
	REPLY=$1
}

# A number that a flock's owner gave a device, and its KEK.
number_read() {
	{ [[ $1 =~ ^(0x)?([0-9a-fA-F]{1,2})$ ]] && ((16#${BASH_REMATCH[2]} != 0)); } ||
		usage_error "$1: a device's number is hexadecimal, 01 to ff"
	printf -v REPLY '%02x' "0x${BASH_REMATCH[2]}"
}

# Of tokens and enrolments.
id_read() {
	[[ $1 =~ ^[0-9a-f]{16}$ ]] || usage_error "$1: an id is 16 hexadecimal digits, in lower case"
	REPLY=$1
}

# count_read TEXT LEAST MOST WHAT
count_read() {
	{ [[ $1 =~ ^[0-9]{1,10}$ ]] && ((10#$1 >= $2 && 10#$1 <= $3)); } ||
		usage_error "$1: $4 is a whole number, $2 to $3"
	REPLY=$((10#$1))
}

# A time in seconds: 90, 90s, 15m, 12h, 30d.
seconds_read() {
	local -A unit=([s]=1 [m]=60 [h]=3600 [d]=86400)

	[[ $1 =~ ^([1-9][0-9]{0,6})([smhd]?)$ ]] ||
		usage_error "$1: a time is a number and s, m, h or d, as in 30d"
	REPLY=$((BASH_REMATCH[1] * ${unit[${BASH_REMATCH[2]:-s}]}))
}

# An account key, enrolment key or invitation: KEY itself, - for a line of standard input, or @FILE.
# secret_read WORD DIGITS WHAT
secret_read() {
	local secret=""

	case $1 in
	-)
		if [ -t 0 ]; then
			printf '%s: ' "$3" >&2
			IFS= read -rs secret
			echo >&2
		else
			IFS= read -r secret
		fi
		;;
	@*)
		[ -r "${1#@}" ] || die "$REFUSED" "${1#@}: cannot be read"
		IFS= read -r secret <"${1#@}"
		;;
	*)
		secret=$1
		say "warning: others on this machine can see the $3 in the list of processes;" \
			"give - and write it on standard input, or @FILE"
		;;
	esac
	secret=${secret%$'\r'}
	[[ $secret =~ ^[0-9a-f]+$ && $secret =~ ^.{$2}$ ]] ||
		usage_error "the $3 is not ${2/,/ to } hexadecimal digits in lower case"
	REPLY=$secret
}

# Is there somebody to ask, and does she want it?
confirm() {
	local answer=

	! given yes || return 0
	[ -t 0 ] || usage_error "nobody can be asked here; say --yes"
	printf '%s  Type "yes": ' "$*" >&2
	IFS= read -r answer
	[ "$answer" = yes ] || die "$REFUSED" "nothing was done"
}

# --- files ---

# setting NAME: a line of the files under $RELIQUARY in REPLY; false when it is not there.
setting() {
	REPLY=
	[ -r "$FILES/$1" ] || return 1
	IFS= read -r REPLY <"$FILES/$1" || [ -n "$REPLY" ]
}

folder_make() {
	local mode

	[ -d "$1" ] || mkdir -p -- "$1" || die "$REFUSED" "$1: cannot be made"
	[ -w "$1" ] || die "$REFUSED" "$1: cannot be written to"
	mode=$(stat -c %a -- "$1") || return 0
	(((8#$mode & 8#077) == 0)) ||
		say "warning: others may look into $1, which holds secrets; chmod 700 closes it"
}

# file_draft FOLDER MODE: what stands on standard input as a new file that nobody looks for, DRAFT.
DRAFT=

file_draft() {
	DRAFT=$(mktemp -- "$1/.new.XXXXXXXX") && cat >"$DRAFT" && chmod "$2" -- "$DRAFT" &&
		sync -- "$DRAFT"
}

# A draft goes with the shell that made it, however that ends.
draft_forget() {
	[ -z "$DRAFT" ] || rm -f -- "$DRAFT"
}

# file_put PATH MODE: standard input takes the place of what is there, in one step.
file_put() (
	trap draft_forget EXIT
	file_draft "${1%/*}" "$2" && mv -fT -- "$DRAFT" "$1"
)

# file_keep PATH MODE: the same, but what is there stays there.
file_keep() (
	trap draft_forget EXIT
	file_draft "${1%/*}" "$2" && ln -T -- "$DRAFT" "$1" 2>/dev/null
)

# setting_put NAME VALUE [MODE]
setting_put() {
	printf '%s\n' "$2" | file_put "$FILES/$1" "${3:-600}" ||
		die "$REFUSED" "$FILES/$1: cannot be written"
}

needed() {
	local name

	for name in "$@"; do
		command -v "$name" >/dev/null || die "$REFUSED" "$name is needed, and not installed"
	done
}

# helper NAME: REPLY is the path of a program that comes along: beside the commands, where they are
# built, or wherever the system finds it.
helper() {
	local at

	for at in "$HERE/$1" "$HERE/../build/bin/$1"; do
		if [ -f "$at" ] && [ -x "$at" ]; then
			REPLY=$at
			return 0
		fi
	done
	REPLY=$(command -v -- "$1")
}

# --- where the service is ---

# An onion service's name is its proof only where Tor looks it up; a resolver would be told the name,
# and could answer with anybody's address.
tor_resolves() {
	local proxies="${RELIQUARY_CURL_OPTS:-} ${ALL_PROXY:-} ${all_proxy:-}"

	proxies+=" ${http_proxy:-} ${https_proxy:-}"
	[[ ${LD_PRELOAD:-} == *torsocks* || $proxies =~ socks5h://|socks4a://|--socks5-hostname|--socks4a ]]
}

# api_check URL: API is what paths are appended to.  Tokens go there, so it has to be somebody who
# can prove who he is, or this machine, or an onion service, whose name is its proof.
api_check() {
	local host secure='^(127\.[0-9.]+|localhost|\[::1\]|[a-z2-7.]+\.onion)$'
	local form='^(https?)://(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$'

	[[ $1 == [hH][tT][tT][pP]*://* ]] || usage_error "$1: an address begins with https://"
	API=${1#*://}
	set -- "${1%%://*}://${API%%/*}" "${API#"${API%%/*}"}" "$1"
	set -- "${1,,}$2" "$3"
	[[ $1 =~ $form ]] ||
		usage_error "$2: not an address as in https://reliquary.example or http://127.0.0.1:8080"
	host=${BASH_REMATCH[2]}
	if given insecure-http || [ "${RELIQUARY_INSECURE:-}" = 1 ]; then
		secure=
	fi
	[[ $1 == https://* || $host =~ $secure ]] ||
		usage_error "$1: over http, everybody on the way can read tokens and keys; use https," \
			"or say --insecure-http (or RELIQUARY_INSECURE=1) if that is all right"
	[[ -z $secure || $host != *.onion ]] || tor_resolves ||
		usage_error "$1: an onion service is found by Tor alone; use torsocks, or name Tor's proxy" \
			"in RELIQUARY_CURL_OPTS: --proxy socks5h://127.0.0.1:9050"
	API=$1
	while [[ $API == */ ]]; do
		API=${API%/}
	done
	API=${API%/v1}
}

api_find() {
	setting api || die "$REFUSED" "no service is known: run reliquary-register, reliquary-login" \
		"or reliquary-init first ($FILES/api is not there)"
	api_check "$REPLY"
}

token_find() {
	local mode

	setting token ||
		die "$REFUSED" "not logged in: run reliquary-login first ($FILES/token is not there)"
	[[ $REPLY =~ ^[0-9a-f]{32}$ ]] ||
		die "$REFUSED" "$FILES/token: holds no token; run reliquary-login"
	TOKEN=$REPLY
	mode=$(stat -c %a -- "$FILES/token") || return 0
	(((8#$mode & 8#077) == 0)) ||
		say "warning: others can read $FILES/token; chmod 400 closes it"
}

# --- requests ---

# A line of curl's configuration, whatever VALUE holds.
curl_line() {
	local value=${2//\\/\\\\}

	value=${value//\"/\\\"}
	value=${value//$'\n'/\\n}
	printf '%s = "%s"\n' "$1" "$value"
}

# What is said to curl for every request; the status and what went wrong come behind the body.
curl_settings() {
	printf '%s\n' silent globoff 'proto = "=http,https"' 'proto-redir = "=https"' \
		'max-redirs = 0' 'connect-timeout = 30' 'user-agent = "reliquary"' \
		'write-out = "\n%{http_code}|%{size_request}|%{content_type}|%{errormsg}"'
	curl_line request "$1"
	curl_line url "$API$2"
	[ -z "$TOKEN" ] || curl_line header "Authorization: Bearer $TOKEN"
	[ -z "$REPEAT" ] || curl_line header "Idempotency-Key: $REPEAT"
	case ${3:-none} in
	none) ;;
	json)
		curl_line header "Content-Type: application/json"
		curl_line data-raw "$4"
		;;
	text)
		curl_line data-raw "$4"
		;;
	raw)
		curl_line header "Content-Type: application/octet-stream"
		curl_line data-binary "@$4"
		;;
	upload)
		curl_line header "Content-Type: application/octet-stream"
		curl_line upload-file "$4"
		;;
	esac
	if [ "${3:-}" != upload ]; then
		echo 'max-time = 90'
		return
	fi
	echo 'max-time = 7200'
	printf '%s\n' 'speed-limit = 1' 'speed-time = 90'
	[ ! -t 2 ] || printf '%s\n' no-silent progress-bar
}

TOKEN=
REPEAT=
STATUS= # of the answer
SENT=   # bytes of the request's head that went out
BODY=   # what was answered
TYPE=   # its content type
WRONG=  # what curl says went wrong

curl_run() {
	local all options=() ended

	read -d '' -ra options <<<"${RELIQUARY_CURL_OPTS:-}"
	all=$(curl_settings "$@" | curl -q --config - ${options[@]+"${options[@]}"} |
		head -c "$SIZE_MAX" | tr '\0' '\1')
	ended=$?
	STATUS='' SENT='' TYPE='' WRONG='the answer is too long' BODY=''
	[ $ended != 23 ] || return 23 # cut off, and to be looked at no further
	BODY=${all%$'\n'*}
	all=${all##*$'\n'}
	IFS='|' read -r STATUS SENT TYPE WRONG <<<"$all"
	return $ended
}

# call METHOD PATH [json TEXT | text TEXT | raw FILE | upload FILE]: asks the service; returns when
# it answered, whatever it did.  A question whose answer got lost on the way is asked once more when
# that cannot do it twice.
call() {
	local ended=18 tries=1

	needed curl jq
	case $1 in
	GET) tries=2 ;;
	POST)
		tries=2
		REPEAT=$(od -An -v -tx1 -N 32 /dev/urandom | tr -d ' \n')
		;;
	esac
	while [[ $tries -gt 0 && $ended =~ ^(18|52|55|56)$ ]]; do
		curl_run "$@"
		ended=$?
		tries=$((tries - 1))
	done
	REPEAT=
	# An upload that is refused may not be heard to its end.
	[ $ended = 0 ] || { [[ $STATUS == [45]?? ]] && problem; } || curl_failed $ended "$1"
}

# curl_failed STATUS METHOD
curl_failed() {
	local why=${WRONG:-curl ended with status $1}

	why=$(clean <<<"$why")
	case $1 in
	2) die "$USAGE" "RELIQUARY_CURL_OPTS: curl does not understand it ($why)" ;;
	26) die "$REFUSED" "what is to be sent cannot be read ($why)" ;;
	1 | 8 | 23 | 61 | 63)
		die "$NONSENSE" "$API does not answer as a Reliquary does ($why)"
		;;
	esac
	[[ $2 == GET || ${SENT:-0} == 0 ]] ||
		die "$AWAY" "the answer of $API got lost, and what was asked for may have been done" \
			"all the same ($why)"
	die "$AWAY" "$API cannot be reached ($why)"
}

# Without what would give orders to a terminal.
clean() {
	tr '\000-\037\177' ' ' | sed 's/\xc2[\x80-\x9f]/ /g; s/ *$//'
}

# json FORM: is BODY one JSON value of which jq finds FORM true?
json() {
	[[ $BODY != *[$'\001'-$'\010\013\014\016'-$'\037\177']* ]] &&
		printf '%s' "$BODY" | jq -es "length == 1 and (.[0] | $1)" >/dev/null 2>&1
}

# member FILTER: a text or number of BODY in REPLY, "" for null.
member() {
	REPLY=$(printf '%s' "$BODY" | jq -r "$1 // \"\"" 2>/dev/null | clean)
}

# text TEXT: as JSON.
text() {
	printf '%s' "$1" | jq -Rs .
}

# The answer of a service that refuses is a problem document, RFC 9457.
problem() {
	json 'type == "object" and (.detail // .title | type) == "string"' &&
		[[ $TYPE == application/problem+json* ]]
}

# Ends unless the service did it.
accepted() {
	local why

	case $STATUS in
	2??) return 0 ;;
	4?? | 5??)
		if problem; then
			member '(.detail // .title) + if .field then " (" + (.field | tostring) + ")" else "" end'
			why=$REPLY
			[ "$STATUS" != 401 ] || [ -z "$TOKEN" ] || why+=" (reliquary-login gets a new token)"
			die "$REFUSED" "$why"
		fi
		;;
	3??)
		die "$NONSENSE" "$API sends elsewhere, which is not followed;" \
			"give the address that it really has"
		;;
	esac
	[[ $STATUS != 50[234] ]] ||
		die "$AWAY" "$API is away: what stands before it answers with status $STATUS"
	nonsense "status $STATUS"
}

# deleted: ends unless the service did it; it says so in one way, which no page in between does.
deleted() {
	accepted
	[ "$STATUS" = 204 ] || nonsense "status $STATUS"
}

nonsense() {
	die "$NONSENSE" "$API does not answer as a Reliquary does ($1)"
}

# answer FORM: ends unless the service did it and answers JSON of that form.
answer() {
	accepted
	json "$1" || nonsense "what it says is not of the form that it should be"
}

# The answer as it came.
print_answer() {
	if [ -t 1 ]; then
		printf '%s\n' "${BODY%$'\n'}" | sed 's/\xc2[\x80-\x9f]/ /g'
	else
		tell "${BODY%$'\n'}"
	fi
}

# list PATH FORM: prints a list, or the part of it that --limit and --after say.
list() {
	local query=""

	if given limit; then
		count_read "${OPTION[limit]}" 1 100000 "a limit"
		query="limit=$REPLY"
	fi
	if given after; then
		[[ ${OPTION[after]} =~ ^[0-9A-Za-z._-]{1,63}$ ]] ||
			usage_error "${OPTION[after]}: not what \"next\" of a list says"
		query+="${query:+&}after=${OPTION[after]}"
	fi
	tenant
	call GET "$1${query:+?$query}"
	# Where it goes on is said as words for a command line.
	answer "$2"' and (.next == null or
		(.next | type == "string" and test("^[0-9A-Za-z._-]{1,63}$")))'
	print_answer
	member .next
	[ -z "$REPLY" ] || say "there is more: --after $REPLY goes on"
}

# What needs an account: both have to be there.
tenant() {
	api_find
	token_find
}

# --- what several commands do ---

# Is another service known here than API?
moved() {
	setting api && [ "$REPLY" != "$API" ]
}

# Where devices go to, as the service just said.
cathedral_put() {
	local cathedral port

	member .cathedral
	cathedral=$REPLY
	member .natport
	port=$REPLY
	if [ -z "$cathedral" ]; then
		say "the service has no cathedral at the moment; ask again with reliquary-init"
		return
	fi
	setting_put cathedral "$cathedral"
	[ -z "$port" ] || setting_put natport "$port"
	[ -n "$port" ] || rm -f -- "$FILES/natport"
}

CATHEDRAL_FORM='((.cathedral == null) or (.cathedral | type == "string" and
	test("^([0-9.]+|\\[[0-9a-f:.]+\\]):[0-9]{1,5}$"))) and ((.natport == null) or
	(.natport | type == "number" and . >= 0 and . <= 65535 and . == floor))'

# Everything about a service is replaced, the old one's token first: it is nobody else's business.
service_put() {
	if moved; then
		rm -f -- "$FILES/token" "$FILES/cathedral" "$FILES/natport"
	fi
	setting_put api "$API"
	cathedral_put
}

token_put() {
	member .token
	setting_put token "$REPLY" 400
}

# bundle_put PATH FILE SIZE WHOSE
bundle_put() {
	local file=$2 size

	[[ -f $file && -r $file ]] || die "$REFUSED" "$file: no file that can be read"
	size=$(stat -Lc %s -- "$file") || exit "$REFUSED"
	[ "$size" = "$3" ] ||
		die "$REFUSED" "$file: has $size bytes; a bundle of $4 has $3"
	[[ $file == /* ]] || file=./$file
	tenant
	call PUT "$1" upload "$file"
	answer '(.generation | type == "string" and test("^0x[0-9a-f]{8}$")) and
		(.expires | type) == "string" and (.tunnels | type) == "number"'
	member '"generation \(.generation), \(.tunnels) tunnels, good until \(.expires)"'
	tell "$REPLY"
}

# --- what other programs are told ---

# joined FLOCK: ID, FOLDER, NUMBER ("" without), CATHEDRAL and NATPORT of this device.
joined() {
	FOLDER=$FILES/$1
	setting "$1/cathedral_id" || die "$REFUSED" "this device is not in the flock $1:" \
		"run reliquary-flock-join first ($FOLDER/cathedral_id is not there)"
	[[ $REPLY =~ ^[0-9a-f]{8}$ ]] || die "$REFUSED" "$FOLDER/cathedral_id: holds no identity"
	ID=$REPLY
	NUMBER=
	! setting "$1/device_kek" || NUMBER=$REPLY
	CATHEDRAL=
	! setting cathedral || CATHEDRAL=$REPLY
	NATPORT=
	! setting natport || NATPORT=$REPLY
}

# The same, for what needs all of it: REPLY is the KEK's path.
equipped() {
	local file

	joined "$1"
	[[ $NUMBER =~ ^[0-9a-f]{2}$ && $NUMBER != 00 ]] ||
		die "$REFUSED" "this device has no number yet: its flock's owner approves it, then" \
			"reliquary-kek-install brings number and key ($FOLDER/device_kek is not there)"
	[ -n "$CATHEDRAL" ] || die "$REFUSED" "no cathedral is known: run reliquary-init" \
		"($FILES/cathedral is not there)"
	for file in "id-$ID" "cosk-$ID" "kek-0x$NUMBER"; do
		[ -r "$FOLDER/$file" ] || die "$REFUSED" "$FOLDER/$file: is not there, or not readable"
	done
	[[ $FOLDER != *[[:space:]]* ]] ||
		die "$REFUSED" "$FOLDER: has blanks in it, which the other programs cannot read"
}

# template NAME: its text in REPLY, the user's own before the one that comes along; @NAME@ becomes
# VALUE[NAME], and a line with an empty one is left out.
declare -A VALUE=()

template() {
	local line rest out="" name empty

	for REPLY in "$FILES/$1.template" "$LIBRARY/$1.template"; do
		[ ! -r "$REPLY" ] || break
	done
	while IFS= read -r rest || [ -n "$rest" ]; do
		line='' empty=''
		while [[ $rest =~ ^([^@]*)@([A-Z_]+)@(.*)$ ]]; do
			name=${BASH_REMATCH[2]}
			[ -n "${VALUE[$name]+given}" ] || die "$REFUSED" "$REPLY: there is no @$name@"
			[ -n "${VALUE[$name]}" ] || empty=yes
			line+=${BASH_REMATCH[1]}${VALUE[$name]}
			rest=${BASH_REMATCH[3]}
		done
		[ -n "$empty" ] || out+=$line$rest$'\n'
	done <"$REPLY" || die "$REFUSED" "$REPLY: cannot be read"
	REPLY=$out
}

# values FLOCK OTHER_FLOCK PEER NAME=VALUE...: VALUE for a template, after equipped(); PEER may be "".
values() {
	local flock=$1 other=$2 peer=$3 pair

	VALUE=(
		[FLOCK]=$flock [OTHER_FLOCK]=$other [OWN]=$NUMBER [PEER]=$peer
		[SPI]=0x$NUMBER$peer [IDENTITY]=$ID
		[CATHEDRAL]=$CATHEDRAL [NATPORT]=${NATPORT#0}
		[SECRET_FILE]=$FOLDER/id-$ID [COSK_FILE]=$FOLDER/cosk-$ID
		[KEK_FILE]=$FOLDER/kek-0x$NUMBER
		[FOLDER]=$FOLDER [DATE]=$(date -u +%Y-%m-%d)
	)
	[ "$flock" != "$other" ] || VALUE[OTHER_FLOCK]=
	[ -n "$peer" ] || VALUE[SPI]=
	for pair in "${@:4}"; do
		VALUE[${pair%%=*}]=${pair#*=}
	done
}

# conf_put NAME: REPLY as a file that other programs read; what is there is replaced only when
# --force says so, since people edit such files.
conf_put() {
	local path=$FOLDER/$1

	if given force; then
		printf '%s' "$REPLY" | file_put "$path" 600
	else
		[ ! -e "$path" ] || die "$REFUSED" "$path: is there already; --force replaces it"
		printf '%s' "$REPLY" | file_keep "$path" 600
	fi || die "$REFUSED" "$path: cannot be written"
	REPLY=$path
}

# --- words that several commands take ---

# FLOCK OTHER, as A and B.
two_flocks_read() {
	flock_read "${WORDS[0]}"
	A=$REPLY
	flock_read "${WORDS[1]}"
	B=$REPLY
	[ "$A" != "$B" ] || usage_error "$A: two flocks are needed, not one twice"
}

region_read() {
	REGION=
	given region || return 0
	[[ ${OPTION[region]} =~ ^[0-9A-Za-z._-]{1,32}$ ]] ||
		usage_error "${OPTION[region]}: a region is a word of letters, digits, '.', '_' and '-'"
	REGION="?region=${OPTION[region]}"
}

# The token of one service is nothing that another one should see, or that should get lost.
stay_or_force() {
	given force || [ ! -e "$FILES/token" ] || ! moved ||
		die "$REFUSED" "somebody is logged in to $REPLY here; say --force to forget that" \
			"($FILES/token), or set RELIQUARY to another folder"
}

# --shroud, as SHROUD.
sanctum_options_read() {
	SHROUD=${OPTION[shroud]:-yes}
	[[ $SHROUD =~ ^(yes|no)$ ]] || usage_error "$SHROUD: --shroud is yes or no"
}

TUNNEL_OPTIONS="mtu= shroud= force"

# tunnel_options_read ADDRESS/BITS: ADDRESS and MTU, and the above.
tunnel_options_read() {
	local part

	sanctum_options_read
	count_read "${OPTION[mtu]:-1422}" 576 9000 "the MTU"
	MTU=$REPLY
	ADDRESS=$1
	[[ $1 =~ ^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})/([0-9]{1,2})$ ]] ||
		usage_error "$1: not an address with its network, as in 10.0.0.1/30"
	for part in "${BASH_REMATCH[@]:1:4}"; do
		((10#$part <= 255)) || usage_error "$1: no part of an address is above 255"
	done
	((10#${BASH_REMATCH[5]} <= 32)) || usage_error "$1: a network has 32 bits at most"
}

# tunnel_put NAME FLOCK OTHER_FLOCK PEER: after all of the above.
tunnel_put() {
	values "$2" "$3" "$4" "ADDRESS=$ADDRESS" "MTU=$MTU" "SHROUD=$SHROUD"
	template tunnel
	conf_put "$1"
	tell "$REPLY"
	say "next: sudo sanctum -c $REPLY"
}
