// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fork: one record for each new process, sent by its creator before the child can run. Threads are not processes. */
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi/record.h"
#include "lib/ring.h"
#include "lib/task_state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* 1: some hook compares what a process has with what it had at its start. Written by user space; a section of its own, because
 * .bss is what recordings hold.
 */
__u64 keep_privileges SEC(".data.privileges") = 0;

/* State for a child that its task would not describe, or that some hook compares with what it had at its start. With CLONE_PARENT
 * the real parent is not the creator, and the count of execs is the creator's; and where the record is lost, nobody else knows
 * the creator once the child has been re-parented.
 */
static __noinline void fork__start_state(struct task_struct *child, const struct redan_image *creator)
{
	struct task_state *kept;
	struct task_state state = {
		.image_time = child->start_boottime,
		.image_flags = REDAN_IMAGE_FORKED,
		.creator_time = creator->time,
		.creator_tgid = creator->tgid,
	};

	kept = task_state__create(child, &state);
	if (kept && keep_privileges)
		privileges__keep(child, kept, PRIVILEGES_OF_FORK);
}

static __always_inline u16 fork__flags(const struct task_struct *child)
{
	/* Right after the fork the child's active pid namespace is the one its nsproxy has for children (copy_process()). */
	const struct pid_namespace *ns = child->nsproxy->pid_ns_for_children;
	u16 flags = 0;

	if (ns->level && ns->child_reaper == child)
		flags |= REDAN_FORK_NS_INIT;
	if (child->flags & PF_KTHREAD)
		flags |= REDAN_FORK_KTHREAD;
	return flags;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid != child->tgid)
		return 0;

	/* The creator is the task that runs this hook: with CLONE_PARENT the real parent is another one. */
	struct task_struct *leader = parent->group_leader;
	struct redan_image creator = task__image(leader);
	if (keep_privileges || child->real_parent->tgid != leader->tgid || child->self_exec_id != child->parent_exec_id)
		fork__start_state(child, &creator);

	u64 seq = ring__next_seq();
	struct redan_fork *e = bpf_ringbuf_reserve(&process_ring, sizeof(*e), 0);
	if (!e) {
		fork__start_state(child, &creator);
		loss__count(REDAN_LOSS_RING_FULL_FORK);
		return 0;
	}
	record__start(&e->hdr, REDAN_KIND_FORK, child->start_boottime, child->tgid, child->pid);
	e->hdr.seq = seq;
	e->hdr.flags = fork__flags(child);
	e->hdr.image_time = child->start_boottime;
	e->creator = creator;
	e->real_parent_tgid = child->real_parent->tgid;
	e->pad0 = 0;
	bpf_ringbuf_submit(e, ring__wakeup());
	return 0;
}
