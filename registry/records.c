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
