// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Exec: one record for each successful execve, sent late in the call, when credentials, memory and file are final. */
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi/record.h"
#include "lib/identity.h"
#include "lib/path.h"
#include "lib/ring.h"
#include "lib/task_state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define FILENAME_SHORT 192
#define COPY_CHUNK 256

struct exec_images {
	struct redan_image previous;
	struct redan_image creator;
};

/* What is known before the record is reserved. */
struct exec_job {
	struct exec_images images;
	struct path_walk cwd;
	u64 now, seq;
	u32 flags;
	u32 has_cwd;
	u32 filename_room, cwd_room; /* FILENAME_SHORT, PATH_SHORT, or what was measured */
	u32 args_total, args_len;
	u32 env_total, env_len;
};

/* Records the new image of the current process in its state and says which image it replaced. Global: see path.h. */
__weak __noinline int exec__take_over(struct exec_images *images, u64 now, u32 old_tid)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 tgid = task->tgid;
	struct task_state *state = bpf_task_storage_get(&task_states, task, 0, 0);
	struct task_state old;

	if (!images)
		return 0;
	if (state) {
		old = *state;
		state->image_time = now;
		state->image_flags = 0;
	} else {
		/* Only a thread whose leader has ended can find what that one left. */
		struct task_state *kept = old_tid != tgid ? bpf_map_lookup_elem(&leaderless_states, &tgid) : NULL;
		struct task_state new;

		if (kept) {
			old = *kept;
			bpf_map_delete_elem(&leaderless_states, &tgid);
		} else {
			old = task_state__learn(task);
		}
		new = old;
		new.image_time = now;
		new.image_flags = 0;
		state = task_state__create(task, &new);
	}
	if (state && state->privileges_origin != PRIVILEGES_OF_EXEC)
		privileges__keep(task, state, PRIVILEGES_OF_EXEC);
	images->previous.tgid = tgid;
	images->previous.time = old.image_time;
	images->previous.flags = old.image_flags;
	images->creator.time = old.creator_time;
	images->creator.tgid = old.creator_tgid;
	images->creator.flags = 0;
	/* What is learnt in an exec does not show the fork any more: the kernel counts the execs since then. */
	if ((old.image_flags & REDAN_IMAGE_LEARNT) && task->self_exec_id - task->parent_exec_id == 1)
		images->previous.flags |= REDAN_IMAGE_FORKED;
	return 0;
}

/* Which privileges the file gave, by the rules of bprm_fill_uid() (fs/exec.c) and cap_bprm_creds_from_file()
 * (security/commoncap.c); the credentials are committed by now, so the old ones cannot be compared.
 */
static __always_inline u32 exec__privileges(const struct task_struct *task, const struct linux_binprm *bprm)
{
	const struct cred *cred = task->cred;
	const struct file *file = bprm->file;
	u32 mode, flags = 0;

	if (!(bprm->per_clear & PER_CLEAR_ON_SETID)) /* set by both when the file gives anything */
		return 0;
	mode = file->f_inode->i_mode;
	if (!(file->f_path.mnt->mnt_flags & MNT_NOSUID) && !(task->atomic_flags & (1ul << PFA_NO_NEW_PRIVS))) {
		if ((mode & S_ISUID) && cred->euid.val != cred->uid.val)
			flags |= REDAN_EXEC_SETUID;
		if ((mode & S_ISGID) && (mode & S_IXGRP) && cred->egid.val != cred->gid.val)
			flags |= REDAN_EXEC_SETGID;
	}
	/* What is permitted beyond the ambient set comes from the file unless it comes from being root. */
	if (cred->euid.val && cred->uid.val && (CAP_SET__READ(cred, cap_permitted) & ~CAP_SET__READ(cred, cap_ambient)))
		flags |= REDAN_EXEC_FILE_CAPS;
	return flags;
}

/* State of a copy from user memory into the record. As in path.h, the running count lies in the record. */
struct user_copy {
	struct bpf_dynptr *record;
	u64 from;
	u32 *done;
	u32 offset;
	u32 len;
};

static long exec__copy_chunk(u64 index, void *ctx)
{
	struct user_copy *c = ctx;
	u32 done = *c->done;
	u32 n = c->len - done;

	if (done >= c->len)
		return 1;
	if (n > COPY_CHUNK)
		n = COPY_CHUNK;
	char *to = bpf_dynptr_data(c->record, c->offset + done, COPY_CHUNK);
	if (!to || bpf_probe_read_user(to, n, (void *)(c->from + done)))
		return 1;
	*c->done = done + n;
	return 0;
}

/* Copies `len` bytes of user memory to `offset` of the record, behind which it needs COPY_CHUNK bytes of room. *done, which lies
 * in the record and is 0, counts them: fewer than `len` if a page is not there.
 */
static __always_inline void exec__copy_user(struct bpf_dynptr *record, u32 offset, u64 from, u32 len, u32 *done)
{
	struct user_copy c = {.record = record, .from = from, .done = done, .offset = offset, .len = len};

	bpf_loop(REDAN_ARGS_MAX / COPY_CHUNK + 1, exec__copy_chunk, &c, 0);
}

static __always_inline void exec__start_cwd(const struct task_struct *task, struct exec_job *job)
{
	const struct fs_struct *fs = task->fs;

	if (fs->pwd.dentry == fs->root.dentry && fs->pwd.mnt == fs->root.mnt) {
		job->flags |= REDAN_EXEC_CWD_ROOT;
		return;
	}
	if (!settings.kernel_reads || !path__start_at_cwd(fs, &job->cwd)) {
		job->flags |= REDAN_EXEC_CWD_UNREADABLE;
		return;
	}
	job->has_cwd = 1;
	/* As in d_path(): unhashed, and not the root of its own file system. */
	if (!fs->pwd.dentry->d_hash.pprev && fs->pwd.dentry->d_parent != fs->pwd.dentry)
		job->flags |= REDAN_EXEC_CWD_DELETED;
}

/* The name given to execve, as the kernel has it; under lockdown the copy that the kernel has put at the top of the new
 * stack (AT_EXECFN), which is the same text.
 */
static __always_inline long exec__read_filename(const struct linux_binprm *bprm, char *to, u32 size)
{
	if (settings.kernel_reads)
		return bpf_probe_read_kernel_str(to, size, bprm->filename);
	return bpf_probe_read_user_str(to, size, (void *)bprm->exec);
}

/* Copies the file name to `offset`, where there is room for job->filename_room bytes. Returns its length, FILENAME_SHORT - 1 if
 * it did not fit in FILENAME_SHORT, 0 if it cannot be read.
 */
static __always_inline u32 exec__copy_filename(const struct linux_binprm *bprm, struct bpf_dynptr *record, u32 offset,
					       u32 room)
{
	long n = 0;

	if (room <= FILENAME_SHORT) {
		char *to = bpf_dynptr_data(record, offset, FILENAME_SHORT);
		if (to)
			n = exec__read_filename(bprm, to, FILENAME_SHORT);
	} else {
		char *to = bpf_dynptr_data(record, offset, REDAN_PATH_MAX);
		if (to)
			n = exec__read_filename(bprm, to, REDAN_PATH_MAX);
	}
	return n > 0 && n <= REDAN_PATH_MAX ? n - 1 : 0;
}

static __always_inline u32 exec__copy_cgroup_name(const struct task_struct *task, struct bpf_dynptr *record, u32 offset,
						  struct redan_exec *e)
{
	long n = 0;

	if (settings.kernel_reads) {
		char *to = bpf_dynptr_data(record, offset, REDAN_CGROUP_NAME_MAX);
		if (to)
			n = bpf_probe_read_kernel_str(to, REDAN_CGROUP_NAME_MAX, task->cgroups->dfl_cgrp->kn->name);
	}
	if (n <= 0 || n > REDAN_CGROUP_NAME_MAX) {
		e->hdr.flags |= REDAN_EXEC_CGROUP_NAME_UNREADABLE;
		return 0;
	}
	return n - 1;
}

static __always_inline void exec__fill(struct redan_exec *e, struct task_struct *task, const struct linux_binprm *bprm)
{
	const struct inode *inode = bprm->file->f_inode;

	cred__read(task->cred, task__login_uid(task), &e->cred);
	task__read_namespaces(task, &e->ns);
	e->exe_dev = inode->i_sb->s_dev;
	e->exe_nlink = inode->i_nlink;
	e->exe_ino = inode->i_ino;
	e->start_time = task->start_boottime;
	e->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	e->cwd_len = 0;
	e->args_len = 0;
	e->env_len = 0;
	e->pad0 = 0;
}

static __always_inline void exec__start_job(struct task_struct *task, u32 old_tid, struct exec_job *job)
{
	const struct mm_struct *mm = task->mm;

	job->now = bpf_ktime_get_boot_ns();
	/* State first: it must not depend on whether the record finds room. */
	exec__take_over(&job->images, job->now, old_tid);
	job->seq = ring__next_seq();
	if (old_tid != (u32)task->pid)
		job->flags |= REDAN_EXEC_BY_THREAD;
	exec__start_cwd(task, job);
	job->args_total = mm->arg_end - mm->arg_start;
	job->args_len = job->args_total > settings.args_max ? settings.args_max : job->args_total;
	if (settings.environment) {
		job->env_total = mm->env_end - mm->env_start;
		job->env_len = job->env_total > REDAN_ENV_MAX ? REDAN_ENV_MAX : job->env_total;
	}
}

/* Sends the record, or counts it as lost. False: the file name or the working directory is longer than the room for it. */
static __noinline bool exec__send(struct task_struct *task, const struct linux_binprm *bprm, const struct exec_job *job)
{
	const struct mm_struct *mm = task->mm;
	struct bpf_dynptr record;
	u32 offset, slack;

	/* Fixed-size windows are what the verifier lets a dynptr be written through; the last one may reach past the end. */
	slack = job->cwd_room > PATH_SHORT ? PATH_LONG_WINDOW : COPY_CHUNK;
	if (bpf_ringbuf_reserve_dynptr(&process_ring,
				       sizeof(struct redan_exec) + job->filename_room + job->cwd_room +
					       REDAN_CGROUP_NAME_MAX + job->args_len + job->env_len + slack,
				       0, &record)) {
		loss__count(REDAN_LOSS_RING_FULL_EXEC);
		bpf_ringbuf_discard_dynptr(&record, 0);
		return true;
	}
	struct redan_exec *e = bpf_dynptr_data(&record, 0, sizeof(*e));
	if (!e) {
		loss__count(REDAN_LOSS_RECORD_ACCESS);
		bpf_ringbuf_discard_dynptr(&record, 0);
		return true;
	}
	record__start(&e->hdr, REDAN_KIND_EXEC, job->now, task->tgid, task->pid);
	e->hdr.seq = job->seq;
	e->hdr.image_time = job->now;
	e->previous = job->images.previous;
	e->creator = job->images.creator;
	e->hdr.flags = job->flags | exec__privileges(task, bprm);
	exec__fill(e, task, bprm);
	e->args_total = job->args_total;
	e->env_total = job->env_total;
	offset = sizeof(*e);

	/* Strings, in the order of their lengths in the struct; each begins where the one before really ended. */
	if (job->has_cwd) {
		enum path_end end = path__copy(&job->cwd, &record, offset, &e->cwd_len, job->cwd_room);

		if (end == PATH_NO_ROOM && job->cwd_room == PATH_SHORT)
			goto no_room;
		if (end != PATH_COMPLETE)
			e->hdr.flags |= REDAN_EXEC_CWD_UNRESOLVED;
	}
	offset += e->cwd_len;
	e->filename_len = exec__copy_filename(bprm, &record, offset, job->filename_room);
	if (e->filename_len == FILENAME_SHORT - 1 && job->filename_room == FILENAME_SHORT)
		goto no_room;
	if (!e->filename_len)
		e->hdr.flags |= REDAN_EXEC_FILENAME_UNREADABLE;
	offset += e->filename_len;
	e->cgroup_name_len = exec__copy_cgroup_name(task, &record, offset, e);
	offset += e->cgroup_name_len;
	exec__copy_user(&record, offset, mm->arg_start, job->args_len, &e->args_len);
	if (e->args_len < job->args_len)
		e->hdr.flags |= REDAN_EXEC_ARGS_UNREADABLE;
	if (job->env_len) {
		exec__copy_user(&record, offset + e->args_len, mm->env_start, job->env_len, &e->env_len);
		if (e->env_len < job->env_len)
			e->hdr.flags |= REDAN_EXEC_ENV_UNREADABLE;
	}
	bpf_ringbuf_submit_dynptr(&record, ring__wakeup());
	return true;
no_room:
	bpf_ringbuf_discard_dynptr(&record, BPF_RB_NO_WAKEUP);
	return false;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, u32 old_tid, struct linux_binprm *bprm)
{
	struct exec_job job = {.filename_room = FILENAME_SHORT, .cwd_room = PATH_SHORT};

	exec__start_job(task, old_tid, &job);
	if (exec__send(task, bprm, &job))
		return 0;

	/* A longer one cannot be named by anybody; the copy stops at its end and says so. */
	u64 len = job.has_cwd ? path__measure(&job.cwd) : 0;
	job.cwd_room = len > REDAN_PATH_MAX ? REDAN_PATH_MAX : len > PATH_SHORT ? len : PATH_SHORT + 1;
	job.filename_room = REDAN_PATH_MAX;
	exec__send(task, bprm, &job);
	return 0;
}
