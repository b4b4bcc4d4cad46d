#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The API is killed (SIGKILL) thirty times, while six clients write and upload, as it starts, and in
# the moment in which a bundle has its file but not its row.  What it acknowledged is there each time.
# KILLS=n for more of them; SEED=n repeats requests and moments, as far as the machine keeps time.
# On a real disk (/tmp); loopback only.
. "$(dirname "$0")/lib.sh"
plan 1

for name in ${!RELIQUARY_API_*}; do
	unset "$name"
done
said=$(test-api_killed 2>&1)
ok $? "nothing that was acknowledged is lost, nothing is half there, nothing is left behind"
note "$said"
