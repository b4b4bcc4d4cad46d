/* SPDX-License-Identifier: ISC */
#include "registry/records.h"

#include "protocol/crypto/secret.h"

#include <stdlib.h>

void
record_flock_free(struct record_flock *f)
{
	if (f->devices != NULL)
		secret_wipe(f->devices, f->device_count * sizeof(f->devices[0]));
	free(f->devices);
	free(f->slice.bytes);
	*f = (struct record_flock){ .device_count = 0 };
}

void
record_xflock_free(struct record_xflock *x)
{
	free(x->slice.bytes);
	*x = (struct record_xflock){ .slice.len = 0 };
}

void
record_page_free(struct record_page *p)
{
	for (size_t i = 0; i < p->flock_count; i++)
		record_flock_free(&p->flocks[i]);
	for (size_t i = 0; i < p->xflock_count; i++)
		record_xflock_free(&p->xflocks[i]);
	free(p->fleet);
	free(p->flocks);
	free(p->xflocks);
	free(p->flocks_gone);
	free(p->xflocks_gone);
	*p = (struct record_page){ .more = false };
}
