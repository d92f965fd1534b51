/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Credentials, namespaces, executable and cgroup of a task, by typed loads (which work under lockdown, too). */
#ifndef REDAN_LIB_IDENTITY_H
#define REDAN_LIB_IDENTITY_H

#include "abi/record.h"
#include "lib/compat.h"
#include "lib/shared.h"

static __always_inline void cred__read(const struct cred *cred, u32 login_uid, struct redan_credentials *to)
{
	to->uid = cred->uid.val;
	to->gid = cred->gid.val;
	to->euid = cred->euid.val;
	to->egid = cred->egid.val;
	to->suid = cred->suid.val;
	to->sgid = cred->sgid.val;
	to->fsuid = cred->fsuid.val;
	to->fsgid = cred->fsgid.val;
	to->securebits = cred->securebits;
	to->auid = login_uid;
	to->permitted = CAP_SET__READ(cred, cap_permitted);
	to->effective = CAP_SET__READ(cred, cap_effective);
	to->inheritable = CAP_SET__READ(cred, cap_inheritable);
}

/* Inode number of the task's active pid namespace, that of its pid (include/linux/pid.h, ns_of_pid()). Below the initial
 * namespace it takes reads of kernel memory; without them the namespace for children stands in, which differs only between
 * unshare(CLONE_NEWPID) or setns and the end of that process.
 */
static __always_inline u32 task__pid_namespace(const struct task_struct *task, u32 for_children)
{
	const struct pid *pid = task->thread_pid;
	u32 level;

	if (!pid) /* the task is being reaped */
		return for_children;
	level = pid->level;
	if (!level)
		return pid->numbers[0].ns->ns.inum;
	if (!settings.kernel_reads)
		return for_children;

	/* An index that is not known in advance needs a plain number for an address: typed pointers take constants only. */
	u64 address = 0;
	bpf_probe_read_kernel(&address, sizeof(address), &task->thread_pid);
	const struct upid *own = (void *)(address + bpf_core_field_offset(struct pid, numbers) +
					  (u64)level * bpf_core_type_size(struct upid));
	return BPF_CORE_READ(own, ns, ns.inum);
}

static __always_inline void task__read_namespaces(const struct task_struct *task, struct redan_namespaces *to)
{
	const struct nsproxy *ns = task->nsproxy;

	__builtin_memset(to, 0, sizeof(*to));
	to->inum[REDAN_NS_USER] = task->real_cred->user_ns->ns.inum;
	if (!ns) /* the task is ending */
		return;
	to->inum[REDAN_NS_UTS] = ns->uts_ns->ns.inum;
	to->inum[REDAN_NS_IPC] = ns->ipc_ns->ns.inum;
	to->inum[REDAN_NS_MNT] = ns->mnt_ns->ns.inum;
	to->inum[REDAN_NS_PID_FOR_CHILDREN] = ns->pid_ns_for_children->ns.inum;
	to->inum[REDAN_NS_PID] = task__pid_namespace(task, to->inum[REDAN_NS_PID_FOR_CHILDREN]);
	to->inum[REDAN_NS_NET] = ns->net_ns->ns.inum;
	if (bpf_core_field_exists(ns->time_ns)) { /* CONFIG_TIME_NS */
		to->inum[REDAN_NS_TIME] = ns->time_ns->ns.inum;
		to->inum[REDAN_NS_TIME_FOR_CHILDREN] = ns->time_ns_for_children->ns.inum;
	}
	to->inum[REDAN_NS_CGROUP] = ns->cgroup_ns->ns.inum;
}

#endif
