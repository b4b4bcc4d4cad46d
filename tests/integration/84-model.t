#!/bin/bash
# SPDX-License-Identifier: ISC
#
# What arrives at every cathedral is what the service's database says, whatever tenants do and
# whichever of the programs is killed: see model.c.  OPERATIONS=10000 for more of it; TEST_SEED=n
# does the same again, as far as the machine keeps time.
#
# On loopback: the service 127.0.0.1, cathedrals 127.0.1.1, 127.0.2.1, 127.0.3.1
TEST_LIMIT=${TEST_LIMIT:-$((240 + ${OPERATIONS:-3000} / 4))}
. "$(dirname "$0")/lib.sh"

for name in reliquary-api cathedral-sync cathedral test-model; do
	command -v $name >/dev/null || skip_all "$name is not built"
done
plan 1

for name in ${!RELIQUARY_API_*}; do
	unset "$name"
done
# All of it is one user, who need not be able to read the folder of the build.
mkdir scene programs
if [ -n "$REAL_ROOT" ]; then
	cp "$BIN"/{reliquary-api,cathedral-sync,cathedral,test-model} programs/
	PATH=$WORK/programs:$PATH
	chown nobody scene
	AS_USER=(setpriv --reuid nobody --regid nogroup --clear-groups)
fi
said=$(cd scene && "${AS_USER[@]}" test-model 2>&1)
ok $? "every cathedral knows what the database says, and nothing else"
note "$said"
