/* SPDX-License-Identifier: ISC */
#include "cathedral/io/handover_says.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
handover_say_with(struct channel *c, enum handover_kind kind, const uint8_t *body, size_t len,
    const int *fds, size_t fd_count)
{
	const struct frame f = { .kind = (uint16_t)kind,
		.version = HANDOVER_VERSION,
		.needed = true,
		.body = body,
		.len = len };

	return channel_send(c, &f, fds, fd_count);
}

bool
handover_say(struct channel *c, enum handover_kind kind, const uint8_t *body, size_t len, int fd)
{
	return handover_say_with(c, kind, body, len, &fd, fd == -1 ? 0 : 1);
}

void
handover_refuse(struct channel *c, const struct fault *why)
{
	if (c->fd != -1)
		handover_say(
		    c, HANDOVER_REFUSED, (const uint8_t *)why->text, strlen(why->text), -1);
}

void
handover_turn_away(int fd, const char *why)
{
	const struct frame f = { .kind = HANDOVER_REFUSED,
		.version = HANDOVER_VERSION,
		.needed = true,
		.body = (const uint8_t *)why,
		.len = strlen(why) };
	uint8_t message[FRAME_HEAD + 128];

	frame_head(message, f.kind, f.version, f.needed, f.len);
	memcpy(message + FRAME_HEAD, f.body, f.len);
	if (write(fd, message, FRAME_HEAD + f.len) == -1)
		(void)why; /* it does not even listen */
	close(fd);
}

void
handover_text(struct cursor *c, char *text, size_t size)
{
	size_t len = c->left < size - 1 ? c->left : size - 1;

	cursor_take(c, text, len);
	text[len] = '\0';
	for (size_t n = 0; n < len; n++) {
		if (text[n] < ' ' || text[n] > '~')
			text[n] = '?';
	}
}

bool
handover_silence(enum channel_got got, struct fault *why)
{
	switch (got) {
	case CHANNEL_END:
		return fault_set(why, "the other cathedral went away");
	case CHANNEL_LATE:
		return fault_set(why, "the other cathedral said nothing in time");
	case CHANNEL_WRONG:
	case CHANNEL_FRAME:
		break;
	}
	return fault_set(why, "the other cathedral said something that is no message");
}

bool
handover_is_fine(const struct channel *c, struct fault *why)
{
	struct cursor body = cursor_over(c->frame.body, c->frame.len);
	char text[200];

	if (c->frame.kind >= HANDOVER_HELLO && c->frame.version != HANDOVER_VERSION)
		return fault_set(why,
		    "the other cathedral speaks version %u of the hand-over, this "
		    "one version %u",
		    c->frame.version, HANDOVER_VERSION);
	if (c->frame.kind != HANDOVER_REFUSED)
		return true;
	handover_text(&body, text, sizeof(text));
	return fault_set(why, "the other cathedral: %s", text);
}

bool
handover_hear(struct channel *c, enum handover_kind kind, int wait_ms, struct fault *why)
{
	enum channel_got got = channel_get(c, wait_ms);

	if (got != CHANNEL_FRAME)
		return handover_silence(got, why);
	if (!handover_is_fine(c, why))
		return false;
	return c->frame.kind == kind ||
	       fault_set(why, "the other cathedral said %u where %u was expected", c->frame.kind,
		   (unsigned)kind);
}
