/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a path begins with a prefix, found out without building it: the parents are followed, then names are compared from the
 * root downwards up to the first that differs. What it is not sure of, the text of the path decides (hook_path.h).
 */
#ifndef REDAN_LIB_HOOK_PREFIX_H
#define REDAN_LIB_HOOK_PREFIX_H

#include "lib/hook_plan.h"
#include "lib/kernel_objects.h"
#include "lib/path.h"

#define TRAIL_MAX 32     /* a power of two */
#define WORDS_OF_NAME 32 /* NAME_MAX, 255 bytes */

enum prefix_answer {
	PREFIX_DIFFERS,
	PREFIX_BEGINS,
	PREFIX_UNSURE,
};

/* The dentries of a path, the leaf first. */
struct path_trail {
	u64 dentries[TRAIL_MAX];
};

/* Zero, of which the verifier only knows that it is below TRAIL_MAX: it would go through the loops once for each length of the
 * trail. No name has so many bytes.
 */
static __always_inline u32 trail__zero(const struct dentry *leaf)
{
	return leaf->d_name.len >> 27 & (TRAIL_MAX - 1);
}

/* Follows the parents to the task's root or, as d_path() does, to the top of the mounts. Returns the number of components; more
 * than TRAIL_MAX: the walk did not get there.
 */
static __always_inline u32 trail__follow(struct path_trail *trail, u64 vfsmount, u64 leaf)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct fs_struct *fs = task->fs;
	const struct mount *mount = TYPED(struct mount, vfsmount - bpf_core_field_offset(struct mount, mnt));
	const struct dentry *dentry = TYPED(struct dentry, leaf);
	u32 count = trail__zero(dentry);
	u64 root_dentry, root_vfsmount, stop;

	if (!fs) /* the task is ending */
		return TRAIL_MAX + 1;
	root_dentry = (u64)fs->root.dentry;
	root_vfsmount = (u64)fs->root.mnt;
	stop = vfsmount == root_vfsmount ? root_dentry : (u64)mount->mnt.mnt_root;
	for (u32 i = 0; i < TRAIL_MAX - 1; i++) {
		if ((u64)dentry != stop) {
			trail->dentries[count & (TRAIL_MAX - 1)] = (u64)dentry;
			count = (count + 1) & (TRAIL_MAX - 1);
			dentry = dentry->d_parent;
			continue;
		}
		if (vfsmount == root_vfsmount || mount->mnt_parent == mount)
			return count;
		dentry = mount->mnt_mountpoint;
		mount = mount->mnt_parent;
		vfsmount = (u64)mount + bpf_core_field_offset(struct mount, mnt);
		stop = vfsmount == root_vfsmount ? root_dentry : (u64)mount->mnt.mnt_root;
	}
	return TRAIL_MAX + 1;
}

/* Whether a name goes on as the component does, behind the first word. */
static __noinline bool prefix__goes_on(hook_prefix *prefix, u32 at, u64 name, u32 len)
{
	for (u32 i = 1; i < WORDS_OF_NAME; i++) {
		u64 differing;

		if (8 * i >= len)
			return true;
		differing = WORD_AT(name + 8 * i) ^ prefix->words[at + i];
		if (len - 8 * i < 8)
			differing <<= 8 * (8 - (len - 8 * i));
		if (differing)
			return false;
	}
	return true;
}

/* Component i against the path's, which has one: PREFIX_BEGINS if they are the same, or the name begins as an open one does. */
static __always_inline u32 prefix__compare_at(hook_prefix *prefix, const struct path_trail *trail, u32 count, u32 i,
					      bool is_open)
{
	const struct dentry *dentry = TYPED(struct dentry, trail->dentries[(count - 1 - i) & (TRAIL_MAX - 1)]);
	u32 len = prefix->components[i].len, name_len = dentry->d_name.len;
	u64 name;

	if (name_len != len) {
		if (!is_open)
			return PREFIX_DIFFERS;
		if (name_len < len)
			return prefix->spaced ? PREFIX_UNSURE : PREFIX_DIFFERS;
	}
	if (!len) /* "/": any name begins so */
		return PREFIX_BEGINS;
	name = (u64)dentry->d_name.name;
	if ((WORD_AT(name) ^ prefix->words[prefix->components[i].at]) << prefix->components[i].spare)
		return PREFIX_DIFFERS;
	if (len > 8 && !prefix__goes_on(prefix, prefix->components[i].at, name, len))
		return PREFIX_DIFFERS;
	return PREFIX_BEGINS;
}

#define COMPARE_COMPONENT(i)                                                        \
	if ((i) == last)                                                            \
		return answer;                                                      \
	if (prefix__compare_at(prefix, trail, count, (i), false) == PREFIX_DIFFERS) \
		return PREFIX_DIFFERS;
#define COMPARE_FOUR(i) \
	COMPARE_COMPONENT(i) COMPARE_COMPONENT((i) + 1) COMPARE_COMPONENT((i) + 2) COMPARE_COMPONENT((i) + 3)

/* The last component first, because prefixes of one policy are often of one folder; then from the root downwards. */
static __noinline u32 prefix__compare(hook_prefix *prefix, const struct path_trail *trail, u32 count)
{
	u32 last = prefix->count - 1, answer;
	bool is_open = prefix->open;

	if (!prefix->count) /* not in use; the verifier sees it, too, for it does not know which are asked for */
		return PREFIX_DIFFERS;
	/* Behind a closed component there is a slash, if something follows. */
	if (count < prefix->count + !is_open)
		return PREFIX_DIFFERS;
	answer = prefix__compare_at(prefix, trail, count, last, is_open);
	if (answer == PREFIX_DIFFERS)
		return PREFIX_DIFFERS;
	_Static_assert(REDAN_PREFIX_COMPONENTS == 16, "as written out below");
	COMPARE_FOUR(0)
	COMPARE_FOUR(4)
	COMPARE_FOUR(8)
	COMPARE_FOUR(12)
	return answer;
}

/* Global: see path.h. Whether the path begins with one of `count` prefixes from `first` on. */
#define COMPARE_PREFIX(i)                                                                 \
	if (first <= (i) && (i) < first + count) {                                        \
		u32 answer = prefix__compare(&shortcuts.prefixes[i], &trail, components); \
                                                                                          \
		if (answer == PREFIX_BEGINS)                                              \
			return PREFIX_BEGINS;                                             \
		if (answer == PREFIX_UNSURE)                                              \
			result = PREFIX_UNSURE;                                           \
	}

__weak __noinline int place__has_prefix(u64 vfsmount, u64 dentry, u32 first, u32 count)
{
	u32 result = PREFIX_DIFFERS, components;
	struct path_trail trail;

	/* As its caller asks, too: 6.1 verifies a global function by itself, also where nobody calls it. */
	if (!HAS_TYPED_READS || !settings.kernel_reads || !dentry) /* no dentry: it could not be read */
		return PREFIX_UNSURE;
	components = trail__follow(&trail, vfsmount, dentry);
	if (components > TRAIL_MAX)
		return PREFIX_UNSURE;
	_Static_assert(REDAN_PATH_PREFIXES == 4, "as written out below");
	COMPARE_PREFIX(0)
	COMPARE_PREFIX(1)
	COMPARE_PREFIX(2)
	COMPARE_PREFIX(3)
	return result;
}

/* The same of an argument of type `type`. */
static __always_inline u32 path__has_prefix(u32 type, u64 raw, u32 first, u32 count)
{
	u64 path = raw;

	if (!HAS_TYPED_READS || !settings.kernel_reads)
		return PREFIX_UNSURE;
	if (type == REDAN_ARG_FILE)
		path = raw + bpf_core_field_offset(struct file, f_path);
	else if (type == REDAN_ARG_KIOCB)
		path = WORD_AT(raw + bpf_core_field_offset(struct kiocb, ki_filp)) +
		       bpf_core_field_offset(struct file, f_path);
	else if (type == REDAN_ARG_BINPRM)
		path = WORD_AT(raw + bpf_core_field_offset(struct linux_binprm, file)) +
		       bpf_core_field_offset(struct file, f_path);
	else if (type != REDAN_ARG_PATH)
		return PREFIX_UNSURE;
	return place__has_prefix(WORD_AT(path + bpf_core_field_offset(struct path, mnt)),
				 WORD_AT(path + bpf_core_field_offset(struct path, dentry)), first, count);
}

#endif
