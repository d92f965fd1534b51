/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first half of a selector: what process it is. Decided before anything of the arguments is read. */
#ifndef REDAN_LIB_HOOK_PROCESS_H
#define REDAN_LIB_HOOK_PROCESS_H

#include "lib/follow.h"
#include "lib/hook_changes.h"
#include "lib/hook_filter.h"
#include "lib/hook_path.h"
#include "lib/hook_prefix.h"
#include "lib/identity.h"

#define LINEAGE_LEVELS 16

/* The process's number in its own pid namespace; 0 in the initial one. */
static __noinline u64 process__ns_pid(const struct task_struct *leader)
{
	const struct pid *pid = leader->thread_pid;
	u64 address = 0;
	int nr = 0;
	u32 level;

	if (!pid) /* it is being reaped */
		return 0;
	level = pid->level;
	/* As a plain number: a typed pointer takes constants only. */
	if (!level || kernel__read(&address, sizeof(address), &leader->thread_pid) ||
	    READ_FIELD(&nr, struct upid,
		       address + bpf_core_field_offset(struct pid, numbers) +
			       (u64)level * bpf_core_type_size(struct upid),
		       nr))
		return 0;
	return nr;
}

static __always_inline u64 process__namespace(const struct task_struct *task, u32 which)
{
	const struct nsproxy *ns = task->nsproxy;

	if (which == REDAN_NS_USER)
		return task->real_cred->user_ns->ns.inum;
	if (!ns) /* the task is ending */
		return 0;
	switch (which) {
	case REDAN_NS_UTS:
		return ns->uts_ns->ns.inum;
	case REDAN_NS_IPC:
		return ns->ipc_ns->ns.inum;
	case REDAN_NS_MNT:
		return ns->mnt_ns->ns.inum;
	case REDAN_NS_PID:
		return task__pid_namespace(task, ns->pid_ns_for_children->ns.inum);
	case REDAN_NS_PID_FOR_CHILDREN:
		return ns->pid_ns_for_children->ns.inum;
	case REDAN_NS_NET:
		return ns->net_ns->ns.inum;
	case REDAN_NS_TIME:
		return bpf_core_field_exists(ns->time_ns) ? ns->time_ns->ns.inum : 0; /* CONFIG_TIME_NS */
	case REDAN_NS_TIME_FOR_CHILDREN:
		return bpf_core_field_exists(ns->time_ns) ? ns->time_ns_for_children->ns.inum : 0;
	case REDAN_NS_CGROUP:
		return ns->cgroup_ns->ns.inum;
	}
	return 0;
}

/* A field of the current process, from REDAN_FIELD_PID on. */
static __noinline u64 process__number(u32 field)
{
	const struct task_struct *task = bpf_get_current_task_btf();

	switch (field) {
	case REDAN_FIELD_PID:
		return task->tgid;
	case REDAN_FIELD_NS_PID:
		return process__ns_pid(task->group_leader);
	case REDAN_FIELD_EFFECTIVE:
		return CAP_SET__READ(task->cred, cap_effective);
	case REDAN_FIELD_INHERITABLE:
		return CAP_SET__READ(task->cred, cap_inheritable);
	case REDAN_FIELD_PERMITTED:
		return CAP_SET__READ(task->cred, cap_permitted);
	case REDAN_FIELD_OTHER_USER_NS:
		return task->cred->user_ns->ns.inum != USER_NS_INIT_INUM;
	case REDAN_FIELD_NAMESPACE_CHANGES:
	case REDAN_FIELD_EFFECTIVE_CHANGES:
	case REDAN_FIELD_INHERITABLE_CHANGES:
	case REDAN_FIELD_PERMITTED_CHANGES:
		return process__changes(field);
	}
	return process__namespace(task, field - REDAN_FIELD_NAMESPACE);
}

static __noinline bool process__lineage_matches(hook_filter *f)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	bool in_namespace = f->field == REDAN_FIELD_NS_PID;
	bool found = false;

	task = task->group_leader;
	/* Language, 8.1: neither In nor NotIn matches a process in the initial namespace. */
	if (in_namespace && !process__ns_pid(task))
		return false;
	for (u32 i = 0; i <= LINEAGE_LEVELS && !found; i++) {
		u64 pid = in_namespace ? process__ns_pid(task) : (u64)task->tgid;

		found = f->count ? number__is_one_of(f, REDAN_OP_EQUAL, pid) : set__has_number(f->set, pid);
		if (!task->tgid) /* the idle task is its own parent */
			break;
		task = task->real_parent->group_leader;
	}
	return found != !!(f->options & REDAN_FILTER_NEGATE);
}

/* --- the binary: the path of the executable file, as the process sees it --- */

/* What the filters said of the binary, as long as the process runs that: a path is dear. Kept for each thread, which may have a
 * root of its own, so that nobody reads it while it is written.
 */
struct binary_verdict {
	u64 exec_id;
	u64 exe_file;
	u64 root;    /* a path is relative to it */
	u64 matches; /* bit: see BINARY_BIT */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct binary_verdict);
} hook_binaries __weak SEC(".maps");

#define BINARY_BIT(selector, i) (1ull << ((selector)*REDAN_HOOK_PROCESS_FILTERS + (i)))
#define USES_BINARY (plan.fields & (1u << REDAN_FIELD_BINARY))

#define JUDGE_BINARY(k, i)                                                                                 \
	if (plan.selectors[k].process[i].op && plan.selectors[k].process[i].field == REDAN_FIELD_BINARY && \
	    text__matches(s, &s->texts[0], &plan.selectors[k].process[i]))                                 \
		s->binary_matches |= BINARY_BIT(k, i);
#define JUDGE_BINARIES(k) FOR_EACH_OF_TWELVE(JUDGE_BINARY, k)

/* The result lies in memory, of whose contents the verifier knows nothing: so it does not go on once for each result. */
static __noinline u64 binary__judge(struct hook_scratch *s, u64 exe_file)
{
	struct path_place place;
	u32 flags;

	if (file__read_path(exe_file, &place))
		return 0;
	flags = hook_path__read(&s->texts[0], place.vfsmount, place.dentry);
	if ((flags & (REDAN_ARG_UNREADABLE | SLOT_CUT_PATH)) || !s->texts[0].len)
		return 0;
	s->binary_matches = 0;
	FOR_EACH_SELECTOR(JUDGE_BINARIES)
	return s->binary_matches;
}

static __noinline u64 binary__matches(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;
	struct fs_struct *fs = task->fs;
	struct binary_verdict *kept;
	struct hook_scratch *s;

	if (!mm || !fs) /* a kernel thread, or one that is ending: no filter on the binary matches */
		return 0;

	struct binary_verdict now = {
		.exec_id = task->self_exec_id,
		.exe_file = (u64)mm->exe_file,
		.root = (u64)fs->root.dentry,
	};

	kept = bpf_task_storage_get(&hook_binaries, task, 0, 0);
	if (kept && kept->exec_id == now.exec_id && kept->exe_file == now.exe_file && kept->root == now.root)
		return kept->matches;
	s = scratch__take();
	if (!s)
		return 0;
	now.matches = binary__judge(s, now.exe_file);
	scratch__give(s);
	if (kept)
		*kept = now;
	else if (!bpf_task_storage_get(&hook_binaries, task, &now, BPF_LOCAL_STORAGE_GET_F_CREATE))
		HOOK_COUNT(no_task_storage);
	return now.matches;
}

/* --- the binaries that it descends from --- */

static __noinline bool process__is_followed(hook_filter *f)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct follow_mark *mark;
	bool found;

	if (!task->mm) /* as with binary__matches() */
		return false;
	mark = bpf_task_storage_get(&follow_marks, task, 0, 0);
	found = mark && (mark->members & f->values[0][0]);
	if (!found && mark && mark->unread) {
		HOOK_COUNT(unreadable);
		return false;
	}
	return found != filter__negated(f);
}

/* --- the filters of a selector --- */

static __noinline bool process__matches(hook_filter *f)
{
	if (f->op == REDAN_OP_FOLLOWED)
		return process__is_followed(f);
	if (f->op == REDAN_OP_PIDS)
		return process__lineage_matches(f);
	return number__matches(f, process__number(f->field));
}

#define IS_BINARY(k, i) (plan.selectors[k].process[i].field == REDAN_FIELD_BINARY)
#define PROCESS_FILTER(k, i)                                                      \
	if (plan.selectors[k].process[i].op == REDAN_OP_NONE)                     \
		return true;                                                      \
	if (!IS_BINARY(k, i) && !process__matches(&plan.selectors[k].process[i])) \
		return false;
#define BINARY_FILTER(k, i)                                    \
	if (plan.selectors[k].process[i].op == REDAN_OP_NONE)  \
		return true;                                   \
	if (IS_BINARY(k, i) && !(binaries & BINARY_BIT(k, i))) \
		return false;

#define SELECTOR_PROCESS(k)                                                    \
	static __always_inline bool selector__process_matches_##k(void)        \
	{                                                                      \
		FOR_EACH_OF_TWELVE(PROCESS_FILTER, k)                          \
		return true;                                                   \
	}                                                                      \
	static __always_inline bool selector__binary_matches_##k(u64 binaries) \
	{                                                                      \
		FOR_EACH_OF_TWELVE(BINARY_FILTER, k)                           \
		return true;                                                   \
	}
FOR_EACH_SELECTOR(SELECTOR_PROCESS)

/* Selectors are used from the first on. */
#define PASS_SELECTOR(k, is_refuted)                \
	if (!plan.selectors[k].used)                \
		return passed & ((1u << (k)) - 1);  \
	if ((passed & (1u << (k))) && (is_refuted)) \
		passed &= ~(1u << (k));
#define PASS_NUMBERS(k) PASS_SELECTOR(k, !selector__process_matches_##k())
#define PASS_BINARY(k) PASS_SELECTOR(k, !selector__binary_matches_##k(binaries))

static __always_inline u32 selectors__pass_process_numbers(u32 passed)
{
	FOR_EACH_SELECTOR(PASS_NUMBERS)
	return passed;
}

static __always_inline u32 selectors__pass_binary(u32 passed)
{
	u64 binaries = binary__matches();

	FOR_EACH_SELECTOR(PASS_BINARY)
	return passed;
}

#define HAS_PROCESS_NUMBERS (plan.fields & ~(1u << REDAN_FIELD_BINARY))

/* Those of the selectors `passed` whose process filters match. Global: the result is just a number to what follows. */
__weak __noinline int selectors__pass_process(u32 passed)
{
	if (HAS_PROCESS_NUMBERS)
		passed = selectors__pass_process_numbers(passed);
	if (passed && USES_BINARY)
		passed = selectors__pass_binary(passed);
	return passed;
}

#endif
