/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walks a path from its leaf to the task's root, across mounts, by reads of kernel memory.
 *
 * In the output each component is followed by '/', the leaf first: "cd/ab/" is /ab/cd. Writing forwards keeps the offsets simple
 * for the verifier; user space turns the order round. Most paths fit in PATH_SHORT bytes and are walked once, by
 * path__copy_short(); for the others path__measure() finds the length first, so that just enough memory can be reserved.
 */
#ifndef REDAN_LIB_PATH_H
#define REDAN_LIB_PATH_H

#include "abi/record.h"
#include "lib/compat.h"
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* Room that the callbacks demand behind the last byte which they may begin a name at. */
#define PATH_SHORT 256
#define PATH_SHORT_WINDOW 512 /* begins at 255 at most, with 255 bytes and '/' */
#define PATH_LONG_WINDOW (REDAN_PATH_MAX + 256)

enum path_end {
	PATH_COMPLETE,   /* the task's root was reached */
	PATH_UNRESOLVED, /* something could not be read */
	PATH_OUTSIDE, /* the top of the mounts was reached, and it is not the task's root: overlayfs's own files, for one */
	PATH_NO_ROOM,
};

/* struct mount from mnt_parent on. */
struct mount_step {
	u64 parent;     /* the mount above; itself at the top */
	u64 mountpoint; /* a dentry of the mount above */
	u64 root;       /* the root dentry */
};

struct path_walk {
	u64 dentry;
	u64 mount; /* struct mount that dentry is in */
	struct mount_step in;
	u64 root_dentry; /* the task's root */
	u64 root_vfsmount;
	u64 name; /* of the component that the last step left */
	u32 name_len;
	u32 end; /* enum path_end */
};

/* path__measure() */
struct path_measure {
	struct path_walk walk;
	u64 len;
};

/* path__copy_*(). The running length is kept in the record, not here: what a number on the stack may be, the verifier works out
 * anew in every turn of the loop if an offset depends on it; of a number in the record it knows nothing, and one turn is enough.
 */
struct path_copy {
	struct path_walk walk;
	char *out;
	u32 *len;
	u64 room; /* bytes that may be written to out */
};

/* struct dentry from d_parent on; the fields lie together in all kernels so far, so that one read does for three. */
struct dentry_step {
	u64 parent;
	u32 hash;
	u32 len;
	u64 name;
};

/* Three words. `is_typed`: by typed loads where the kernel has them, a fifth of the cost. They give 0 for what cannot be read,
 * which ends the walk as a failed read does, a step later.
 */
static __always_inline bool path__read_words(void *to, u64 from, bool is_typed)
{
	u64 *words = to;

	if (!is_typed || !HAS_TYPED_READS)
		return !bpf_probe_read_kernel(to, 24, (void *)from);
	words[0] = WORD_AT(from);
	words[1] = WORD_AT(from + 8);
	words[2] = WORD_AT(from + 16);
	return true;
}

/* Enters w->mount. One read does for three fields: they lie together unless the kernel's layouts are randomised. */
static __always_inline bool path__enter_mount(struct path_walk *w, bool is_typed)
{
	const struct mount *mount = (void *)w->mount; /* a local, or BPF_CORE_READ would relocate w->mount, too */
	u32 parent = bpf_core_field_offset(struct mount, mnt_parent);

	_Static_assert(sizeof(w->in) == 24, "as read below");
	if (bpf_core_field_offset(struct mount, mnt_mountpoint) == parent + 8 &&
	    bpf_core_field_offset(struct mount, mnt.mnt_root) == parent + 16)
		return path__read_words(&w->in, w->mount + parent, is_typed);
	w->in.parent = (u64)BPF_CORE_READ(mount, mnt_parent);
	w->in.mountpoint = (u64)BPF_CORE_READ(mount, mnt_mountpoint);
	w->in.root = (u64)BPF_CORE_READ(mount, mnt.mnt_root);
	return true;
}

/* struct path. */
struct path_place {
	u64 vfsmount;
	u64 dentry;
};

/* A walk from `place` to the root of `fs`. Everything is read into plain numbers: typed pointers in the state of a loop make the
 * verifier go through it once for each combination of types. False: kernel memory could not be read.
 */
static __always_inline bool path__start(const struct fs_struct *fs, const struct path_place *place, struct path_walk *w,
					bool is_typed)
{
	struct path_place root;

	if (is_typed && HAS_TYPED_READS) {
		u64 from = (u64)fs + bpf_core_field_offset(struct fs_struct, root);

		root.vfsmount = WORD_AT(from);
		root.dentry = WORD_AT(from + 8);
	} else if (bpf_probe_read_kernel(&root, sizeof(root), &fs->root)) {
		return false;
	}
	w->dentry = place->dentry;
	w->mount = place->vfsmount - bpf_core_field_offset(struct mount, mnt);
	w->root_dentry = root.dentry;
	w->root_vfsmount = root.vfsmount;
	w->name = 0;
	w->name_len = 0;
	w->end = PATH_UNRESOLVED;
	return path__enter_mount(w, is_typed);
}

static __always_inline bool path__start_at_cwd(const struct fs_struct *fs, struct path_walk *w)
{
	struct path_place pwd;

	return !bpf_probe_read_kernel(&pwd, sizeof(pwd), &fs->pwd) && path__start(fs, &pwd, w, false);
}

/* One step towards the root. Returns 1 at the end of the walk; else 0, with name_len 0 if it only left a mount. */
static __always_inline long path__step(struct path_walk *w, bool is_typed)
{
	struct dentry_step d;

	w->name_len = 0;
	if (w->dentry == w->root_dentry && w->mount + bpf_core_field_offset(struct mount, mnt) == w->root_vfsmount) {
		w->end = PATH_COMPLETE;
		return 1;
	}
	if (w->dentry == w->in.root) {
		if (!w->in.parent || w->in.parent == w->mount) {
			w->end = PATH_OUTSIDE;
			return 1;
		}
		w->dentry = w->in.mountpoint;
		w->mount = w->in.parent;
		return !path__enter_mount(w, is_typed);
	}
	_Static_assert(sizeof(d) == 24, "as read below");
	if (!path__read_words(&d, w->dentry + bpf_core_field_offset(struct dentry, d_parent), is_typed))
		return 1;
	if (d.parent == w->dentry) /* detached from its file system's root */
		return 1;
	w->name = d.name;
	w->name_len = d.len & REDAN_NAME_MAX;
	w->dentry = d.parent;
	return 0;
}

static long path__measure_step(u64 index, void *ctx)
{
	struct path_measure *m = ctx;

	if (path__step(&m->walk, false))
		return 1;
	if (m->walk.name_len)
		m->len += m->walk.name_len + 1;
	return 0;
}

/* Writes the component just left behind the others; `mask` bounds where it may begin, out has `mask` + 257 bytes. */
static __always_inline long path__append(struct path_copy *c, u32 mask)
{
	u32 at = *c->len;
	u32 len = c->walk.name_len & REDAN_NAME_MAX;

	if (!len)
		return 0;
	if (at + len + 1 > c->room) {
		c->walk.end = PATH_NO_ROOM;
		return 1;
	}
	if (bpf_probe_read_kernel(c->out + (at & mask), len, (void *)c->walk.name))
		return 1;
	c->out[(at & mask) + len] = '/';
	*c->len = at + len + 1;
	return 0;
}

static long path__copy_step_short(u64 index, void *ctx)
{
	struct path_copy *c = ctx;

	return path__step(&c->walk, false) || path__append(c, PATH_SHORT - 1);
}

static long path__copy_step_long(u64 index, void *ctx)
{
	struct path_copy *c = ctx;

	return path__step(&c->walk, false) || path__append(c, REDAN_PATH_MAX - 1);
}

/* The functions below are global, so that the verifier checks each once, by itself, and not again for every way in which its
 * callers may get there.
 */

/* Length of the path in the form above. */
__weak __noinline u64 path__measure(const struct path_walk *start)
{
	struct path_measure m;

	if (!start)
		return 0;
	m.walk = *start;
	m.len = 0;
	bpf_loop(REDAN_CWD_COMPONENTS_MAX, path__measure_step, &m, 0);
	return m.len;
}

struct path_window_short {
	char bytes[PATH_SHORT_WINDOW];
};

struct path_window_long {
	char bytes[PATH_LONG_WINDOW];
};

/* Copies the path, at most `room` bytes, which *len, 0 at first, counts. Returns enum path_end. PATH_NO_ROOM after a measurement:
 * a rename in between has made the path longer.
 */
__weak __noinline int path__copy_short(const struct path_walk *start, struct path_window_short *out, u32 *len)
{
	struct path_copy c;

	if (!start || !out || !len)
		return PATH_UNRESOLVED;
	c.walk = *start;
	c.out = out->bytes;
	c.len = len;
	c.room = PATH_SHORT;
	bpf_loop(REDAN_CWD_COMPONENTS_MAX, path__copy_step_short, &c, 0);
	return c.walk.end;
}

__weak __noinline int path__copy_long(const struct path_walk *start, struct path_window_long *out, u32 *len, u32 room)
{
	struct path_copy c;

	if (!start || !out || !len)
		return PATH_UNRESOLVED;
	c.walk = *start;
	c.out = out->bytes;
	c.len = len;
	c.room = room;
	bpf_loop(REDAN_CWD_COMPONENTS_MAX, path__copy_step_long, &c, 0);
	return c.walk.end;
}

/* Copies the path to `offset` of the record, which has room for the window there; *len lies in the record, too, and is 0;
 * `room` is what was measured, or PATH_SHORT if nothing was.
 */
static __always_inline enum path_end path__copy(const struct path_walk *start, struct bpf_dynptr *record, u32 offset,
						u32 *len, u32 room)
{
	if (room <= PATH_SHORT) {
		struct path_window_short *out = bpf_dynptr_data(record, offset, sizeof(*out));

		return out ? path__copy_short(start, out, len) : PATH_NO_ROOM;
	}
	struct path_window_long *out = bpf_dynptr_data(record, offset, sizeof(*out));

	return out ? path__copy_long(start, out, len, room) : PATH_NO_ROOM;
}

#endif
