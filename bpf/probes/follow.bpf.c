// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Filters on binaries that extend to all descendants (followChildren). A process becomes a member of a filter when it calls exec on
 * one of its binaries; whatever it forks or calls exec on from then on is a member, too. Loaded with the first such filter, gone
 * with the last: without one, fork and exec cost nothing more.
 */
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi/hook.h"
#include "lib/follow.h"
#include "lib/hook_path.h"
#include "lib/shared.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Written by user space. */
__u64 follow_active SEC(".data.follow") = 0; /* filters that are in force */
__u64 follow_forget SEC(".data.follow") = 0; /* not 0: follow_scan takes these away, instead of looking for members */
__u64 follow_news SEC(".data.follow") = 0;   /* marks that follow_scan has changed */

/* Path of a binary to the filters that name it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct redan_text_key);
	__type(value, u64);
} follow_binaries SEC(".maps");

struct follow_scratch {
	u64 busy;
	struct hook_text text;
};

#define SCRATCHES 16 /* a power of two; an exec is not preempted in a tracepoint, but the scan is */
#define SCRATCH_TRIES 4

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, u32);
	__type(value, struct follow_scratch);
} follow_scratches SEC(".maps");

static __always_inline struct follow_scratch *scratch__try(u32 index)
{
	struct follow_scratch *s;

	index &= SCRATCHES - 1;
	s = bpf_map_lookup_elem(&follow_scratches, &index);
	return s && !__sync_lock_test_and_set(&s->busy, 1) ? s : NULL;
}

/* What a task runs: the filters that name it. */
static __noinline int follow__read(struct task_struct *task, struct follow_mark *to)
{
	struct mm_struct *mm = task->mm;
	struct follow_scratch *s = NULL;
	struct redan_text_key *key;
	struct file *file;
	u32 flags, start;
	u64 *named;

	to->members = 0;
	to->unread = 0;
	if (!mm) /* a kernel thread, or one that is ending: no filter on the binary matches */
		return 0;
	to->unread = 1;
	file = mm->exe_file;
	start = bpf_get_smp_processor_id();
	for (u32 i = 0; i < SCRATCH_TRIES && !s; i++)
		s = scratch__try(start + i);
	if (!s)
		return 0;
	flags = hook_path__build(&s->text, task->fs, (u64)file->f_path.mnt, (u64)file->f_path.dentry);
	if (!(flags & (REDAN_ARG_UNREADABLE | SLOT_CUT_PATH)) && s->text.len) {
		to->unread = 0;
		if (s->text.len <= REDAN_EQUAL_SHORT) {
			key = text__key(&s->text);
			key->set = 0;
			key->len = s->text.len;
			named = bpf_map_lookup_elem(&follow_binaries, key);
			if (named)
				to->members = *named;
		}
	}
	__sync_lock_test_and_set(&s->busy, 0);
	return 0;
}

static __always_inline u64 follow__members_of(struct task_struct *task)
{
	struct follow_mark *mark = bpf_task_storage_get(&follow_marks, task, 0, 0);

	return mark ? mark->members : 0;
}

/* Adds to the task's mark; one that is nothing special gets none. Returns what it was a member of before. */
static __always_inline u64 follow__add(struct task_struct *task, const struct follow_mark *mark)
{
	struct follow_mark nothing = {};
	struct follow_mark *kept;

	if (mark->members || mark->unread)
		kept = bpf_task_storage_get(&follow_marks, task, &nothing, BPF_LOCAL_STORAGE_GET_F_CREATE);
	else
		kept = bpf_task_storage_get(&follow_marks, task, 0, 0);
	if (!kept) {
		if (mark->members || mark->unread)
			loss__count(REDAN_LOSS_NO_TASK_STORAGE);
		return ~0ull;
	}
	kept->unread = mark->unread;
	return __sync_fetch_and_or(&kept->members, mark->members);
}

/* Threads are forked, too. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(follow_fork, struct task_struct *parent, struct task_struct *child)
{
	struct follow_mark *from = bpf_task_storage_get(&follow_marks, parent, 0, 0);
	struct follow_mark mark;

	if (!from)
		return 0;
	mark.members = from->members & follow_active;
	mark.unread = from->unread;
	follow__add(child, &mark);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(follow_exec, struct task_struct *task)
{
	struct follow_mark mark;

	follow__read(task, &mark);
	mark.members &= follow_active;
	follow__add(task, &mark);
	return 0;
}

/* Processes that were there before a filter: user space reads it again until it finds no news. */
SEC("iter/task")
int follow_scan(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct follow_mark *kept;
	struct follow_mark mark;

	if (!task)
		return 0;
	if (follow_forget) {
		kept = bpf_task_storage_get(&follow_marks, task, 0, 0);
		if (kept)
			__sync_fetch_and_and(&kept->members, ~follow_forget);
		return 0;
	}
	follow__read(task, &mark);
	mark.members |= follow__members_of(task->real_parent) | follow__members_of(task->group_leader);
	mark.members &= follow_active;
	if (mark.members & ~follow__add(task, &mark))
		follow_news++;
	return 0;
}
