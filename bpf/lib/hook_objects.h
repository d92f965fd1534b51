/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arguments that are other objects of the kernel. They return flags of the slot. */
#ifndef REDAN_LIB_HOOK_OBJECTS_H
#define REDAN_LIB_HOOK_OBJECTS_H

#include "lib/compat.h"
#include "lib/hook_path.h"
#include "lib/hook_text.h"

static __noinline u32 file__read(struct hook_slot *slot, struct hook_text *text, u64 file)
{
	struct path_place place;
	u64 inode;
	u16 mode;

	hook_path__start_text(text);
	if (file__read_path(file, &place) || READ_WORD(&inode, struct file, file, f_inode) ||
	    READ_TYPED(&mode, struct inode, inode, i_mode))
		return REDAN_ARG_UNREADABLE;
	/* A typed load of what is no file gives 0, which no file has. */
	if (!place.vfsmount || !place.dentry || !inode)
		return REDAN_ARG_UNREADABLE;
	slot->aux = mode;
	slot->fields[REDAN_FIELD_FILE_TYPE] = mode >> S_IFMT_SHIFT;
	return hook_path__read(text, place.vfsmount, place.dentry);
}

/* The mode of what a dentry names; 0 if that does not exist. */
static __always_inline void dentry__read_mode(struct hook_slot *slot, u64 dentry)
{
	u64 inode = 0;
	u16 mode = 0;

	if (!READ_FIELD(&inode, struct dentry, dentry, d_inode) && inode)
		READ_FIELD(&mode, struct inode, inode, i_mode);
	slot->aux = mode;
	slot->fields[REDAN_FIELD_FILE_TYPE] = mode >> S_IFMT_SHIFT;
}

static __noinline u32 path__read(struct hook_slot *slot, struct hook_text *text, u64 path)
{
	struct path_place place;

	hook_path__start_text(text);
	if (kernel__read(&place, sizeof(place), (void *)path))
		return REDAN_ARG_UNREADABLE;
	dentry__read_mode(slot, place.dentry);
	return hook_path__read(text, place.vfsmount, place.dentry);
}

static __noinline u32 dentry__read(struct hook_slot *slot, struct hook_text *text, u64 dentry)
{
	dentry__read_mode(slot, dentry);
	return hook_path__read_dentry(text, dentry);
}

/* The file that the number means now, in the current process (fs/file.c, files_lookup_fd_raw()). */
static __noinline u32 fd__read(struct hook_slot *slot, struct hook_text *text, u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 files = (u64)task->files, table, array, file;
	u32 max_fds;

	hook_path__start_text(text);
	if (READ_FIELD(&table, struct files_struct, files, fdt) ||
	    READ_FIELD(&max_fds, struct fdtable, table, max_fds) || fd >= max_fds ||
	    READ_FIELD(&array, struct fdtable, table, fd) ||
	    kernel__read(&file, sizeof(file), (void *)array + 8ull * fd) || !file)
		return REDAN_ARG_UNREADABLE;
	return file__read(slot, text, file);
}

static __always_inline long user_ns__read(struct redan_arg_user_ns *to, u64 ns)
{
	return READ_FIELD(&to->level, struct user_namespace, ns, level) ||
	       READ_FIELD(&to->owner, struct user_namespace, ns, owner.val) ||
	       READ_FIELD(&to->group, struct user_namespace, ns, group.val) ||
	       READ_FIELD(&to->inum, struct user_namespace, ns, ns.inum);
}

/* One read for the whole struct, as far as it is used, would need its layout; the fields are few. */
static __noinline u32 cred__read_at(struct hook_slot *slot, u64 cred)
{
	struct redan_credentials *to = &slot->cred.cred;
	u64 ns;

	__builtin_memset(&slot->cred, 0, sizeof(slot->cred));
	to->auid = ~0u; /* a matter of the task */
	if (READ_FIELD(&to->uid, struct cred, cred, uid.val) || READ_FIELD(&to->gid, struct cred, cred, gid.val) ||
	    READ_FIELD(&to->euid, struct cred, cred, euid.val) || READ_FIELD(&to->egid, struct cred, cred, egid.val) ||
	    READ_FIELD(&to->suid, struct cred, cred, suid.val) || READ_FIELD(&to->sgid, struct cred, cred, sgid.val) ||
	    READ_FIELD(&to->fsuid, struct cred, cred, fsuid.val) ||
	    READ_FIELD(&to->fsgid, struct cred, cred, fsgid.val) ||
	    READ_FIELD(&to->securebits, struct cred, cred, securebits) || READ_FIELD(&ns, struct cred, cred, user_ns))
		return REDAN_ARG_UNREADABLE;
	/* Both layouts of a capability set (compat.h) have the same eight bytes on a little-endian machine. */
	if (kernel__read(&to->permitted, 8,
			 (void *)cred + bpf_core_field_offset(struct cred___cap_words, cap_permitted)) ||
	    kernel__read(&to->effective, 8,
			 (void *)cred + bpf_core_field_offset(struct cred___cap_words, cap_effective)) ||
	    kernel__read(&to->inheritable, 8,
			 (void *)cred + bpf_core_field_offset(struct cred___cap_words, cap_inheritable)) ||
	    user_ns__read(&slot->cred.user_ns, ns))
		return REDAN_ARG_UNREADABLE;
	return 0;
}

static __noinline u32 cap_set__read(struct hook_slot *slot, u64 set)
{
	return kernel__read(&slot->fields[REDAN_FIELD_VALUE], 8, (void *)set) ? REDAN_ARG_UNREADABLE : 0;
}

/* union bpf_attr of BPF_PROG_LOAD, the kernel's copy of it (include/uapi/linux/bpf.h: these fields never move). */
static __noinline u32 bpf_attr__read(struct hook_slot *slot, u64 attr)
{
	struct redan_arg_bpf *to = &slot->bpf;

	__builtin_memset(to, 0, sizeof(*to));
	if (kernel__read(&to->type, 4, (void *)attr + offsetof(union bpf_attr, prog_type)) ||
	    kernel__read(&to->count, 4, (void *)attr + offsetof(union bpf_attr, insn_cnt)) ||
	    kernel__read(to->name, sizeof(to->name), (void *)attr + offsetof(union bpf_attr, prog_name)))
		return REDAN_ARG_UNREADABLE;
	return 0;
}

static __noinline u32 bpf_prog__read(struct hook_slot *slot, u64 prog)
{
	struct redan_arg_bpf *to = &slot->bpf;
	u64 aux;

	__builtin_memset(to, 0, sizeof(*to));
	if (READ_FIELD(&to->type, struct bpf_prog, prog, type) || READ_FIELD(&to->count, struct bpf_prog, prog, len) ||
	    READ_FIELD(&aux, struct bpf_prog, prog, aux) || READ_FIELD(&to->name, struct bpf_prog_aux, aux, name))
		return REDAN_ARG_UNREADABLE;
	return 0;
}

static __noinline u32 bpf_map__read(struct hook_slot *slot, u64 map)
{
	struct redan_arg_bpf *to = &slot->bpf;

	__builtin_memset(to, 0, sizeof(*to));
	if (READ_FIELD(&to->type, struct bpf_map, map, map_type) ||
	    READ_FIELD(&to->key_size, struct bpf_map, map, key_size) ||
	    READ_FIELD(&to->value_size, struct bpf_map, map, value_size) ||
	    READ_FIELD(&to->count, struct bpf_map, map, max_entries) ||
	    READ_FIELD(&to->name, struct bpf_map, map, name))
		return REDAN_ARG_UNREADABLE;
	return 0;
}

/* Without a kprobe there is no name of a function. */
static __noinline u32 perf_event__read(struct hook_slot *slot, u64 event)
{
	struct redan_arg_perf *to = &slot->perf;
	u64 function;

	__builtin_memset(to, 0, sizeof(*to));
	if (READ_FIELD(&to->type, struct perf_event, event, attr.type) ||
	    READ_FIELD(&to->config, struct perf_event, event, attr.config) ||
	    READ_FIELD(&to->probe_offset, struct perf_event, event, attr.probe_offset) ||
	    READ_FIELD(&function, struct perf_event, event, attr.kprobe_func))
		return REDAN_ARG_UNREADABLE;
	if (function)
		bpf_probe_read_user_str(to->function, sizeof(to->function), (void *)function);
	return 0;
}

static __noinline u32 module__read(struct hook_slot *slot, u64 module)
{
	struct redan_arg_module *to = &slot->module;

	__builtin_memset(to, 0, sizeof(*to));
	if (kernel__read(to->name, sizeof(((struct module *)0)->name),
			 (void *)module + bpf_core_field_offset(struct module, name)) ||
	    READ_FIELD(&to->taints, struct module, module, taints))
		return REDAN_ARG_UNREADABLE;
	return 0;
}

static __noinline u32 load_info__read(struct hook_slot *slot, u64 info)
{
	struct redan_arg_module *to = &slot->module;
	u64 name, module;
	u8 signature_ok = 0;

	__builtin_memset(to, 0, sizeof(*to));
	if (!settings.kernel_reads || READ_FIELD(&name, struct load_info, info, name) ||
	    READ_FIELD(&module, struct load_info, info, mod))
		return REDAN_ARG_UNREADABLE;
	if (bpf_core_field_exists(((struct load_info *)0)->sig_ok)) /* as in 6.1 and 6.12 */
		READ_FIELD(&signature_ok, struct load_info, info, sig_ok);
	to->signature_ok = signature_ok;
	READ_FIELD(&to->taints, struct module, module, taints);
	return bpf_probe_read_kernel_str(to->name, sizeof(to->name), (void *)name) < 0 ? REDAN_ARG_UNREADABLE : 0;
}

#endif
