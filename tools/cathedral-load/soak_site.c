/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/soak_site.h"

#include "base/clock.h"
#include "base/file.h"
#include "tools/cathedral-load/child.h"
#include "tools/cathedral-load/enlist.h"
#include "tools/control/ask.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARTS      10 /* one flock in so many changes */
#define GOODBYE_NS (10 * NS_PER_S)
#define PATH_SIZE  4096

static const char *const names[POSTS] = { "near", "far" };

static bool
make_folder(struct soak_site *s, struct fault *why)
{
	const char *where = getenv("TMPDIR");

	if (where == NULL || where[0] != '/')
		where = "/tmp";
	if (snprintf(s->folder, sizeof(s->folder), "%s/cathedral-load-XXXXXX", where) >=
	    (int)sizeof(s->folder)) {
		s->folder[0] = '\0';
		return fault_set(why, "TMPDIR: the name is too long for sockets in it");
	}
	if (mkdtemp(s->folder) == NULL) {
		fault_set(why, "%s: %s", s->folder, strerror(errno));
		s->folder[0] = '\0';
		return false;
	}
	/* What is in it has its own bounds; whom the cathedrals become must pass. */
	return chmod(s->folder, 0711) == 0 || fault_set(why, "%s: %s", s->folder, strerror(errno));
}

/* A port of the loopback that nobody has. */
static bool
free_port(struct endpoint *ret, struct fault *why)
{
	const struct endpoint any = endpoint_from_ipv4((const uint8_t[]){ 127, 0, 0, 1 }, 0);
	struct sockaddr_storage at;
	socklen_t len = endpoint_to_sockaddr(&any, &at);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd != -1 && bind(fd, (struct sockaddr *)&at, len) == 0 &&
		  getsockname(fd, (struct sockaddr *)&at, &len) == 0 &&
		  endpoint_from_sockaddr(ret, &at);

	if (!ok)
		fault_set(why, "a port to listen at: %s", strerror(errno));
	if (fd != -1)
		close(fd);
	return ok;
}

static bool
share_secret(const struct soak_site *s, struct fault *why)
{
	char from[PATH_SIZE], to[PATH_SIZE];
	uint8_t secret[32];
	struct stat st;
	bool ok;

	snprintf(from, sizeof(from), "%s/federation.key", s->posts[POST_NEAR].folder);
	snprintf(to, sizeof(to), "%s/federation.key", s->posts[POST_FAR].folder);
	ok = file_read_exact(secret, sizeof(secret), from, why) &&
	     file_replace(to, 0400, secret, sizeof(secret), why);
	explicit_bzero(secret, sizeof(secret));
	if (!ok)
		return false;
	return (stat(from, &st) == 0 && chown(to, st.st_uid, st.st_gid) == 0) ||
	       fault_set(why, "%s: %s", to, strerror(errno));
}

static bool
make_post(struct soak_site *s, enum soak_post_name n, const struct soak_wish *wish,
    struct random *random, struct fault *why)
{
	struct soak_post *p = &s->posts[n];
	char lines[256], folder[SITE_PATH];
	struct enlist_where where = { .workers = wish->workers, .user = wish->user };

	p->name = names[n];
	memcpy(folder, s->folder, sizeof(folder)); /* both are of one struct */
	snprintf(p->folder, sizeof(p->folder), "%s/%s", folder, p->name);
	snprintf(p->control, sizeof(p->control), "%s/%s/control", folder, p->name);
	if (!free_port(&p->shroud_at, why) || !free_port(&p->clear_at, why))
		return false;
	snprintf(lines, sizeof(lines), "control %s\n", p->control);
	where.shroud_at = p->shroud_at;
	where.clear_at = p->clear_at;
	where.far_at = wish->seen[n];
	where.lines = lines;
	return enlist_all(p->folder, wish->roster, &where, random, why);
}

static bool
start(struct soak_site *s, enum soak_post_name n, bool takes_over, struct fault *why)
{
	struct soak_post *p = &s->posts[n];
	const struct child_wish wish = { s->program, p->folder, "cathedral", CHILD_ANY_CPU,
		takes_over };
	pid_t pid = child_cathedral(&wish, why);

	if (pid != 0)
		p->pid = pid;
	return pid != 0;
}

bool
soak_site_open(
    struct soak_site *s, const struct soak_wish *wish, struct random *random, struct fault *why)
{
	*s = (struct soak_site){ .program = wish->program };
	if (!make_folder(s, why))
		return false;
	for (int n = 0; n < POSTS; n++) {
		if (!make_post(s, (enum soak_post_name)n, wish, random, why))
			return false;
	}
	return share_secret(s, why) && start(s, POST_NEAR, false, why) &&
	       start(s, POST_FAR, false, why);
}

bool
soak_site_reload(struct soak_site *s, enum soak_post_name n, const struct roster *r,
    struct random *random, struct fault *why)
{
	struct soak_post *p = &s->posts[n];
	uint64_t flocks = r->flocks / PARTS > 0 ? r->flocks / PARTS : 1;
	uint8_t extra = p->reloads % 2 == 0 ? (uint8_t)(r->devices + 1) : 0;
	size_t len;
	char *text;

	if (!enlist_change(p->folder, r, flocks, extra, random, why))
		return false;
	p->reloads++;
	if (p->reloads % 3 == 0) /* it looks once a second */
		return true;
	if (p->reloads % 3 == 1)
		return kill(p->pid, SIGHUP) == 0 ||
		       fault_set(why, "SIGHUP to %s: %s", p->name, strerror(errno));
	text = control_ask(p->control, "reload", &len, why);
	free(text);
	return text != NULL;
}

bool
soak_site_take_over(struct soak_site *s, enum soak_post_name n, struct fault *why)
{
	struct soak_post *p = &s->posts[n];
	pid_t before = p->pid;

	if (!start(s, n, true, why))
		return fault_prefix(why, "taking over from %s", p->name);
	p->takeovers++;
	return child_await(before, GOODBYE_NS) || fault_set(why,
						      "%s did not end well when another took over; "
						      "%s/cathedral.log.before may say why",
						      p->name, p->folder);
}

bool
soak_site_lives(const struct soak_site *s, struct fault *why)
{
	for (int n = 0; n < POSTS; n++) {
		if (child_is_gone(s->posts[n].pid))
			return fault_set(why, "%s has ended; %s/cathedral.log says why",
			    s->posts[n].name, s->posts[n].folder);
	}
	return true;
}

bool
soak_site_end(struct soak_site *s, struct fault *why)
{
	bool well = true;

	for (int n = 0; n < POSTS; n++) {
		struct soak_post *p = &s->posts[n];

		if (!child_finish(p->pid)) {
			fault_set(why, "%s did not end well; %s/cathedral.log may say why", p->name,
			    p->folder);
			well = false;
		}
		p->pid = 0;
	}
	return well;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

void
soak_site_remove(struct soak_site *s)
{
	if (s->folder[0] != '\0')
		(void)nftw(s->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	s->folder[0] = '\0';
}
