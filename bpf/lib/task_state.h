/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the sensor knows of a process and the kernel does not: the time of its last exec, and who forked it if that is not its
 * real parent. Kept in task storage of the thread-group leader: it needs no size, is never mixed up by a reused pid and goes
 * with the task. A process that was only forked has none: all that there is to know of it stands in its task, and an allocation
 * is the dearest thing that the sensor could add to a fork.
 */
#ifndef REDAN_LIB_TASK_STATE_H
#define REDAN_LIB_TASK_STATE_H

#include "lib/identity.h"

/* What a process had when this was kept: hooks compare it with what it has. */
struct task_privileges {
	struct redan_namespaces ns;
	u64 effective, inheritable, permitted;
};

enum privileges_origin {
	PRIVILEGES_UNKNOWN = 0,
	PRIVILEGES_OF_FORK,
	PRIVILEGES_OF_EXEC, /* the first one of the process: stays until a hook reports a change */
};

struct task_state {
	u64 image_time;
	u64 creator_time;
	u32 creator_tgid;
	u32 image_flags;       /* enum redan_image_flag */
	u64 ended;             /* 1: its exit has been reported */
	u64 privileges_origin; /* enum privileges_origin */
	struct task_privileges privileges;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_state);
} task_states __weak SEC(".maps");

/* State of processes whose leader has ended while other threads live, by tgid: an exec by one of these threads replaces the
 * leader's task and with it the storage. Emptied by that exec or by the end of the process.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct task_state);
} leaderless_states __weak SEC(".maps");

/* The image of a process without state, which has not called exec since the sensor came: its start is the image's time, which is
 * exact unless it has called exec before that.
 */
static __always_inline struct redan_image task__learnt_image(const struct task_struct *leader)
{
	struct redan_image image = {
		.time = leader->start_boottime,
		.tgid = leader->tgid,
		.flags = REDAN_IMAGE_LEARNT,
	};

	/* In an exec that is under way the flag goes first. With CLONE_PARENT only the flag tells: the ids differ from the start. */
	if ((leader->flags & PF_FORKNOEXEC) || leader->self_exec_id == leader->parent_exec_id)
		image.flags |= REDAN_IMAGE_FORKED;
	return image;
}

/* The image that `leader` runs, by its state if that is not NULL. */
static __always_inline struct redan_image task__image_of(const struct task_struct *leader,
							 const struct task_state *state)
{
	struct redan_image image = task__learnt_image(leader);

	/* Keeps the compiler from one load through a pointer of either kind, which the verifier refuses. */
	barrier_var(image.time);
	if (state) {
		image.time = state->image_time;
		image.flags = state->image_flags;
	}
	return image;
}

static __always_inline struct redan_image task__image(struct task_struct *leader)
{
	return task__image_of(leader, bpf_task_storage_get(&task_states, leader, 0, 0));
}

/* Starts the state of the process of `leader`. NULL (counted): no storage to be had, which on 6.1 also happens when this program
 * preempted another one in the same map on this CPU.
 */
static __always_inline struct task_state *task_state__create(struct task_struct *leader, struct task_state *first)
{
	struct task_state *state = bpf_task_storage_get(&task_states, leader, first, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!state) /* another CPU may have made it meanwhile */
		state = bpf_task_storage_get(&task_states, leader, 0, 0);
	if (!state)
		loss__count(REDAN_LOSS_NO_TASK_STORAGE);
	return state;
}

/* State of a process that has none: what can be learnt from its task. Its creator is taken to be the real parent. */
static __always_inline struct task_state task_state__learn(struct task_struct *leader)
{
	struct redan_image image = task__learnt_image(leader);
	struct redan_image creator = task__image(leader->real_parent->group_leader);
	struct task_state learnt = {
		.image_time = image.time,
		.image_flags = image.flags,
		.creator_time = creator.time,
		.creator_tgid = creator.tgid,
	};

	return learnt;
}

static __always_inline void privileges__read(const struct task_struct *task, struct task_privileges *to)
{
	const struct cred *cred = task->cred;

	task__read_namespaces(task, &to->ns);
	to->effective = CAP_SET__READ(cred, cap_effective);
	to->inheritable = CAP_SET__READ(cred, cap_inheritable);
	to->permitted = CAP_SET__READ(cred, cap_permitted);
}

static __always_inline void privileges__keep(struct task_struct *task, struct task_state *state, u32 origin)
{
	privileges__read(task, &state->privileges);
	state->privileges_origin = origin;
}

#endif
