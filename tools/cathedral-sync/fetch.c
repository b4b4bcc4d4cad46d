/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/fetch.h"

#include "base/endpoint.h"
#include "tools/cathedral-sync/memory.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_S    10L
#define SLOW_BYTES   1024L /* a second */
#define HEAD_MAX     65536
#define PROTOCOLS    "http,https"
#define CONNECTIONS  2L
#define ALSO_MAX     8
#define KEEP_IDLE_S  10L
#define KEEP_AGAIN_S 3L
#define SILENCE_MS   20000 /* of the other host, when it should say something */

struct fetch_hub {
	CURLM *multi;
	const struct credentials *credentials;
	const char *pin;
};

struct fetch {
	struct fetch_hub *hub;
	CURL *easy;
	struct curl_slist fields[2];
	bool under_way, over;
	CURLcode code;
	char *body;
	size_t len, room, most, head_len;
	const char *refused; /* by us, while it came */
	char error[CURL_ERROR_SIZE];
};

/* ---- URLs ---- */

static bool
has_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(u, part, &text, 0) == CURLUE_OK && text[0] != '\0';

	curl_free(text);
	return has;
}

static bool
has_scheme(CURLU *u)
{
	char *text = NULL;
	bool has = curl_url_get(u, CURLUPART_SCHEME, &text, 0) == CURLUE_OK &&
		   (strcmp(text, "https") == 0 || strcmp(text, "http") == 0);

	curl_free(text);
	return has;
}

bool
fetch_url_check(const char *url, struct fault *why)
{
	CURLU *u = curl_url();
	bool ok;

	if (u == NULL)
		return fault_set(why, "out of memory");
	ok = (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) &&
	     curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
	     has_scheme(u) && has_part(u, CURLUPART_HOST) && !has_part(u, CURLUPART_QUERY) &&
	     !has_part(u, CURLUPART_FRAGMENT);
	curl_url_cleanup(u);
	return ok || fault_set(why, "\"%s\" is not http(s)://HOST[:PORT][/PATH]", url);
}

static bool
host_is_here(const char *host)
{
	char text[ENDPOINT_TEXT];
	size_t len = strlen(host);
	struct endpoint e;

	if (strcmp(host, "localhost") == 0)
		return true;
	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len + 1);
	if (text[0] == '[' && text[len - 1] == ']') {
		memmove(text, text + 1, len - 2);
		text[len - 2] = '\0';
	}
	return endpoint_parse_ip(&e, text) && endpoint_is_loopback(&e);
}

bool
fetch_url_is_here(const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL;
	bool here;

	if (u == NULL)
		return false;
	here = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	       curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK && host_is_here(host);
	curl_free(host);
	curl_url_cleanup(u);
	return here;
}

/* ---- the hub ---- */

struct fetch_hub *
fetch_hub_create(const struct credentials *credentials, const char *pin, struct fault *why)
{
	struct fetch_hub *hub = calloc(1, sizeof(*hub));
	CURLcode code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_take, memory_give_back,
	    memory_resize, memory_copy, memory_take_zeroed);

	if (code != CURLE_OK) {
		free(hub);
		fault_set(why, "libcurl: %s", curl_easy_strerror(code));
		return NULL;
	}
	if (hub != NULL)
		hub->multi = curl_multi_init();
	if (hub == NULL || hub->multi == NULL) {
		free(hub);
		curl_global_cleanup();
		fault_set(why, "out of memory");
		return NULL;
	}
	curl_multi_setopt(hub->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS);
	curl_multi_setopt(hub->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	hub->credentials = credentials;
	hub->pin = pin;
	return hub;
}

void
fetch_hub_destroy(struct fetch_hub *hub)
{
	if (hub == NULL)
		return;
	curl_multi_cleanup(hub->multi);
	free(hub);
	curl_global_cleanup();
}

static void
end(struct fetch *f, CURLcode code)
{
	curl_multi_remove_handle(f->hub->multi, f->easy);
	f->under_way = false;
	f->over = true;
	f->code = code;
}

static void
collect(struct fetch_hub *hub)
{
	struct CURLMsg *message;
	char *fetch;
	int left;

	while ((message = curl_multi_info_read(hub->multi, &left)) != NULL) {
		CURLcode code = message->data.result;

		if (message->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch) == CURLE_OK)
			end((struct fetch *)(void *)fetch, code);
	}
}

void
fetch_hub_wait(struct fetch_hub *hub, struct pollfd *also, size_t count, int timeout_ms)
{
	struct curl_waitfd fds[ALSO_MAX];
	int running;

	count = count < ALSO_MAX ? count : ALSO_MAX;
	for (size_t i = 0; i < count; i++) {
		fds[i] = (struct curl_waitfd){ .fd = also[i].fd };
		fds[i].events |= (also[i].events & POLLIN) != 0 ? CURL_WAIT_POLLIN : 0;
		fds[i].events |= (also[i].events & POLLOUT) != 0 ? CURL_WAIT_POLLOUT : 0;
	}
	curl_multi_poll(hub->multi, fds, (unsigned)count, timeout_ms, NULL);
	for (size_t i = 0; i < count; i++)
		also[i].revents = fds[i].revents;
	curl_multi_perform(hub->multi, &running);
	collect(hub);
}

/* ---- one at a time ---- */

/*
 * A line that swallows everything is given up soon, be it while the service may hold back its
 * answer (then only the probes of keepalive go there) or while the question itself finds no way.
 * Where this is not to be had, it takes as long as the answer may take.
 */
static int
on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	const unsigned silence_ms = SILENCE_MS;

	(void)arg;
	(void)purpose;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms, sizeof(silence_ms));
	return CURL_SOCKOPT_OK;
}

/* Never a redirect: the token is for the service that was named, and for no other. */
static bool
set_up(struct fetch *f)
{
	CURL *e = f->easy;

	return curl_easy_setopt(e, CURLOPT_PRIVATE, f) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->error) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, PROTOCOLS) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_USERAGENT, "cathedral-sync/" VERSION) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, KEEP_IDLE_S) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, KEEP_AGAIN_S) == CURLE_OK;
}

/* With certificates of its own, those of the system are not trusted. */
static bool
set_up_tls(struct fetch *f)
{
	const struct credentials *c = f->hub->credentials;
	CURL *e = f->easy;
	struct curl_blob ca = { c->ca, c->ca_len, CURL_BLOB_NOCOPY };

	if (curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK)
		return false;
	if (c->ca != NULL && (curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &ca) != CURLE_OK ||
				 curl_easy_setopt(e, CURLOPT_CAPATH, NULL) != CURLE_OK))
		return false;
	return f->hub->pin[0] == '\0' ||
	       curl_easy_setopt(e, CURLOPT_PINNEDPUBLICKEY, f->hub->pin) == CURLE_OK;
}

static bool
make_room(struct fetch *f, size_t more)
{
	size_t room = f->room == 0 ? 16384 : f->room;
	char *body;

	while (room <= f->len + more)
		room *= 2;
	if (room == f->room)
		return true;
	body = memory_resize(f->body, room);
	if (body == NULL)
		return false;
	f->body = body;
	f->room = room;
	return true;
}

static size_t
on_body(char *data, size_t one, size_t count, void *arg)
{
	struct fetch *f = arg;
	size_t len = one * count;

	if (len > f->most - f->len)
		f->refused = "the answer is longer than it may be";
	else if (!make_room(f, len))
		f->refused = "out of memory";
	if (f->refused != NULL)
		return 0;
	memcpy(f->body + f->len, data, len);
	f->len += len;
	f->body[f->len] = '\0';
	return len;
}

static size_t
on_head(char *data, size_t one, size_t count, void *arg)
{
	struct fetch *f = arg;
	size_t len = one * count;

	(void)data;
	f->head_len += len;
	if (f->head_len <= HEAD_MAX)
		return len;
	f->refused = "the head of the answer is longer than it may be";
	return 0;
}

static bool
set_up_callbacks(struct fetch *f)
{
	CURL *e = f->easy;

	return curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEDATA, f) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HEADERDATA, f) == CURLE_OK;
}

struct fetch *
fetch_create(struct fetch_hub *hub)
{
	static char json[] = "Content-Type: application/json";
	struct fetch *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->hub = hub;
	f->easy = curl_easy_init();
	/* Where libcurl reads them, so that there is no copy of the token to wipe. */
	f->fields[0].data = hub->credentials->header;
	f->fields[1].data = json;
	if (f->easy != NULL && set_up(f) && set_up_tls(f) && set_up_callbacks(f))
		return f;
	fetch_destroy(f);
	return NULL;
}

void
fetch_destroy(struct fetch *f)
{
	if (f == NULL)
		return;
	if (f->easy != NULL) {
		fetch_cancel(f);
		curl_easy_cleanup(f->easy);
	}
	fetch_forget(f);
	free(f);
}

void
fetch_cancel(struct fetch *f)
{
	if (f->under_way)
		end(f, CURLE_ABORTED_BY_CALLBACK);
	f->over = false;
}

bool
fetch_is_under_way(const struct fetch *f)
{
	return f->under_way;
}

char *
fetch_body(struct fetch *f)
{
	return f->body;
}

void
fetch_forget(struct fetch *f)
{
	memory_give_back(f->body);
	f->body = NULL;
	f->len = 0;
	f->room = 0;
}

static bool
set_request(struct fetch *f, const struct fetch_request *rq)
{
	CURL *e = f->easy;

	f->fields[0].next = rq->body != NULL ? &f->fields[1] : NULL;
	if (curl_easy_setopt(e, CURLOPT_URL, rq->url) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_HTTPHEADER, &f->fields[0]) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)rq->quiet_s) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)rq->whole_s) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)rq->most) != CURLE_OK)
		return false;
	if (rq->body == NULL)
		return curl_easy_setopt(e, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	return curl_easy_setopt(e, CURLOPT_POSTFIELDS, rq->body) == CURLE_OK;
}

bool
fetch_begin(struct fetch *f, const struct fetch_request *rq, struct fault *why)
{
	fetch_cancel(f);
	fetch_forget(f);
	f->most = rq->most;
	f->head_len = 0;
	f->refused = NULL;
	f->error[0] = '\0';
	if (!set_request(f, rq) || curl_multi_add_handle(f->hub->multi, f->easy) != CURLM_OK)
		return fault_set(why, "libcurl does not take the request");
	f->under_way = true; /* from the next fetch_hub_wait() on */
	return true;
}

bool
fetch_take(struct fetch *f, struct fetch_answer *ret)
{
	curl_off_t retry_after = 0;
	long status = 0;

	if (!f->over)
		return false;
	f->over = false;
	*ret = (struct fetch_answer){ .body = f->body != NULL ? f->body : "", .len = f->len };
	if (f->refused != NULL) {
		fault_set(&ret->why, "%s", f->refused);
	} else if (f->code != CURLE_OK) {
		fault_set(
		    &ret->why, "%s", f->error[0] != '\0' ? f->error : curl_easy_strerror(f->code));
	} else if (curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK) {
		ret->status = status > 0 ? (unsigned)status : 0;
		curl_easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &retry_after);
		ret->retry_after_s = retry_after > 0 ? (uint64_t)retry_after : 0;
	}
	if (ret->status == 0 && ret->why.text[0] == '\0')
		fault_set(&ret->why, "that was no HTTP");
	return true;
}

bool
fetch_is_away(const struct fetch_answer *a)
{
	return (a->status == 0 && a->len == 0) || a->status == 502 || a->status == 504;
}
