/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The arguments of a hook, each once, from the numbers that its source gave. */
#ifndef REDAN_LIB_HOOK_ARGS_H
#define REDAN_LIB_HOOK_ARGS_H

#include "lib/hook_objects.h"
#include "lib/hook_sockets.h"

#define TS_COMPAT 0x0002 /* arch/x86/include/asm/thread_info.h: the system call is a 32-bit one */
#define SYSCALL_32BIT (1u << 31)

/* A number of `size` bytes, of whose register the rest is undefined. */
static __always_inline u64 number__extend(u64 raw, u32 size, bool is_signed)
{
	switch (size) {
	case 1:
		return is_signed ? (u64)(s64)(signed char)raw : (u8)raw;
	case 2:
		return is_signed ? (u64)(s64)(short)raw : (u16)raw;
	case 4:
		return is_signed ? (u64)(s64)(int)raw : (u32)raw;
	}
	return raw;
}

/* Of a type that is a number as it is, without any read that could fail. */
static __always_inline u64 number__of(hook_arg *arg, u64 raw)
{
	switch (arg->type) {
	case REDAN_ARG_CAPABILITY:
		return number__extend(raw, 4, true);
	case REDAN_ARG_SYSCALL: {
		const struct task_struct *task = bpf_get_current_task_btf();
		u32 number = raw;

		return task->thread_info.status & TS_COMPAT ? number | SYSCALL_32BIT : number;
	}
	}
	return number__extend(raw, arg->size, arg->options & REDAN_ARG_SIGNED);
}

static __always_inline s64 slot__size(struct hook_scratch *s, hook_arg *arg)
{
	u32 from = arg->size_slot;

	if (arg->options & REDAN_ARG_RETURN_COPY)
		from = REDAN_HOOK_SLOT_RETURN + 1;
	return from ? (s64)s->slots[from - 1].fields[REDAN_FIELD_VALUE] : 0;
}

/* A tracepoint's dynamic string: its offset in the record is the lower half of the field, its length the upper one. */
static __always_inline u32 data_loc__read(struct hook_scratch *s, struct hook_slot *slot, struct hook_text *text)
{
	return text__read_string(text, s->record + (slot->raw & 0xffff), false);
}

static __always_inline u32 filename__read(struct hook_text *text, u64 filename)
{
	u64 name;

	text__clear(text);
	if (READ_FIELD(&name, struct filename, filename, name))
		return REDAN_ARG_UNREADABLE;
	return text__read_string(text, name, false);
}

static __always_inline u32 net_device__read(struct hook_text *text, u64 device)
{
	return text__read_string(text, device + bpf_core_field_offset(struct net_device, name), false);
}

static __always_inline u32 kiocb__read(struct hook_slot *slot, struct hook_text *text, u64 kiocb)
{
	u64 file;

	hook_path__start_text(text);
	return READ_FIELD(&file, struct kiocb, kiocb, ki_filp) ? REDAN_ARG_UNREADABLE : file__read(slot, text, file);
}

static __always_inline u32 binprm__read(struct hook_slot *slot, struct hook_text *text, u64 bprm)
{
	u64 file;

	hook_path__start_text(text);
	return READ_FIELD(&file, struct linux_binprm, bprm, file) ? REDAN_ARG_UNREADABLE : file__read(slot, text, file);
}

static __always_inline u32 socket__read_sock(struct hook_scratch *s, struct hook_slot *slot, u64 socket)
{
	u64 sock;

	return READ_FIELD(&sock, struct socket, socket, sk) ? REDAN_ARG_UNREADABLE : socket__read(s, slot, sock);
}

static __always_inline u32 user_ns__read_arg(struct hook_slot *slot, u64 ns)
{
	return user_ns__read(&slot->user_ns, ns) ? REDAN_ARG_UNREADABLE : 0;
}

/* What is behind a pointer. Returns flags of the slot. */
static __always_inline u32 slot__read_pointer(struct hook_scratch *s, hook_arg *arg, u32 index)
{
	struct hook_slot *slot = &s->slots[index];
	struct hook_text *text = &s->texts[index];
	u64 raw = slot->raw;
	/* The user's half of the addresses is positive. Of functions in the kernel nobody tells which half a pointer is of. */
	bool user = (arg->options & REDAN_ARG_USER) || (s64)raw > 0;

	switch (arg->type) {
	case REDAN_ARG_STRING:
		return text__read_string(text, raw, user);
	case REDAN_ARG_BYTES:
		return text__read_bytes(slot, text, raw, slot__size(s, arg), user);
	case REDAN_ARG_ARRAY:
		return text__read_bytes(slot, text, s->record + arg->offset, arg->size, false);
	case REDAN_ARG_IOVEC:
		return text__read_vector(slot, text, raw, slot__size(s, arg));
	case REDAN_ARG_IOV_ITER:
		return text__read_iov_iter(slot, text, raw);
	case REDAN_ARG_FILENAME:
		return filename__read(text, raw);
	case REDAN_ARG_DATA_LOC:
		return data_loc__read(s, slot, text);
	case REDAN_ARG_NET_DEVICE:
		return net_device__read(text, raw);
	case REDAN_ARG_FILE:
		return file__read(slot, text, raw);
	case REDAN_ARG_PATH:
		return path__read(slot, text, raw);
	case REDAN_ARG_DENTRY:
		return dentry__read(slot, text, raw);
	case REDAN_ARG_FD:
		return fd__read(slot, text, raw);
	case REDAN_ARG_KIOCB:
		return kiocb__read(slot, text, raw);
	case REDAN_ARG_BINPRM:
		return binprm__read(slot, text, raw);
	case REDAN_ARG_SOCK:
		return socket__read(s, slot, raw);
	case REDAN_ARG_SOCKET:
		return socket__read_sock(s, slot, raw);
	case REDAN_ARG_SKB:
		return packet__read(slot, raw);
	case REDAN_ARG_SOCKADDR:
		return sockaddr__read(slot, raw, user);
	case REDAN_ARG_SOCKADDR_UN:
		return sockaddr_un__read(slot, text, raw, user);
	case REDAN_ARG_CRED:
		return cred__read_at(slot, raw);
	case REDAN_ARG_USER_NS:
		return user_ns__read_arg(slot, raw);
	case REDAN_ARG_CAP_SET:
		return cap_set__read(slot, raw);
	case REDAN_ARG_BPF_ATTR:
		return bpf_attr__read(slot, raw);
	case REDAN_ARG_BPF_PROG:
		return bpf_prog__read(slot, raw);
	case REDAN_ARG_BPF_MAP:
		return bpf_map__read(slot, raw);
	case REDAN_ARG_PERF_EVENT:
		return perf_event__read(slot, raw);
	case REDAN_ARG_MODULE:
		return module__read(slot, raw);
	case REDAN_ARG_LOAD_INFO:
		return load_info__read(slot, raw);
	}
	return REDAN_ARG_UNREADABLE;
}

static __noinline void slot__read(struct hook_scratch *s, u32 index)
{
	hook_arg *arg = &plan.args[index];
	struct hook_slot *slot = &s->slots[index];
	u32 flags;

	slot->aux = 0;
	flags = slot__read_pointer(s, arg, index);
	slot->flags = flags;
	if (flags & (REDAN_ARG_UNREADABLE | SLOT_CUT_PATH))
		HOOK_COUNT(unreadable);
}

#define READ_NUMBER(i)                                                                              \
	if (arg_type__is_number(plan.args[i].type)) {                                               \
		s->slots[i].flags = 0;                                                              \
		s->slots[i].aux = 0;                                                                \
		s->slots[i].fields[REDAN_FIELD_VALUE] = number__of(&plan.args[i], s->slots[i].raw); \
	}
#define READ_POINTER(i)                                                   \
	if (plan.args[i].type && !arg_type__is_number(plan.args[i].type)) \
		slot__read(s, i);

/* Numbers first: some are the sizes of what others point to. */
static __always_inline void slots__read(struct hook_scratch *s)
{
	s->owner.tgid = 0;
	FOR_EACH_SLOT(READ_NUMBER)
	FOR_EACH_SLOT(READ_POINTER)
}

#endif
