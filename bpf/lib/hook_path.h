/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The path of a file as a text: from the root on, with " (deleted)" behind it where the file has no name any more, as the sets of
 * a policy spell it; and from there into a record.
 */
#ifndef REDAN_LIB_HOOK_PATH_H
#define REDAN_LIB_HOOK_PATH_H

#include "lib/kernel_reads.h"
#include "lib/path.h"
#include "lib/text.h"

/* " (deleted)", as d_path() has it; in two numbers, for a string would be a map of its own in each hook. */
#define DELETED_FIRST 0x6574656c65642820ull /* " (delete" */
#define DELETED_LAST 0x2964                 /* "d)" */
#define DELETED_LEN 10

struct hook_path {
	struct path_walk walk;
	struct hook_text *text;
};

/* Writes the component that the last step left before those that are there. */
static __always_inline long hook_path__prepend(struct hook_path *p)
{
	struct hook_text *text = p->text;
	u32 len = p->walk.name_len & REDAN_NAME_MAX;
	u32 at = text->at;
	u32 count = text->components;

	if (!len)
		return 0;
	if (at < TEXT_HEAD + 1 + len || count >= REDAN_CWD_COMPONENTS_MAX) {
		p->walk.end = PATH_NO_ROOM;
		return 1;
	}
	at -= len + 1;
	char *to = text->area + TEXT_HEAD + ((at - TEXT_HEAD) & (REDAN_TEXT_MAX - 1));
	if (bpf_probe_read_kernel(to + 1, len, (void *)p->walk.name))
		return 1;
	to[0] = '/';
	text->components = count + 1;
	text->at = at;
	text->len += len + 1;
	return 0;
}

static long hook_path__step(u64 index, void *ctx)
{
	struct hook_path *p = ctx;

	return path__step(&p->walk, true) || hook_path__prepend(p);
}

/* Within one file system: a dentry alone does not say where that is mounted. */
static long hook_path__step_dentry(u64 index, void *ctx)
{
	struct hook_path *p = ctx;
	struct dentry_step d;

	if (!path__read_words(&d, p->walk.dentry + bpf_core_field_offset(struct dentry, d_parent), true))
		return 1;
	if (d.parent == p->walk.dentry) {
		p->walk.end = PATH_COMPLETE;
		return 1;
	}
	p->walk.name = d.name;
	p->walk.name_len = d.len & REDAN_NAME_MAX;
	p->walk.dentry = d.parent;
	return hook_path__prepend(p);
}

static __always_inline void hook_path__start_text(struct hook_text *text)
{
	text->at = TEXT_END;
	text->len = 0;
	text->tail = 0;
	text->components = 0;
}

/* As in d_path(): unhashed, and not the root of its own file system. */
static __always_inline bool dentry__is_deleted(u64 dentry)
{
	u64 pprev, parent;

	return !READ_WORD(&pprev, struct dentry, dentry, d_hash.pprev) && !pprev &&
	       !READ_WORD(&parent, struct dentry, dentry, d_parent) && parent != dentry;
}

static __always_inline u32 hook_path__mark_deleted(struct hook_text *text, u64 dentry)
{
	if (!dentry__is_deleted(dentry))
		return 0;
	text->at = TEXT_END - DELETED_LEN;
	text->len = DELETED_LEN;
	text->tail = DELETED_LEN;
	*(u64 *)(text->area + TEXT_END - DELETED_LEN) = DELETED_FIRST;
	*(u16 *)(text->area + TEXT_END - 2) = DELETED_LAST;
	return REDAN_ARG_DELETED;
}

/* What became of a walk, as flags of the slot. */
static __always_inline u32 hook_path__flags(struct hook_text *text, u32 end)
{
	if (!text->components) { /* no " (deleted)" alone */
		hook_path__start_text(text);
		return REDAN_ARG_NO_PATH;
	}
	/* All components are there; the format has no word for where they begin. */
	if (end == PATH_COMPLETE || end == PATH_OUTSIDE)
		return 0;
	return REDAN_ARG_UNRESOLVED | (end == PATH_NO_ROOM ? SLOT_CUT_PATH : 0);
}

static __always_inline long file__read_path(u64 file, struct path_place *to)
{
	return READ_WORD(&to->vfsmount, struct file, file, f_path.mnt) ||
	       READ_WORD(&to->dentry, struct file, file, f_path.dentry);
}

/* The path as the owner of `fs` sees it. Returns flags of the slot. */
static __always_inline u32 hook_path__build(struct hook_text *text, const struct fs_struct *fs, u64 vfsmount,
					    u64 dentry)
{
	struct path_place place = {.vfsmount = vfsmount, .dentry = dentry};
	struct hook_path p = {};
	u32 flags;

	hook_path__start_text(text);
	if (!settings.kernel_reads || !fs || !path__start(fs, &place, &p.walk, true)) /* no fs: the task is ending */
		return REDAN_ARG_UNREADABLE;
	if (!p.walk.in.root) /* every mount has a root; a typed load of what is none gives 0 */
		return REDAN_ARG_UNREADABLE;
	flags = hook_path__mark_deleted(text, dentry);
	p.text = text;
	bpf_loop(REDAN_CWD_COMPONENTS_MAX, hook_path__step, &p, 0);
	return flags | hook_path__flags(text, p.walk.end);
}

/* Global functions: see path.h. They return flags of the slot. */
__weak __noinline int hook_path__read(struct hook_text *text, u64 vfsmount, u64 dentry)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!text)
		return REDAN_ARG_UNREADABLE;
	return hook_path__build(text, task->fs, vfsmount, dentry);
}

__weak __noinline int hook_path__read_dentry(struct hook_text *text, u64 dentry)
{
	struct hook_path p = {};
	u64 parent;
	u32 flags;

	if (!text)
		return REDAN_ARG_UNREADABLE;
	hook_path__start_text(text);
	if (!settings.kernel_reads || !dentry)
		return REDAN_ARG_UNREADABLE;
	/* Every dentry has one; a typed load of what is none gives 0. */
	if (READ_WORD(&parent, struct dentry, dentry, d_parent) || !parent)
		return REDAN_ARG_UNREADABLE;
	flags = hook_path__mark_deleted(text, dentry);
	p.text = text;
	p.walk.dentry = dentry;
	p.walk.end = PATH_UNRESOLVED;
	bpf_loop(REDAN_CWD_COMPONENTS_MAX, hook_path__step_dentry, &p, 0);
	return flags | hook_path__flags(text, p.walk.end);
}

/* --- into a record --- */

struct hook_path_copy {
	struct bpf_dynptr *record;
	struct hook_text *text;
	u32 offset, len;
};

/* Behind where a path ends there is room for a piece, so the verifier sees that what is copied is in the area. */
static __always_inline long hook_path__copy_piece(struct hook_path_copy *c, u32 done, u32 len)
{
	u32 at = c->text->at + done - TEXT_HEAD;

	if (len > TEXT_KEY)
		len = TEXT_KEY;
	return bpf_dynptr_write(c->record, c->offset + done, c->text->area + TEXT_HEAD + (at & (REDAN_TEXT_MAX - 1)),
				len, 0);
}

static long hook_path__copy_step(u64 index, void *ctx)
{
	struct hook_path_copy *c = ctx;
	u32 done = index * TEXT_KEY;

	return done >= c->len || hook_path__copy_piece(c, done, c->len - done);
}

static __always_inline void hook_path__copy(struct bpf_dynptr *record, u32 offset, struct hook_text *text, u32 len)
{
	struct hook_path_copy c = {.record = record, .text = text, .offset = offset, .len = len};

	if (len <= TEXT_KEY)
		hook_path__copy_piece(&c, 0, len);
	else
		bpf_loop(REDAN_TEXT_MAX / TEXT_KEY, hook_path__copy_step, &c, 0);
}

#endif
