/* SPDX-License-Identifier: ISC */
#include "protocol/wire/settings.h"

#include "base/hex.h"
#include "protocol/wire/settings_check.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 511
#define WORDS_MAX      8 /* more than any line may have */

struct parser {
	struct settings s;
	bool in_flock; /* between '{' and '}' of the last flock */
	unsigned line;
	struct fault *why;
};

/*
 * The array with room for one more than count: it doubles whenever count is a power of two, so no
 * capacity has to be kept.  NULL, with the array as it was, when memory is out.
 */
static void *
array_room(void *array, size_t count, size_t size)
{
	if (count != 0 && (count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count == 0 ? 1 : 2 * count, size);
}

static bool
flock_read(struct flock_id *ret, const char *word, struct fault *why)
{
	if (!hex_u64(&ret->value, word, UINT64_MAX) || ret->value == 0)
		return fault_set(why, "\"%s\" is not a flock (up to 16 hex digits, not 0)", word);
	if (flock_domain(*ret) != 0)
		return fault_set(
		    why, "flock \"%s\" names a domain: its last two digits must be 00", word);
	return true;
}

static bool
path_read(char ret[static SETTINGS_PATH_MAX], const char *word, struct fault *why)
{
	size_t len = strlen(word);

	if (len >= SETTINGS_PATH_MAX)
		return fault_set(why, "a path of %zu characters, where at most %d fit", len,
		    SETTINGS_PATH_MAX - 1);
	memcpy(ret, word, len + 1);
	return true;
}

/* flock <hex> { */
static bool
line_flock(struct parser *p, char *const *words, size_t count)
{
	struct settings_flock f = { .line = p->line }, *flocks;

	(void)count;
	if (!flock_read(&f.id, words[1], p->why))
		return false;
	if (strcmp(words[2], "{") != 0)
		return fault_set(p->why, "\"%s\" where \"{\" was expected", words[2]);

	flocks = array_room(p->s.flocks, p->s.flock_count, sizeof(*flocks));
	if (flocks == NULL)
		return fault_set(p->why, "out of memory");
	flocks[p->s.flock_count++] = f;
	p->s.flocks = flocks;
	p->in_flock = true;
	return true;
}

/* A flock has 255 KEK numbers, so this search is short. */
static bool
device_is_new(
    const struct settings_flock *f, const struct settings_device *device, struct fault *why)
{
	for (size_t i = 0; i < f->device_count; i++) {
		const struct settings_device *d = &f->devices[i];

		if (d->id.value == device->id.value)
			return fault_set(why, "device %08" PRIx32 " stands on line %u already",
			    d->id.value, d->line);
		if (d->kek_number == device->kek_number)
			return fault_set(why, "KEK number %02x stands on line %u already",
			    d->kek_number, d->line);
	}
	return true;
}

/* allow <id> spi <KEK number> <Mbit/s> */
static bool
line_allow(struct parser *p, char *const *words, size_t count)
{
	struct settings_flock *f = &p->s.flocks[p->s.flock_count - 1];
	struct settings_device d = { .line = p->line }, *devices;
	uint64_t id, kek, mbit;

	(void)count;
	if (!hex_u64(&id, words[1], UINT32_MAX))
		return fault_set(p->why, "\"%s\" is not a device (up to 8 hex digits)", words[1]);
	if (strcmp(words[2], "spi") != 0)
		return fault_set(p->why, "\"%s\" where \"spi\" was expected", words[2]);
	if (!hex_u64(&kek, words[3], KEK_NUMBER_MAX) || kek < KEK_NUMBER_MIN)
		return fault_set(p->why, "\"%s\" is not a KEK number (01 to ff)", words[3]);
	if (!decimal_u64(&mbit, words[4], UINT32_MAX))
		return fault_set(p->why, "\"%s\" is not a number of Mbit/s", words[4]);

	d.id.value = (uint32_t)id;
	d.kek_number = (uint8_t)kek;
	d.mbit = (uint32_t)mbit;
	if (!device_is_new(f, &d, p->why))
		return false;

	devices = array_room(f->devices, f->device_count, sizeof(*devices));
	if (devices == NULL)
		return fault_set(p->why, "out of memory");
	devices[f->device_count++] = d;
	f->devices = devices;
	return true;
}

/* ambry <path> */
static bool
line_ambry(struct parser *p, char *const *words, size_t count)
{
	struct settings_flock *f = &p->s.flocks[p->s.flock_count - 1];

	(void)count;
	if (f->ambry_line != 0)
		return fault_set(p->why, "flock %" PRIx64 " has an ambry on line %u already",
		    f->id.value, f->ambry_line);
	f->ambry_line = p->line;
	return path_read(f->ambry, words[1], p->why);
}

/* } */
static bool
line_close(struct parser *p, char *const *words, size_t count)
{
	(void)words;
	(void)count;
	p->in_flock = false;
	return true;
}

/* xflock <hex> <hex> <path> */
static bool
line_xflock(struct parser *p, char *const *words, size_t count)
{
	struct settings_xflock x = { .line = p->line }, *xflocks;

	(void)count;
	if (!flock_read(&x.a, words[1], p->why) || !flock_read(&x.b, words[2], p->why) ||
	    !path_read(x.ambry, words[3], p->why))
		return false;
	if (flock_equal(x.a, x.b))
		return fault_set(p->why, "xflock of flock %" PRIx64 " with itself", x.a.value);

	xflocks = array_room(p->s.xflocks, p->s.xflock_count, sizeof(*xflocks));
	if (xflocks == NULL)
		return fault_set(p->why, "out of memory");
	xflocks[p->s.xflock_count++] = x;
	p->s.xflocks = xflocks;
	return true;
}

/* [clear <port>] [shroud <port>], in either order */
static bool
peer_listeners_read(struct settings_peer *peer, char *const *words, size_t count, struct fault *why)
{
	for (size_t i = 0; i < count; i += 2) {
		uint16_t *port = strcmp(words[i], "clear") == 0    ? &peer->clear_port
				 : strcmp(words[i], "shroud") == 0 ? &peer->shroud_port
								   : NULL;

		if (port == NULL)
			return fault_set(
			    why, "\"%s\" where \"clear\" or \"shroud\" was expected", words[i]);
		if (*port != 0)
			return fault_set(why, "\"%s\" stands twice on this line", words[i]);
		if (i + 1 == count)
			return fault_set(why, "\"%s\" needs a port", words[i]);
		if (!endpoint_port_read(port, words[i + 1], why))
			return false;
	}
	return true;
}

/* federate <ipv4> <port> [clear <port>] [shroud <port>] */
static bool
line_federate(struct parser *p, char *const *words, size_t count)
{
	struct settings_peer peer = { .line = p->line }, *peers;
	uint8_t ip[4];
	uint16_t port = 0;

	if (inet_pton(AF_INET, words[1], ip) != 1)
		return fault_set(p->why, "\"%s\" is not an IPv4 address", words[1]);
	if (!endpoint_port_read(&port, words[2], p->why) ||
	    !peer_listeners_read(&peer, words + 3, count - 3, p->why))
		return false;
	peer.at = endpoint_from_ipv4(ip, port);
	if (endpoint_is_any(&peer.at))
		return fault_set(p->why, "\"%s\" is not the address of a cathedral", words[1]);

	peers = array_room(p->s.peers, p->s.peer_count, sizeof(*peers));
	if (peers == NULL)
		return fault_set(p->why, "out of memory");
	peers[p->s.peer_count++] = peer;
	p->s.peers = peers;
	return true;
}

static const struct keyword {
	const char *word;
	bool in_flock;
	size_t min, max; /* words on the line, with the keyword */
	const char *usage;
	bool (*read)(struct parser *p, char *const *words, size_t count);
} keywords[] = {
	{ "flock", false, 3, 3, "flock <hex> {", line_flock },
	{ "allow", true, 5, 5, "allow <device hex> spi <KEK number hex> <Mbit/s>", line_allow },
	{ "ambry", true, 2, 2, "ambry <path>", line_ambry },
	{ "}", true, 1, 1, "}", line_close },
	{ "xflock", false, 4, 4, "xflock <hex> <hex> <path>", line_xflock },
	{ "federate", false, 3, 7, "federate <ipv4> <port> [clear <port>] [shroud <port>]",
	    line_federate },
};

static bool
words_read(struct parser *p, char *const *words, size_t count)
{
	const struct keyword *k = keywords;
	const struct keyword *end = keywords + sizeof(keywords) / sizeof(keywords[0]);

	while (k < end && strcmp(k->word, words[0]) != 0)
		k++;
	if (k == end)
		return fault_set(p->why, "unknown word \"%s\"", words[0]);
	if (p->in_flock && !k->in_flock)
		return fault_set(p->why, "\"%s\" inside a flock, which wants \"}\" first", k->word);
	if (!p->in_flock && k->in_flock)
		return fault_set(p->why, "\"%s\" outside of a flock", k->word);
	if (count < k->min || count > k->max)
		return fault_set(p->why, "\"%s\" is written \"%s\"", k->word, k->usage);
	return k->read(p, words, count);
}

/* Words are quoted in faults, and those end up on terminals. */
static bool
is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t' && c != '\r') || c == 0x7f;
}

static bool
line_read(struct parser *p, const char *text, size_t len)
{
	char line[LINE_MAX_BYTES + 1], *words[WORDS_MAX], *rest = line, *word;
	size_t count = 0;

	if (len > LINE_MAX_BYTES)
		return fault_set(
		    p->why, "%zu characters, where at most %d fit", len, LINE_MAX_BYTES);
	for (size_t i = 0; i < len; i++)
		if (is_control(text[i]))
			return fault_set(p->why, "control character %02x", (unsigned char)text[i]);
	memcpy(line, text, len);
	line[len] = '\0';

	while (count < WORDS_MAX && (word = strtok_r(rest, " \t\r", &rest)) != NULL) {
		if (word[0] == '#')
			break;
		words[count++] = word;
	}
	return count == 0 || words_read(p, words, count);
}

static bool
lines_read(struct parser *p, const char *text, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t take = newline != NULL ? (size_t)(newline - text) : len;

		p->line++;
		if (!line_read(p, text, take))
			return fault_prefix(p->why, "line %u", p->line);
		if (newline != NULL)
			take++;
		text += take;
		len -= take;
	}
	if (p->in_flock) {
		fault_set(p->why, "this flock has no \"}\"");
		return fault_prefix(p->why, "line %u", p->s.flocks[p->s.flock_count - 1].line);
	}
	return true;
}

bool
settings_parse(struct settings *ret, const char *text, size_t len, struct fault *why)
{
	struct parser p = { .why = why };

	if (!lines_read(&p, text, len) || !settings_check(&p.s, why)) {
		settings_free(&p.s);
		return false;
	}
	*ret = p.s;
	return true;
}

void
settings_free(struct settings *s)
{
	for (size_t i = 0; i < s->flock_count; i++)
		free(s->flocks[i].devices);
	free(s->flocks);
	free(s->xflocks);
	free(s->peers);
	memset(s, 0, sizeof(*s));
}
