/* SPDX-License-Identifier: ISC */
#include "cathedral/conf_listen.h"

#include <string.h>

/* What devices are told is four bytes, so it has to be IPv4. */
static bool
advertise_read(struct endpoint *ret, const char *word, struct fault *why)
{
	struct endpoint e;

	if (!endpoint_parse_ip(&e, word) || !endpoint_is_ipv4(&e) || endpoint_is_any(&e))
		return fault_set(why, "\"%s\" is not an IPv4 address that devices can reach", word);
	*ret = e;
	return true;
}

static bool
claims(const struct listener *l, const struct endpoint *ip, uint16_t port)
{
	return port != 0 && endpoint_same_ip(&l->main, ip) &&
	       (l->main.port == port || l->nat_port == port);
}

static bool
check_clash(const struct conf *c, const struct listener *new, struct fault *why)
{
	char text[ENDPOINT_TEXT];

	if (new->nat_port == new->main.port)
		return fault_set(why, "port %u is its main port and its NAT port", new->main.port);
	for (size_t i = 0; i < c->site.listener_count; i++) {
		const struct listener *l = &c->site.listeners[i];

		if (l == new)
			continue;
		if (claims(l, &new->main, new->main.port) || claims(l, &new->main, new->nat_port))
			return fault_set(why, "shares a port with the listener %s",
			    endpoint_format(&l->main, text));
	}
	return true;
}

/* Where devices see it, unless they were told where. */
static bool
complete(struct listener *l, bool advertised, const char *how, struct fault *why)
{
	if (advertised) {
		l->advertised.port = l->main.port;
		return true;
	}
	if (endpoint_is_any(&l->main))
		return fault_set(why,
		    "every address of this host: which one devices are told must be given with %s",
		    how);
	l->advertised = l->main;
	return true;
}

static bool
add(struct conf *c, const struct listener *l, struct fault *why)
{
	if (!check_clash(c, l, why))
		return false;
	if (c->site.listener_count == LISTENERS_MAX)
		return fault_set(why, "more than %d listeners", LISTENERS_MAX);
	c->site.listeners[c->site.listener_count++] = *l;
	return true;
}

/* Everything behind the address; each may stand once. */
struct listen_words {
	bool kind, nat, advertise;
};

static bool
take_kind(struct listener *l, struct listen_words *seen, const char *word, struct fault *why)
{
	if (seen->kind)
		return fault_set(
		    why, "\"%s\", but it is said already whether it is shrouded", word);
	seen->kind = true;
	l->shrouded = strcmp(word, "shroud") == 0;
	return true;
}

/* Takes one thing off the words; returns how many words that were, 0 when it is wrong. */
static size_t
take_listen_word(struct listener *l, struct listen_words *seen, char *const *words, size_t count,
    struct fault *why)
{
	bool nat = strcmp(words[0], "nat") == 0;
	bool advertise = strcmp(words[0], "advertise") == 0;

	if (strcmp(words[0], "clear") == 0 || strcmp(words[0], "shroud") == 0)
		return take_kind(l, seen, words[0], why) ? 1 : 0;
	if (!nat && !advertise) {
		fault_set(why, "\"%s\" is none of nat, clear, shroud and advertise", words[0]);
		return 0;
	}
	if ((nat && seen->nat) || (advertise && seen->advertise)) {
		fault_set(why, "\"%s\" stands twice", words[0]);
		return 0;
	}
	if (count < 2) {
		fault_set(why, "\"%s\" needs a value", words[0]);
		return 0;
	}
	seen->nat |= nat;
	seen->advertise |= advertise;
	if (nat)
		return endpoint_port_read(&l->nat_port, words[1], why) ? 2 : 0;
	return advertise_read(&l->advertised, words[1], why) ? 2 : 0;
}

/* listen ADDRESS:PORT [nat PORT] [clear|shroud] [advertise ADDRESS] */
bool
conf_parse_listen(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct listener l = { .shrouded = true };
	struct listen_words seen = { 0 };

	if (count == 0)
		return fault_set(why, "needs ADDRESS:PORT");
	if (!endpoint_parse(&l.main, words[0]) || l.main.port == 0)
		return fault_set(why, "\"%s\" is not ADDRESS:PORT or [ADDRESS]:PORT", words[0]);
	for (size_t i = 1; i < count;) {
		size_t taken = take_listen_word(&l, &seen, words + i, count - i, why);

		if (taken == 0)
			return false;
		i += taken;
	}
	return complete(&l, seen.advertise, "advertise ADDRESS", why) && add(conf, &l, why);
}

/* local ADDRESS:PORT, or with a blank between */
bool
conf_parse_local(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct conf *c = conf;
	struct listener l = { 0 };
	bool good = false;

	if (count == 1)
		good = endpoint_parse(&l.main, words[0]) && l.main.port != 0;
	else if (count == 2)
		good = endpoint_parse_ip(&l.main, words[0]) &&
		       endpoint_port_read(&l.main.port, words[1], why);
	if (!good)
		return fault_set(
		    why, "is written \"local ADDRESS:PORT\" or \"local ADDRESS PORT\"");

	c->local.present = true;
	c->local.index = c->site.listener_count;
	return add(c, &l, why);
}

bool
conf_parse_shroud(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct conf_local *local = &((struct conf *)conf)->local;

	if (count != 1)
		return fault_set(why, "takes yes or no");
	local->shroud = strcmp(words[0], "yes") == 0 || strcmp(words[0], "on") == 0;
	if (!local->shroud && strcmp(words[0], "no") != 0 && strcmp(words[0], "off") != 0)
		return fault_set(why, "\"%s\" is neither yes nor no", words[0]);
	local->shroud_given = true;
	return true;
}

bool
conf_parse_ip(void *conf, char *const *words, size_t count, struct fault *why)
{
	struct conf_local *local = &((struct conf *)conf)->local;

	if (count != 1)
		return fault_set(why, "takes one address");
	local->advertise_given = true;
	return advertise_read(&local->advertise, words[0], why);
}

static bool
finish_local(struct conf *c, struct fault *why)
{
	struct listener *l = &c->site.listeners[c->local.index];

	l->shrouded = c->local.shroud;
	l->nat_port = (uint16_t)c->local.nat_port;
	l->advertised = c->local.advertise;
	if (!complete(l, c->local.advertise_given, "cathedral_ip ADDRESS", why) ||
	    !check_clash(c, l, why))
		return fault_prefix(why, "local");
	return true;
}

bool
conf_finish_listeners(struct conf *c, struct fault *why)
{
	const char *lost = c->local.shroud_given      ? "shroud"
			   : c->local.nat_port != 0   ? "cathedral_nat_port"
			   : c->local.advertise_given ? "cathedral_ip"
						      : NULL;

	if (c->local.present)
		return finish_local(c, why);
	if (lost != NULL)
		return fault_set(why, "%s: speaks of the local line, but there is none", lost);
	if (c->site.listener_count == 0)
		return fault_set(why, "no listener: a line \"listen ADDRESS:PORT\" is missing");
	return true;
}
