/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/credentials.h"

#include "base/file.h"
#include "base/private.h"
#include "protocol/crypto/secret.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HEADER    "x-token: "
#define TOKEN_MAX (CREDENTIALS_HEADER - sizeof(HEADER))
#define TEXT_MAX  (CREDENTIALS_HEADER - 1)
#define CA_MAX    (1 << 20)

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

/* The header line, to be given back with secret_free(); NULL with the reason. */
static char *
read_token(const char *path, struct fault *why)
{
	char *header = secret_alloc(CREDENTIALS_HEADER), *text = secret_alloc(CREDENTIALS_HEADER);
	ssize_t len = -1;
	char *token = text;
	bool ok;

	if (header == NULL || text == NULL)
		fault_set(why, "out of memory");
	else
		len = private_read(text, TEXT_MAX, path, "token", why);
	ok = len != -1;
	if (ok &&
	    (len > TEXT_MAX || !find_token(text, (size_t)len, &token) || strlen(token) > TOKEN_MAX))
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
