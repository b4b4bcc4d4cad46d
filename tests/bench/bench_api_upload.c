/* SPDX-License-Identifier: ISC */
/*
 * What an ambry bundle costs the API, whole: received, checked entry by entry, hashed, on disk,
 * noted in the database.  Compared with the same HTTP library that receives as many bytes, writes
 * them to a file on the same disk and waits for it, and does nothing else; they take turns.
 */
#include "base/clock.h"
#include "protocol/wire/bundle.h"
#include "tests/support/estate.h"
#include "tests/support/figure.h"
#include "tests/support/load.h"
#include "tests/support/members.h"
#include "tests/support/served.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MOST 5
#define HEAD_ROOM   320
#define DAYS        30

static unsigned rounds = ROUNDS_MOST, uploads = 100; /* one after the other, in a round */

/* One that follows another must have another generation: they take turns. */
static struct load_request requests[2];

static void
request_write(struct load_request *r, uint32_t generation)
{
	int64_t today = (clock_now().wall_s - AMBRY_EPOCH) / AMBRY_DAY;
	const struct bundle_plan plan = { .first = estate_flock(0),
		.second = estate_flock(0),
		.expires = (uint16_t)(today + DAYS),
		.generation = generation };
	char token[TOKEN_TEXT], *text;
	size_t len;
	uint8_t *bundle = bundle_write(&plan, &len);
	int head;

	text = malloc(HEAD_ROOM + len);
	if (text == NULL)
		bench_give_up("memory");
	estate_token(0, token);
	head = snprintf(text, HEAD_ROOM,
	    "PUT /v1/flocks/%016" PRIx64 "/ambry HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "User-Agent: bench\r\nAccept: */*\r\nx-token: %s\r\n"
	    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n",
	    plan.first.value, token, len);
	memcpy(text + head, bundle, len);
	free(bundle);
	*r = (struct load_request){ text, (size_t)head + len };
}

struct series {
	double cpu_ms[ROUNDS_MOST], rate[ROUNDS_MOST], p50_ms[ROUNDS_MOST], p99_ms[ROUNDS_MOST];
};

static void
upload_some(const struct child *c, struct series *s, unsigned round)
{
	const struct load l = { .at = c->at,
		.connections = 1,
		.requests = requests,
		.count = 2,
		.most = uploads,
		.status = 200 };
	uint64_t before = child_cpu_ns(c);
	struct load_result result;

	load_run_well(&l, &result);
	s->cpu_ms[round] = (double)(child_cpu_ns(c) - before) / 1e6 / uploads;
	s->rate[round] = (double)result.answers / result.seconds;
	s->p50_ms[round] = result.p50_us / 1e3;
	s->p99_ms[round] = result.p99_us / 1e3;
}

/* Ours, and its middle ratio to theirs. */
static void
print(uint32_t flocks, const char *name, const char *unit, double *ours, double *theirs,
    const char *goal)
{
	struct figure f = { .unit = unit, .ratio_to = "receiving alone", .goal = goal };
	double ratio[ROUNDS_MOST];

	for (unsigned i = 0; i < rounds; i++)
		ratio[i] = ours[i] / theirs[i];
	f.value = median(ours, rounds);
	f.ratio = median(ratio, rounds);
	figure_print_of(f, name, flocks, "flocks");
}

static void
report(uint32_t flocks, struct series *ours, struct series *bare)
{
	print(flocks, "upload, CPU", "ms", ours->cpu_ms, bare->cpu_ms, "2.00");
	print(flocks, "uploads by one client", "a second", ours->rate, bare->rate, NULL);
	print(flocks, "upload, p50", "ms", ours->p50_ms, bare->p50_ms, NULL);
	print(flocks, "upload, p99", "ms", ours->p99_ms, bare->p99_ms, NULL);
	figure_print_of((struct figure){ .value = median(bare->cpu_ms, rounds), .unit = "ms" },
	    "received, written, fsynced, CPU", flocks, "flocks");
}

static void
measure(const char *folder, uint32_t flocks)
{
	const struct served_options o = { .folder = folder, .place = CHILD_APART, .threads = 1 };
	struct served served;
	struct child bare;
	struct series ours, theirs;
	struct estate e;

	estate_make(&e, folder, flocks);
	estate_close(&e);
	bare_folder = folder;
	served = served_start(&o);
	bare = child_function(bare_receive, child_free_port(), CHILD_APART);
	bench_stay_apart();
	for (unsigned i = 0; i < rounds; i++) {
		upload_some(&bare, &theirs, i);
		upload_some(&served.child, &ours, i);
	}
	bench_go_anywhere();
	report(flocks, &ours, &theirs);
	child_end(&bare);
	served_end(&served);
}

int
main(void)
{
	const uint32_t sizes[] = { 10, 1000, 100000 };
	size_t count = bench_is_short() ? 1 : 3;

	if (bench_is_short()) {
		rounds = 1;
		uploads = 8;
	}
	for (uint32_t i = 0; i < 2; i++)
		request_write(&requests[i], 7 + i);
	for (size_t i = 0; i < count; i++) {
		char folder[BENCH_FOLDER];

		bench_folder_make(folder);
		measure(folder, sizes[i]);
		bench_folder_remove(folder);
	}
	return EXIT_SUCCESS;
}
