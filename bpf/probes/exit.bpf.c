// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Exit: one record when the last thread of a process ends. */
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi/record.h"
#include "lib/ring.h"
#include "lib/task_state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The leader ends while other threads live. Unless the whole group is ending, one of them may call exec, and by then the
 * leader's task and its storage are gone.
 */
static __always_inline void exit__keep_state(struct task_struct *leader)
{
	u32 tgid = leader->tgid;
	struct task_state *state;

	if (leader->signal->flags & SIGNAL_GROUP_EXIT)
		return;
	state = bpf_task_storage_get(&task_states, leader, 0, 0);
	if (!state)
		return;

	struct task_state copy = *state;
	if (bpf_map_update_elem(&leaderless_states, &tgid, &copy, BPF_ANY))
		loss__count(REDAN_LOSS_NO_HANDOVER);
}

/* The status that wait(2) reports, as in wait_task_zombie() (kernel/exit.c). */
static __always_inline u32 exit__code(const struct task_struct *leader)
{
	const struct signal_struct *signal = leader->signal;

	return signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	u32 tgid = task->tgid;

	/* do_exit() has counted this thread out already. */
	if (task->signal->live.counter) {
		if ((u32)task->pid == tgid)
			exit__keep_state(task);
		return 0;
	}
	if ((u32)task->pid != tgid)
		bpf_map_delete_elem(&leaderless_states, &tgid);

	struct task_state *state = bpf_task_storage_get(&task_states, leader, 0, 0);
	struct redan_image image = task__image_of(leader, state);
	/* Two last threads may both see 0: `ended` lets one pass. The later one finds the state that the earlier one started. */
	if (!state && task->signal->nr_threads > 1) {
		struct task_state learnt = task_state__learn(leader);

		state = task_state__create(leader, &learnt);
	}
	if (state && __sync_lock_test_and_set(&state->ended, 1))
		return 0;

	u64 seq = ring__next_seq();
	struct redan_exit *e = bpf_ringbuf_reserve(&process_ring, sizeof(*e), 0);
	if (!e) {
		loss__count(REDAN_LOSS_RING_FULL_EXIT);
		return 0;
	}
	record__start(&e->hdr, REDAN_KIND_EXIT, bpf_ktime_get_boot_ns(), tgid, task->pid);
	e->hdr.seq = seq;
	e->hdr.flags = task->flags & PF_KTHREAD ? REDAN_EXIT_KTHREAD : 0;
	e->hdr.image_time = image.time;
	e->start_time = leader->start_boottime;
	e->code = exit__code(leader);
	e->pad0 = 0;
	bpf_ringbuf_submit(e, ring__wakeup());
	return 0;
}
