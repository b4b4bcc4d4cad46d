/* SPDX-License-Identifier: ISC */
#include "base/fault.h"
#include "base/hex.h"
#include "tools/reliquary-pow/search.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More would take longer than anybody lives, whatever the machine. */
#define BITS_MAX      64
#define CHALLENGE_MAX 1024

static const char usage[] =
    "usage: reliquary-pow [-j THREADS] CHALLENGE BITS\n"
    "       reliquary-pow --help | --version\n"
    "\n"
    "Prints a nonce for which BLAKE2b-256 of CHALLENGE with the nonce behind it begins\n"
    "with BITS zero bits: the proof of work that a registration takes.\n"
    "\n"
    "  -j, --threads THREADS  search with so many instead of one for each CPU\n"
    "  -h, --help             print this\n"
    "  -V, --version          print the version\n";

static int __attribute__((format(printf, 2, 3))) refuse(int status, const char *format, ...)
{
	struct fault why;
	va_list args;

	va_start(args, format);
	vsnprintf(why.text, sizeof(why.text), format, args);
	va_end(args);
	fprintf(stderr, "reliquary-pow: %s\n", why.text);
	return status;
}

static unsigned
count_cpus(void)
{
	cpu_set_t cpus;
	int count;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == -1)
		return 1;
	count = CPU_COUNT(&cpus);
	if (count > SEARCH_THREADS_MAX)
		return SEARCH_THREADS_MAX;
	return count < 1 ? 1 : (unsigned)count;
}

/* One line, written over itself.  How long it takes is luck: half of all need less than 70 %. */
static void
show(const struct search *s, uint64_t tries, double seconds)
{
	double million = (double)tries / 1e6, expected = 1;

	for (unsigned n = 0; n < s->bits; n++)
		expected *= 2;
	fprintf(stderr,
	    "\rproof of work: %.1f million tries, %.1f on average, %.1f a second \033[K", million,
	    expected / 1e6, million / seconds);
}

static bool
plausible(const char *challenge)
{
	size_t len = strlen(challenge);

	for (size_t i = 0; i < len; i++) {
		if (challenge[i] <= 0x20 || challenge[i] > 0x7e)
			return false;
	}
	return len >= 1 && len <= CHALLENGE_MAX;
}

static int
solve(struct search *s, char *const *words)
{
	char nonce[SEARCH_NONCE];
	struct fault why;
	uint64_t bits;

	if (!plausible(words[0]))
		return refuse(2, "a challenge is 1 to %d printable characters", CHALLENGE_MAX);
	if (!decimal_u64(&bits, words[1], BITS_MAX))
		return refuse(2, "%s: not a number of bits, 0 to %d", words[1], BITS_MAX);
	s->challenge = words[0];
	s->bits = (unsigned)bits;
	if (isatty(STDERR_FILENO))
		s->progress = show;
	if (!search_run(s, nonce, &why))
		return refuse(EXIT_FAILURE, "%s", why.text);
	if (s->progress != NULL)
		fputs("\r\033[K", stderr);
	if (puts(nonce) == EOF || fflush(stdout) == EOF)
		return refuse(EXIT_FAILURE, "standard output: %s", strerror(errno));
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "threads", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct search s = { .threads = count_cpus() };
	uint64_t threads;
	int option;

	while ((option = getopt_long(argc, argv, "j:hV", names, NULL)) != -1) {
		if (option == 'h')
			return fputs(usage, stdout) == EOF;
		if (option == 'V')
			return puts("reliquary-pow " VERSION) == EOF;
		if (option != 'j')
			return fputs(usage, stderr), 2;
		if (!decimal_u64(&threads, optarg, SEARCH_THREADS_MAX) || threads == 0)
			return refuse(
			    2, "%s: not a number of threads, 1 to %d", optarg, SEARCH_THREADS_MAX);
		s.threads = (unsigned)threads;
	}
	if (argc - optind != 2)
		return fputs(usage, stderr), 2;
	if (sodium_init() == -1)
		return refuse(EXIT_FAILURE, "libsodium does not work here");
	return solve(&s, argv + optind);
}
