/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the sensor knows of each process, kept in task storage of the thread-group leader: it needs no size, is never mixed up
 * by a reused pid and goes with the task.
 */
#ifndef REDAN_LIB_TASK_STATE_H
#define REDAN_LIB_TASK_STATE_H

#include "lib/shared.h"

struct task_state {
	u64 image_time; /* 0: never, see task_state__get() */
	u64 creator_time;
	u32 creator_tgid;
	u32 image_flags; /* enum redan_image_flag */
	u64 ended;       /* 1: its exit has been reported */
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

/* The image of a process that nobody saw being made: its start is taken for the image's time, which is exact unless it has
 * called exec. Its creator is taken to be the real parent; the caller fills that in.
 */
static __always_inline struct redan_image task__learnt_image(const struct task_struct *leader)
{
	struct redan_image image = {
		.time = leader->start_boottime,
		.tgid = leader->tgid,
		.flags = REDAN_IMAGE_LEARNT | (leader->self_exec_id == leader->parent_exec_id ? REDAN_IMAGE_FORKED : 0),
	};
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

/* State of the process of `leader`; where there is none, one is learnt from the task itself. NULL (counted): no storage to
 * be had, which on 6.1 also happens when this program preempted another one in the same map on this CPU.
 */
static __always_inline struct task_state *task_state__get(struct task_struct *leader)
{
	struct task_state *state = bpf_task_storage_get(&task_states, leader, 0, 0);

	if (state)
		return state;

	struct redan_image image = task__learnt_image(leader);
	struct redan_image creator = task__image(leader->real_parent->group_leader);
	struct task_state learnt = {
		.image_time = image.time,
		.image_flags = image.flags,
		.creator_time = creator.time,
		.creator_tgid = creator.tgid,
	};
	state = bpf_task_storage_get(&task_states, leader, &learnt, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!state) /* another CPU may have made it meanwhile */
		state = bpf_task_storage_get(&task_states, leader, 0, 0);
	if (!state)
		loss__count(REDAN_LOSS_NO_TASK_STORAGE);
	return state;
}

#endif
