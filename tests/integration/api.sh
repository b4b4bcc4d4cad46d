# shellcheck shell=bash
# SPDX-License-Identifier: ISC
#
# What the tests of reliquary-api share; sourced after lib.sh.

API=http://127.0.0.1:8080
DATA=$WORK/data
umask 022
# A test says everything on command lines: what stands in the environment must not be heard.
for name in ${!RELIQUARY_API_*}; do
	unset "$name"
done

# start_api NAME OPTION...: a service that is ready; little work for an account.
start_api() {
	local before

	before=$(grep -c 'is ready' "$WORK/$1.log" 2>/dev/null)
	start "$1" - reliquary-api serve --data "$DATA" --listen 127.0.0.1:8080 \
		--pow-bits 4 --pow-bits-max 8 "${@:2}"
	wait_for 10 logged "$1" 'is ready' $((before + 1))
}

# refuses STATUS REGEX NAME WORD...: reliquary-api ends so, with one line that says this.
refuses() {
	local said status

	said=$(reliquary-api "${@:4}" 2>&1 >out.txt </dev/null)
	status=$?
	said=${said#*system calls are not filtered$'\n'} # a sanitizer's build says so
	[[ $status = "$1" && $said =~ ^reliquary-api:\ .*$2 && $said != *$'\n'* ]]
	ok $? "$3" || note "status $status, want $1"$'\n'"said: $said"$'\n'"like: $2"
}

# admin WORD...: a command on the test's data folder.
admin() {
	reliquary-api --data "$DATA" "$@" </dev/null
}

# ask [CURL OPTION...] PATH: the body; CODE is the status.
ask() {
	CODE=$(curl -sk --max-time 10 -o body.txt -w '%{http_code}' "${@:1:$#-1}" "$API${*: -1}")
	BODY=$(tr -d '\0' <body.txt)
}

# answers STATUS NAME: the last one did.
answers() {
	is "$CODE" "$1" "$2" || note "$BODY"
}

field() {
	jq -r ".$1" <<<"$BODY"
}

# register: ACCOUNT, TOKEN and SHARE are those of a new account.
# shellcheck disable=SC2034 # read by the tests
register() {
	local challenge nonce

	ask /v1/register/challenge
	challenge=$(field challenge)
	nonce=$(reliquary-pow "$challenge" "$(field bits)")
	ask --json "{\"challenge\": \"$challenge\", \"nonce\": \"$nonce\"}" /v1/register
	ACCOUNT=$(field account)
	TOKEN=$(field token)
	SHARE=$(field share_id)
	[ "$CODE" = 201 ]
}

# new_flock: FLOCK is one of the last account.
# shellcheck disable=SC2034
new_flock() {
	ask -H "x-token: $TOKEN" -X POST /v1/flocks
	FLOCK=$(field id)
	[ "$CODE" = 201 ]
}

# upload FLOCK: a new bundle for it.
upload() {
	[ -d "$TREE/$1" ] || reliquary-ambry -C "$TREE" generate "$1" >/dev/null || return 1
	reliquary-ambry -C "$TREE" --force bundle "$1" "$1" 30 "$WORK/bundle" >/dev/null || return 1
	ask -H "x-token: $TOKEN" -T "$WORK/bundle" "/v1/flocks/$1/ambry"
	[ "$CODE" = 200 ]
}

# tls_pair CERT KEY NAME: a certificate for this name and 127.0.0.1 that needs nobody else's word.
tls_pair() {
	printf '%s\n' "cn = $3" "dns_name = $3" "ip_address = 127.0.0.1" tls_www_server signing_key \
		'expiration_days = 3' >tls.template
	certtool --generate-privkey --ecc --outfile "$2" 2>/dev/null >&2 &&
		certtool --generate-self-signed --load-privkey "$2" --template tls.template \
			--outfile "$1" >/dev/null 2>&1
}
