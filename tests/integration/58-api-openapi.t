#!/bin/bash
# SPDX-License-Identifier: ISC
#
# docs/openapi.json: every example of it is sent to real services, every answer of theirs is one that
# it describes, and every one that it describes is seen (openapi.py).
. "$(dirname "$0")/lib.sh"
. "$HERE/api.sh"

command -v reliquary-api >/dev/null || skip_all "reliquary-api is not built"
/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip_all "python3-jsonschema is not installed"

# service NAME PORT OPTION...
service() {
	start "$1" - reliquary-api serve --data "$WORK/$1" --listen "127.0.0.1:$2" --admin off "${@:3}"
	wait_for 10 logged "$1" 'is ready'
	ok $? "a service: ${*:3}"
}

service main 8081 --pow-bits 4 --pow-bits-max 8 --account-flocks 100 --rate-register 1000/minute \
	--rate-wrong-token 1000/minute --rate-login 1000/minute --rate-join 1000/minute
service open 8082 --registration open
service invite 8083 --registration invite
service calm 8084 --rate-request 1/minute --drain-timeout 60s \
	--body-timeout 60s --body-rate 0
echo "${PIDS[calm]}" >calm.pid

"$HERE/openapi.py" "$HERE/../../docs/openapi.json" "$WORK" >found.txt 2>trouble.log
status=$?
while IFS= read -r line; do
	case $line in
	"ok "*) ok 0 "${line#ok }" ;;
	"not ok "*) ok 1 "${line#not ok }" ;;
	*) note "${line#\# }" ;;
	esac
done <found.txt
is "$status" 0 "all of it was gone through"
[ ! -s trouble.log ] || note "$(cat trouble.log)"
between "$TESTS" 500 5000 "which is much"
plan "$TESTS"
