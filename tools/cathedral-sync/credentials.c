/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/credentials.h"

#include "base/file.h"
#include "protocol/crypto/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER    "x-token: "
#define TOKEN_MAX (CREDENTIALS_HEADER - sizeof(HEADER))
#define CA_MAX    (1 << 20)

static bool
is_private(int fd, const char *path, struct fault *why)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return fault_set(why, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fault_set(why, "%s: not a regular file", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fault_set(why,
		    "%s: belongs to user %u, who is neither this program's user nor root", path,
		    (unsigned)st.st_uid);
	if ((st.st_mode & 077) != 0)
		return fault_set(why, "%s: its mode %03o lets others at the token: chmod 400 %s",
		    path, (unsigned)st.st_mode & 0777, path);
	return true;
}

/* The word in the text, with a NUL behind it; blanks around it do not count. */
static bool
find_token(char *text, size_t len, char **ret)
{
	size_t from = strspn(text, " \t\r\n"), count = 0;

	while (isalnum((unsigned char)text[from + count]))
		count++;
	*ret = text + from;
	if (count == 0 || strspn(text + from + count, " \t\r\n") != len - from - count)
		return false;
	text[from + count] = '\0';
	return true;
}

/* text has room for CREDENTIALS_HEADER bytes; *len of them came. */
static bool
read_private(char *text, size_t *len, const char *path, struct fault *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = -1;

	if (fd == -1)
		return fault_set(why, "%s: %s", path, strerror(errno));
	if (is_private(fd, path, why)) {
		n = read(fd, text, CREDENTIALS_HEADER - 1);
		if (n == -1)
			fault_set(why, "%s: %s", path, strerror(errno));
	}
	close(fd);
	*len = n == -1 ? 0 : (size_t)n;
	return n != -1;
}

/* The header line, to be given back with secret_free(); NULL with the reason. */
static char *
read_token(const char *path, struct fault *why)
{
	char *header = secret_alloc(CREDENTIALS_HEADER), *text = secret_alloc(CREDENTIALS_HEADER);
	bool ok = header != NULL && text != NULL;
	size_t len = 0;
	char *token;

	if (!ok)
		fault_set(why, "out of memory");
	ok = ok && read_private(text, &len, path, why);
	if (ok && (!find_token(text, len, &token) || strlen(token) > TOKEN_MAX))
		ok = fault_set(why, "%s: not one word of letters and digits, as tokens are", path);
	if (ok) {
		strcpy(header, HEADER);
		strcat(header, token);
	} else {
		secret_free(header, CREDENTIALS_HEADER);
		header = NULL;
	}
	secret_free(text, CREDENTIALS_HEADER);
	return header;
}

static bool
read_ca(uint8_t **ret, size_t *len, const char *path, struct fault *why)
{
	if (path[0] == '\0')
		return true;
	if (!file_read(ret, len, path, CA_MAX, why))
		return false;
	if (strstr((const char *)*ret, "-----BEGIN CERTIFICATE-----") != NULL)
		return true;
	free(*ret);
	*ret = NULL;
	return fault_set(why, "%s: no certificate (PEM) in it", path);
}

bool
credentials_read(struct credentials *ret, const char *token, const char *ca, struct fault *why)
{
	struct credentials c = { .ca = NULL };

	if (!read_ca(&c.ca, &c.ca_len, ca, why))
		return false;
	c.header = read_token(token, why);
	if (c.header == NULL) {
		free(c.ca);
		return false;
	}
	credentials_free(ret);
	*ret = c;
	return true;
}

void
credentials_free(struct credentials *c)
{
	secret_free(c->header, CREDENTIALS_HEADER);
	free(c->ca);
	*c = (struct credentials){ .ca = NULL };
}
