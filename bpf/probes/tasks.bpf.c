// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Tasks: an iterator over all processes, read at start and after a loss. */
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi/record.h"
#include "lib/identity.h"
#include "lib/task_state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void task__describe(struct task_struct *task, struct redan_task *to)
{
	const struct mm_struct *mm = task->mm;

	cred__read(task->real_cred, task__login_uid(task), &to->cred);
	task__read_namespaces(task, &to->ns);
	to->start_time = task->start_boottime;
	to->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	if (mm && mm->exe_file) {
		const struct inode *inode = mm->exe_file->f_inode;

		to->exe_ino = inode->i_ino;
		to->exe_dev = inode->i_sb->s_dev;
		to->exe_nlink = inode->i_nlink;
	}
	if (settings.kernel_reads)
		bpf_probe_read_kernel_str(to->cgroup_name, sizeof(to->cgroup_name), task->cgroups->dfl_cgrp->kn->name);
	if (task->flags & PF_KTHREAD)
		to->flags |= REDAN_TASK_KTHREAD;
	if (!task->signal->live.counter)
		to->flags |= REDAN_TASK_ENDED;
}

SEC("iter/task")
int process_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct redan_task out = {};

	if (!task || task->pid != task->tgid)
		return 0;

	struct task_state *state = bpf_task_storage_get(&task_states, task, 0, 0);
	out.image = task__image_of(task, state);
	if (!state) {
		out.creator = task__image(task->real_parent->group_leader);
	} else {
		out.creator.time = state->creator_time;
		out.creator.tgid = state->creator_tgid;
	}
	task__describe(task, &out);
	__builtin_memcpy(out.comm, task->comm, sizeof(out.comm));
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}
