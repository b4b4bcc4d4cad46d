/* SPDX-License-Identifier: ISC */
#include "tests/support/udp4.h"

#include "protocol/wire/cursor.h"

#include <assert.h>

#define PROTOCOL_UDP  17
#define UDP_HEAD      8
#define FRAGMENT_BITS 0x3fff /* more fragments, offset; without "don't fragment" */

/* Where things lie in the packet. */
enum { AT_TTL = 8, AT_IP_SUM = 10, AT_ADDRESSES = 12, UDP_AT_SUM = 6 };

/* Adds len bytes to a one's complement sum; an odd last byte counts as followed by zero. */
static uint32_t
sum_add(uint32_t sum, const uint8_t *data, size_t len)
{
	struct cursor c = cursor_over(data, len);

	while (c.left >= 2) {
		sum += cursor_be16(&c);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (c.left == 1)
		sum += (uint32_t)cursor_u8(&c) << 8;
	return (sum & 0xffff) + (sum >> 16);
}

/* The sum over pseudo header, UDP header and data: 0xffff when the checksum in it is right. */
static uint32_t
udp_sum(const uint8_t *packet, size_t head, size_t len)
{
	uint32_t sum = PROTOCOL_UDP + (uint32_t)(len - head);

	sum = sum_add(sum, packet + AT_ADDRESSES, 8);
	return sum_add(sum, packet + head, len - head);
}

static size_t
head_length(const uint8_t *packet)
{
	return (size_t)(packet[0] & 0x0f) * 4;
}

bool
udp4_read(struct udp4 *ret, const uint8_t *packet, size_t len)
{
	struct cursor c = cursor_over(packet, len);
	struct udp4 u;
	uint16_t total, fragment, udp_length, sum;
	uint8_t version, protocol;

	version = cursor_u8(&c);
	cursor_skip(&c, 1);
	total = cursor_be16(&c);
	cursor_skip(&c, 2);
	fragment = cursor_be16(&c);
	u.ttl = cursor_u8(&c);
	protocol = cursor_u8(&c);
	cursor_skip(&c, 2);
	u.from.ip = cursor_be32(&c);
	u.to.ip = cursor_be32(&c);
	if (version >> 4 != 4 || (version & 0x0f) < 5 || total != len || protocol != PROTOCOL_UDP ||
	    (fragment & FRAGMENT_BITS) != 0)
		return false;

	cursor_skip(&c, (size_t)((version & 0x0f) - 5) * 4);
	u.from.port = cursor_be16(&c);
	u.to.port = cursor_be16(&c);
	udp_length = cursor_be16(&c);
	sum = cursor_be16(&c);
	if (!cursor_ok(&c) || udp_length != c.left + UDP_HEAD)
		return false;

	if (sum_add(0, packet, head_length(packet)) != 0xffff)
		return false;
	if (sum != 0 && udp_sum(packet, head_length(packet), len) != 0xffff)
		return false;
	*ret = u;
	return true;
}

static void
put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void
udp4_write(uint8_t *packet, size_t len, const struct udp4 *as)
{
	size_t head = head_length(packet);
	struct writer addresses = writer_over(packet + AT_ADDRESSES, 8);
	struct writer ports = writer_over(packet + head, 4);
	uint32_t sum;

	assert(len >= head + UDP_HEAD);
	packet[AT_TTL] = as->ttl;
	writer_be32(&addresses, as->from.ip);
	writer_be32(&addresses, as->to.ip);
	writer_be16(&ports, as->from.port);
	writer_be16(&ports, as->to.port);

	put_be16(packet + AT_IP_SUM, 0);
	put_be16(packet + AT_IP_SUM, ~sum_add(0, packet, head));
	put_be16(packet + head + UDP_AT_SUM, 0);
	sum = ~udp_sum(packet, head, len) & 0xffff;
	put_be16(packet + head + UDP_AT_SUM, sum != 0 ? sum : 0xffff);
}
