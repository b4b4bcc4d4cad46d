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

#define ROUNDS_MOST 9
#define FLOCKS      1000
#define HEAD_ROOM   320
#define DAYS        30

static unsigned rounds = 9, uploads = 8;

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
	double cpu_ms[ROUNDS_MOST], p50_ms[ROUNDS_MOST];
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

	if (!load_run(&l, &result) || result.answers != uploads) {
		fprintf(stderr, "%" PRIu64 " of %u uploads succeeded\n", result.answers, uploads);
		exit(EXIT_FAILURE);
	}
	s->cpu_ms[round] = (double)(child_cpu_ns(c) - before) / 1e6 / uploads;
	s->p50_ms[round] = result.p50_us / 1e3;
}

static void
report(struct series *ours, struct series *bare)
{
	double ratio[ROUNDS_MOST];
	struct figure f = { .name = "received, written, fsynced, CPU", .unit = "ms" };

	for (unsigned i = 0; i < rounds; i++)
		ratio[i] = ours->cpu_ms[i] / bare->cpu_ms[i];
	f.value = median(bare->cpu_ms, rounds);
	figure_print(&f);
	f = (struct figure){ .name = "upload, CPU",
		.value = median(ours->cpu_ms, rounds),
		.unit = "ms",
		.ratio = median(ratio, rounds),
		.ratio_to = "that",
		.goal = "2.00" };
	figure_print(&f);
	f = (struct figure){ .name = "received, written, fsynced, until answered", .unit = "ms" };
	f.value = median(bare->p50_ms, rounds);
	figure_print(&f);
	f = (struct figure){ .name = "upload, until answered",
		.value = median(ours->p50_ms, rounds),
		.unit = "ms",
		.ratio = median(ours->p50_ms, rounds) / median(bare->p50_ms, rounds),
		.ratio_to = "that" };
	figure_print(&f);
}

static void
measure(const char *folder)
{
	const struct served_options o = { .folder = folder, .place = CHILD_APART, .threads = 1 };
	struct served served;
	struct child bare;
	struct series ours, theirs;
	struct estate e;

	estate_make(&e, folder, FLOCKS);
	estate_close(&e);
	bare_folder = folder;
	served = served_start(&o);
	bare = child_function(bare_receive, child_free_port(), CHILD_APART);
	bench_stay_apart();
	for (unsigned i = 0; i < rounds; i++) {
		upload_some(&bare, &theirs, i);
		upload_some(&served.child, &ours, i);
	}
	report(&ours, &theirs);
	child_end(&bare);
	served_end(&served);
}

int
main(void)
{
	char folder[BENCH_FOLDER];

	if (bench_is_short()) {
		rounds = 1;
		uploads = 4;
	}
	for (uint32_t i = 0; i < 2; i++)
		request_write(&requests[i], 7 + i);
	bench_folder_make(folder);
	measure(folder);
	bench_folder_remove(folder);
	return EXIT_SUCCESS;
}
