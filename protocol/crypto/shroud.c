/* SPDX-License-Identifier: ISC */
#include "protocol/crypto/shroud.h"

#define PADDING_MARK 0xff

struct kmac_job
shroud_job(const struct kmac_prefix *mask, const uint8_t *header, uint8_t *body, size_t len)
{
	kmac_prefix_fetch(mask);
	return (struct kmac_job){
		.prefix = mask,
		.input = header,
		.input_len = SHROUD_HEADER_SIZE,
		.out = body,
		.out_len = len,
	};
}

size_t
shroud_unpadded(const uint8_t *body, size_t len)
{
	size_t end = len;

	while (end > 0 && body[end - 1] == 0)
		end--;
	if (end > 0 && body[end - 1] == PADDING_MARK)
		return end - 1;
	return len; /* from a device older than the padding: all of it is the packet */
}

size_t
shroud_padding(struct random *r, size_t packet_len, size_t limit)
{
	size_t used = SHROUD_HEADER_SIZE + packet_len + 1;

	if (used >= limit)
		return 0;
	return random_below(r, (uint32_t)(limit - used));
}
