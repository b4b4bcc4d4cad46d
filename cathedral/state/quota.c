/* SPDX-License-Identifier: ISC */
#include "cathedral/state/quota.h"

#include "cathedral/state/table.h"

#include <stdlib.h>

struct quota_key {
	struct flock_id flock; /* base */
	struct device_id device;
	uint32_t zero;
};

struct quota_entry {
	struct quota_key key;
	uint32_t taken;
};

struct quota {
	struct table *table;
	uint32_t limit;
};

struct quota *
quota_create(size_t devices, uint32_t limit, struct random *r)
{
	struct quota *q = calloc(1, sizeof(*q));
	struct table_shape shape = {
		.capacity = devices,
		.entry_size = sizeof(struct quota_entry),
		.key_size = sizeof(struct quota_key),
		.shards = 16,
	};

	if (q == NULL)
		return NULL;
	q->limit = limit;
	q->table = table_create(&shape, hash_key_new(r));
	if (q->table == NULL) {
		free(q);
		return NULL;
	}
	return q;
}

void
quota_destroy(struct quota *q)
{
	if (q == NULL)
		return;
	table_destroy(q->table);
	free(q);
}

static struct quota_key
key_of(struct flock_id flock, struct device_id device)
{
	return (struct quota_key){ .flock = flock_base(flock), .device = device };
}

bool
quota_take(struct quota *q, struct flock_id flock, struct device_id device)
{
	struct quota_key key = key_of(flock, device);
	struct table_shard *s = table_lock(q->table, &key);
	struct quota_entry *e = table_find(s, &key);
	bool ok = false;

	if (e == NULL)
		e = table_insert(s, &key);
	if (e != NULL && e->taken < q->limit) {
		e->taken++;
		ok = true;
	}
	table_unlock(s);
	return ok;
}

void
quota_give_back(struct quota *q, struct flock_id flock, struct device_id device)
{
	struct quota_key key = key_of(flock, device);
	struct table_shard *s = table_lock(q->table, &key);
	struct quota_entry *e = table_find(s, &key);

	if (e != NULL && --e->taken == 0)
		table_remove(s, e);
	table_unlock(s);
}
