#!/bin/bash
# SPDX-License-Identifier: ISC
# Who may include whom: arrows go one way only (docs/architecture.md).
. "$(dirname "$0")/lib.sh"

# folder: the folders whose headers its files may include; "protocol*" is all of protocol.
map='
base:              base
protocol/wire:     base protocol/wire
protocol/crypto:   base protocol/crypto
protocol:          base protocol*
database:          base protocol/crypto database
registry:          base protocol* database registry
cathedral/state:   base protocol* registry cathedral/state
cathedral/relay:   base protocol* cathedral/state cathedral/relay
cathedral/ops:     base protocol/crypto cathedral/state cathedral/ops
cathedral/io:      base protocol/wire cathedral/state cathedral/relay cathedral/ops cathedral/io
cathedral:         base protocol* registry cathedral*
tools/device:      base protocol* tools/device
tools/control:     base tools/control
tools/common:      base tools/common
reliquary-api/http:     base protocol/crypto reliquary-api/http
reliquary-api/auth:     base protocol/crypto database reliquary-api/auth
reliquary-api/store:    base database reliquary-api/store
reliquary-api/handlers: base protocol* database reliquary-api/http reliquary-api/auth reliquary-api/store reliquary-api/handlers
reliquary-api/service:  base protocol/crypto reliquary-api/http reliquary-api/auth reliquary-api/store reliquary-api/handlers reliquary-api/service
reliquary-api/commands: base protocol* database reliquary-api*
reliquary-api:          base protocol* reliquary-api*
'

# wrong_includes FILE...: prints every include that the map does not allow.
wrong_includes() {
	awk -v map="$map" '
	function allows(rule, header,    at, n, i, folders) {
		n = split(rule, folders, " ")
		for (i = 1; i <= n; i++) {
			at = index(folders[i], "*")
			if (at > 0 && index(header, substr(folders[i], 1, at - 1)) == 1)
				return 1
			if (at == 0 && header == folders[i])
				return 1
		}
		return 0
	}
	BEGIN {
		lines = split(map, rows, "\n")
		for (l = 1; l <= lines; l++) {
			split(rows[l], row, ":")
			rules[row[1]] = row[2]
		}
	}
	FNR == 1 {
		folder = FILENAME
		sub("/[^/]*$", "", folder)
		rule = rules[folder]
		if (rule == "" && folder ~ "^tools/")
			rule = "base protocol* registry tools/device tools/control tools/common " folder
		if (rule == "")
			print FILENAME ": no rule for this folder"
	}
	/^[ \t]*#[ \t]*include[ \t]*"/ {
		split($0, parts, "\"")
		header = parts[2]
		if (!sub("/[^/]*$", "", header))
			print FILENAME ":" FNR ": \"" parts[2] "\" lacks its folder"
		else if (!allows(rule, header))
			print FILENAME ":" FNR ": " folder " must not include " parts[2]
	}' "$@"
}

# uses PATTERN FILE...: where comments are no use.
uses() {
	grep -nE "$1" "${@:2}" /dev/null | grep -vE ':[0-9]+:[[:space:]]*(/?\*|//)'
}

mapfile -t ours < <(files 'base/*.[ch]' 'protocol/*.[ch]' 'registry/*.[ch]' 'database/*.[ch]' 'cathedral/*.[ch]' 'reliquary-api/*.[ch]' 'tools/*.[ch]')
mapfile -t protocol < <(files 'protocol/*.[ch]')

wrong_includes "${ours[@]}" | quiet "every include follows the map"

printf '%s\n' "${ours[@]}" | grep -v '^base/clock\.c$' |
	xargs grep -nE '\b(clock_gettime|gettimeofday|timespec_get|time)\(' |
	quiet "only base/clock.c asks what time it is"

printf '%s\n' "${ours[@]}" | grep -v '^base/random\.c$' |
	xargs grep -nE '\b(randombytes[a-z_]*|getrandom|getentropy|arc4random[a-z_]*|rand|random)\(' |
	quiet "only base/random.c draws randomness"

printf '%s\n' "${ours[@]}" | grep -vE '^(cathedral/io/|tools/cathedral-load/volley\.c$)' |
	xargs grep -nE '\b(recvmmsg|sendmmsg)\(' |
	quiet "only cathedral/io, and what loads it, move batches of packets"

printf '%s\n' "${ours[@]}" | grep -vE '^cathedral/(io|ops)/|^cathedral/[a-z_]*\.[ch]$' |
	xargs grep -n '<event2/' | quiet "only the cathedral's io and ops know of an event loop"

printf '%s\n' "${ours[@]}" | grep -vE '^(database|reliquary-api/store)/' |
	xargs grep -n '<sqlite3\.h>' | quiet "only database and store know of the engine"

printf '%s\n' "${ours[@]}" | grep -v '^reliquary-api/http/' |
	xargs grep -nE '<(microhttpd|gnutls/.*)\.h>' | quiet "only http knows of the HTTP library"

uses '<(fcntl|stdio|time|sys/socket|sys/stat)\.h>|"base/(log|file|clock)\.h"' \
	"${protocol[@]}" | quiet "the protocol does no input, output or logging"

# Each of these is one step in the wrong direction.
wrong() {
	mkdir -p "$scratch/$(dirname "$1")"
	printf '#include <stdio.h>\n#include "%s"\n' "$2" >"$scratch/$1"
	(cd "$scratch" && wrong_includes "$1") | loud "$(dirname "$1") including $2 is noticed"
}
wrong base/x.c protocol/wire/cursor.h
wrong protocol/wire/x.h protocol/crypto/kmac.h
wrong protocol/x.c cathedral/state/tunnels.h
wrong cathedral/state/x.c cathedral/relay/packet.h
wrong cathedral/relay/x.c cathedral/io/batch.h
wrong cathedral/ops/x.c cathedral/relay/pipeline.h
wrong tools/x/y.c cathedral/conf.h
wrong tools/x/y.c tools/z/z.h
wrong tools/x/y.c y.h
wrong reliquary-api/store/x.c reliquary-api/http/reply.h
wrong database/x.c reliquary-api/store/store.h
wrong registry/x.c reliquary-api/store/store.h
wrong cathedral/state/x.c database/sql.h
wrong reliquary-api/http/x.c reliquary-api/store/store.h
wrong reliquary-api/handlers/x.c reliquary-api/service/api.h
wrong elsewhere/x.c base/hex.h

mkdir -p "$scratch/tools/x"
printf '#include "protocol/wire/kind.h"\n#include "tools/x/y.h"\n' >"$scratch/tools/x/y.c"
(cd "$scratch" && wrong_includes tools/x/y.c) | quiet "what the map allows is let through"
finish
