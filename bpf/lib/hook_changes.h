/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What of a process's namespaces and capabilities differs from what it had at its start, or when a change was last reported. */
#ifndef REDAN_LIB_HOOK_CHANGES_H
#define REDAN_LIB_HOOK_CHANGES_H

#include "lib/hook_plan.h"
#include "lib/task_state.h"

/* What is kept of the current process; NULL if nothing could be kept. A process that is seen for the first time, because it was
 * forked before anybody asked, has had what its parent had; where that is not known either, it begins with what it has now.
 */
static __noinline struct task_state *process__kept_state(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;
	struct task_state *state = bpf_task_storage_get(&task_states, leader, 0, 0);
	struct task_state *parent;

	if (!state) {
		struct task_state learnt = task_state__learn(leader);

		state = task_state__create(leader, &learnt);
	}
	if (!state || state->privileges_origin)
		return state;
	parent = bpf_task_storage_get(&task_states, leader->real_parent->group_leader, 0, 0);
	if ((leader->flags & PF_FORKNOEXEC) && parent && parent->privileges_origin) {
		state->privileges = parent->privileges;
		state->privileges_origin = PRIVILEGES_OF_FORK;
	} else {
		privileges__keep(task, state, PRIVILEGES_OF_FORK);
	}
	return state;
}

#define CHANGED_NAMESPACE(i)                                                           \
	if (kept->privileges.ns.inum[i] && kept->privileges.ns.inum[i] != now.inum[i]) \
		changes |= 1 << (i);

static __always_inline u64 process__namespace_changes(const struct task_struct *task, const struct task_state *kept)
{
	struct redan_namespaces now;
	u64 changes = 0;

	_Static_assert(REDAN_NS_COUNT == 10, "as written out below");
	if (!task->nsproxy) /* the task is ending */
		return 0;
	task__read_namespaces(task, &now);
	CHANGED_NAMESPACE(0)
	CHANGED_NAMESPACE(1)
	CHANGED_NAMESPACE(2)
	CHANGED_NAMESPACE(3)
	CHANGED_NAMESPACE(4)
	CHANGED_NAMESPACE(5)
	CHANGED_NAMESPACE(6)
	CHANGED_NAMESPACE(7)
	CHANGED_NAMESPACE(8)
	CHANGED_NAMESPACE(9)
	return changes;
}

static __noinline u64 process__changes(u32 field)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct task_state *kept = process__kept_state();

	if (!kept) { /* not known, so nothing that is told */
		HOOK_COUNT(no_task_storage);
		return 0;
	}
	switch (field) {
	case REDAN_FIELD_NAMESPACE_CHANGES:
		return process__namespace_changes(task, kept);
	case REDAN_FIELD_EFFECTIVE_CHANGES:
		return CAP_SET__READ(task->cred, cap_effective) ^ kept->privileges.effective;
	case REDAN_FIELD_INHERITABLE_CHANGES:
		return CAP_SET__READ(task->cred, cap_inheritable) ^ kept->privileges.inheritable;
	case REDAN_FIELD_PERMITTED_CHANGES:
		return CAP_SET__READ(task->cred, cap_permitted) ^ kept->privileges.permitted;
	}
	return 0;
}

/* A change has been reported: it is none any more. */
static __noinline void process__renew(u32 what)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_state *state = bpf_task_storage_get(&task_states, task->group_leader, 0, 0);

	if (!state)
		return;
	if (what & REDAN_RENEW_NAMESPACES)
		task__read_namespaces(task, &state->privileges.ns);
	if (what & REDAN_RENEW_CAPABILITIES) {
		state->privileges.effective = CAP_SET__READ(task->cred, cap_effective);
		state->privileges.inheritable = CAP_SET__READ(task->cred, cap_inheritable);
		state->privileges.permitted = CAP_SET__READ(task->cred, cap_permitted);
	}
}

#endif
