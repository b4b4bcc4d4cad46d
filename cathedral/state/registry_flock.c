/* SPDX-License-Identifier: ISC */
/* The parts of a registry: flocks, pairs of flocks, and the slices of bundles they keep. */
#include "cathedral/state/registry.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct shroud_order
shroud_order(struct registry_shroud *ret, const struct registry_flock *own, size_t device,
    const struct registry_flock *other)
{
	const struct registry_device *d = &own->devices[device];

	return (
	    struct shroud_order){ &d->cs, own->id, other->id, d->id, &ret->mask, &ret->identity };
}

static int
by_id(const void *a, const void *b)
{
	const struct registry_device *x = a, *y = b;

	return (x->id.value > y->id.value) - (x->id.value < y->id.value);
}

/* Where its devices begin. */
static size_t
devices_at(size_t kek_end)
{
	size_t align = _Alignof(struct registry_device);

	return (sizeof(struct registry_flock) + kek_end + align - 1) & ~(align - 1);
}

static size_t
flock_bytes(size_t devices, size_t kek_end)
{
	return devices_at(kek_end) + devices * sizeof(struct registry_device);
}

static size_t
kek_end_of(const struct registry_spec_device *devices, size_t count)
{
	size_t end = 1;

	for (size_t n = 0; n < count; n++) {
		if (devices[n].kek_number >= end)
			end = devices[n].kek_number + 1u;
	}
	return end;
}

static bool
flock_index(struct registry_flock *f)
{
	for (size_t n = 0; n < f->device_count; n++) {
		const struct registry_device *d = &f->devices[n];

		if (d->kek_number == 0 || f->by_kek[d->kek_number] != 0 ||
		    (n > 0 && d->id.value == f->devices[n - 1].id.value))
			return false;
		f->by_kek[d->kek_number] = (uint8_t)(n + 1);
	}
	return true;
}

struct registry_flock *
registry_flock_create(struct flock_id id, const struct registry_spec_device *devices, size_t count)
{
	struct shroud_order orders[KEK_NUMBER_MAX];
	struct registry_flock *f;
	size_t kek_end;

	if (count > KEK_NUMBER_MAX)
		return NULL;
	kek_end = kek_end_of(devices, count);
	f = secret_alloc(flock_bytes(count, kek_end));
	if (f == NULL)
		return NULL;
	f->id = flock_base(id);
	f->references = 1;
	f->device_count = (unsigned)count;
	f->kek_end = kek_end;
	f->devices = (void *)((uint8_t *)f + devices_at(kek_end));
	for (size_t n = 0; n < count; n++) {
		f->devices[n].id = devices[n].id;
		f->devices[n].kek_number = devices[n].kek_number;
		f->devices[n].mbit = devices[n].mbit;
		f->devices[n].cs = devices[n].cs;
		f->devices[n].cosk = devices[n].cosk;
	}
	qsort(f->devices, count, sizeof(f->devices[0]), by_id);
	if (!flock_index(f)) {
		registry_flock_release(f);
		return NULL;
	}
	for (size_t n = 0; n < count; n++)
		orders[n] = shroud_order(&f->devices[n].shroud, f, n, f);
	shroud_prefixes(orders, count);
	return f;
}

static bool
same_device(const struct registry_device *a, const struct registry_device *b)
{
	return a->id.value == b->id.value && a->kek_number == b->kek_number && a->mbit == b->mbit &&
	       secret_equal(&a->cs, &b->cs, sizeof(a->cs)) &&
	       secret_equal(&a->cosk, &b->cosk, sizeof(a->cosk));
}

bool
registry_flock_same_devices(const struct registry_flock *a, const struct registry_flock *b)
{
	if (a->device_count != b->device_count)
		return false;
	for (size_t n = 0; n < a->device_count; n++) {
		if (!same_device(&a->devices[n], &b->devices[n]))
			return false;
	}
	return true;
}

void
registry_flock_release(struct registry_flock *f)
{
	if (f == NULL || --f->references > 0)
		return;
	free(f->ambries.bytes);
	free(f->ambries.file);
	secret_free(f, flock_bytes(f->device_count, f->kek_end));
}

static struct kek_set
kek_numbers(const struct registry_flock *f)
{
	struct kek_set set = { 0 };

	for (size_t n = 0; n < f->device_count; n++)
		kek_set_add(&set, f->devices[n].kek_number);
	return set;
}

/* Keeps of a whole bundle what is between the numbers of its two flocks. */
static bool
ambries_cut(struct registry_ambries *ret, const struct bundle *whole, const struct kek_set *in_a,
    const struct kek_set *in_b, struct fault *why)
{
	size_t size = bundle_size(flock_equal(whole->a, whole->b), in_a, in_b);
	uint8_t *bytes = malloc(size);
	struct bundle slice;

	if (bytes == NULL)
		return fault_set(why, "out of memory");
	if (bundle_slice(whole, in_a, in_b, bytes, size) != size ||
	    !bundle_parse(&slice, bytes, size, whole->a, whole->b, in_a, in_b, why)) {
		free(bytes);
		return false;
	}
	/* An empty slice does not show which flock the file names first. */
	slice.b_first = whole->b_first;
	free(ret->bytes);
	ret->present = true;
	ret->bundle = slice;
	ret->bytes = bytes;
	ret->size = size;
	return true;
}

bool
registry_ambries_take(struct registry_ambries *a, uint8_t *bytes, size_t len,
    const struct bundle *between, struct fault *why)
{
	struct bundle slice;

	if (!bundle_parse(
		&slice, bytes, len, between->a, between->b, &between->in_a, &between->in_b, why))
		return false;
	free(a->bytes);
	a->present = true;
	a->bundle = slice;
	a->bytes = bytes;
	a->size = len;
	return true;
}

void
registry_ambries_on_disk(struct registry_ambries *a, const char *path, const struct file_mark *mark)
{
	size_t len = strlen(path) + 1;
	struct bundle_file *file = malloc(sizeof(*file) + len);

	free(a->file);
	a->file = file;
	if (file == NULL)
		return;
	file->mark = *mark;
	memcpy(file->path, path, len);
}

bool
registry_ambries_copy(struct registry_ambries *ret, const struct registry_ambries *from)
{
	uint8_t *bytes = NULL;

	if (from->present) {
		bytes = malloc(from->size);
		if (bytes == NULL)
			return false;
		memcpy(bytes, from->bytes, from->size);
	}
	free(ret->bytes);
	*ret = (struct registry_ambries){
		.present = from->present,
		.bundle = from->bundle,
		.bytes = bytes,
		.size = from->size,
	};
	if (bytes != NULL)
		ret->bundle.entries = bytes + (from->bundle.entries - from->bytes);
	return true;
}

bool
registry_flock_set_ambries(
    struct registry_flock *f, const uint8_t *bundle, size_t len, struct fault *why)
{
	struct kek_set numbers = kek_numbers(f);
	struct bundle whole;

	if (!bundle_parse_whole(&whole, bundle, len, f->id, f->id, why))
		return false;
	return ambries_cut(&f->ambries, &whole, &numbers, &numbers, why);
}

static size_t
xflock_shroud_bytes(const struct registry_xflock *x)
{
	/* Never nothing: two flocks without devices may be a pair as well. */
	return (x->a->device_count + x->b->device_count + 1) * sizeof(struct registry_shroud);
}

struct registry_xflock *
registry_xflock_create(struct registry_flock *x, struct registry_flock *y)
{
	struct registry_xflock *ret = calloc(1, sizeof(*ret));
	struct shroud_order orders[2 * KEK_NUMBER_MAX];
	struct registry_shroud *shroud;
	size_t count = 0;

	if (ret == NULL)
		return NULL;
	ret->a = x->id.value < y->id.value ? x : y;
	ret->b = ret->a == x ? y : x;
	ret->references = 1;
	ret->shrouds = shroud = secret_alloc(xflock_shroud_bytes(ret));
	if (shroud == NULL) {
		free(ret);
		return NULL;
	}
	ret->a->references++;
	ret->b->references++;
	for (size_t n = 0; n < ret->a->device_count; n++)
		orders[count++] = shroud_order(shroud++, ret->a, n, ret->b);
	for (size_t n = 0; n < ret->b->device_count; n++)
		orders[count++] = shroud_order(shroud++, ret->b, n, ret->a);
	shroud_prefixes(orders, count);
	return ret;
}

void
registry_xflock_release(struct registry_xflock *x)
{
	if (x == NULL || --x->references > 0)
		return;
	secret_free(x->shrouds, xflock_shroud_bytes(x));
	registry_flock_release(x->a);
	registry_flock_release(x->b);
	free(x->ambries.bytes);
	free(x->ambries.file);
	free(x);
}

bool
registry_xflock_set_ambries(
    struct registry_xflock *x, const uint8_t *bundle, size_t len, struct fault *why)
{
	struct kek_set of_a = kek_numbers(x->a), of_b = kek_numbers(x->b);
	struct bundle whole;

	if (!bundle_parse_whole(&whole, bundle, len, x->a->id, x->b->id, why))
		return false;
	return ambries_cut(&x->ambries, &whole, &of_a, &of_b, why);
}

enum registry_ambry
registry_find_ambry(const struct registry_ambries *a, struct flock_id flock,
    struct tunnel_id tunnel, struct bundle_entry *ret)
{
	struct bundle whole = a->bundle;
	size_t place;

	if (!a->present)
		return REGISTRY_NOWHERE;
	if (bundle_find(&a->bundle, flock, tunnel, ret))
		return REGISTRY_HERE;
	whole.in_a = whole.in_b = kek_set_all();
	if (a->file == NULL || !bundle_place(&whole, flock_base(flock), tunnel, &place))
		return REGISTRY_NOWHERE;
	return REGISTRY_ON_DISK;
}

static bool
read_at(int fd, void *out, size_t len, size_t at)
{
	return pread(fd, out, len, (off_t)at) == (ssize_t)len;
}

/* The file may have been replaced since it was validated: only what fits the head kept counts. */
bool
registry_read_ambry(const struct registry_ambries *a, struct flock_id flock,
    struct tunnel_id tunnel, struct bundle_entry *ret)
{
	uint8_t kept[BUNDLE_HEAD_SIZE], head[BUNDLE_HEAD_SIZE], entry[BUNDLE_ENTRY_SIZE];
	struct bundle whole = a->bundle;
	size_t place;
	bool ok;
	int fd;

	whole.in_a = whole.in_b = kek_set_all();
	if (a->file == NULL || !bundle_place(&whole, flock_base(flock), tunnel, &place))
		return false;
	fd = open(a->file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return false;
	ok = read_at(fd, head, sizeof(head), 0) &&
	     read_at(fd, entry, sizeof(entry), BUNDLE_HEAD_SIZE + place * BUNDLE_ENTRY_SIZE);
	close(fd);
	bundle_head_encode(&a->bundle.head, kept);
	return ok && memcmp(head, kept, sizeof(head)) == 0 &&
	       bundle_entry_decode(ret, entry, sizeof(entry)) &&
	       flock_equal(ret->flock, flock_base(flock)) && ret->tunnel.value == tunnel.value;
}
