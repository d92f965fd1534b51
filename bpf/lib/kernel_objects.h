/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* More of the kernel's types, those that only the hooks of policies look at. As kernel_types.h. */
#ifndef REDAN_LIB_KERNEL_OBJECTS_H
#define REDAN_LIB_KERNEL_OBJECTS_H

#include "lib/kernel_types.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct filename {
	const char *name;
};

struct kiocb {
	struct file *ki_filp;
};

struct in6_addr {
	u8 bytes[16];
};

struct sock_common {
	u32 skc_daddr, skc_rcv_saddr;
	u16 skc_dport, skc_num; /* the first in network order */
	u16 skc_family;
	u8 skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	u32 sk_priority, sk_mark;
	u16 sk_type, sk_protocol;
};

struct socket {
	struct sock *sk;
};

struct sk_buff {
	unsigned int len;
	u8 active_extensions;
	u32 priority, hash, mark;
	u16 network_header;
	unsigned char *head;
	struct skb_ext *extensions;
};

struct skb_ext {
	u8 offset[1]; /* of each extension, in units of eight bytes */
};

struct sec_path {
	int len, olen;
};

struct bpf_prog_aux {
	char name[16];
};

struct bpf_prog {
	enum bpf_prog_type type;
	u32 len;
	struct bpf_prog_aux *aux;
};

struct bpf_map {
	enum bpf_map_type map_type;
	u32 key_size, value_size, max_entries;
	char name[16];
};

struct perf_event {
	struct perf_event_attr___hook {
		u32 type;
		u64 config, kprobe_func, probe_offset;
	} attr;
};

struct module {
	char name[56];
	unsigned long taints;
};

struct load_info {
	const char *name;
	struct module *mod;
	bool sig_ok;
};

struct net_device {
	char name[16];
};

struct iov_iter {
	u8 iter_type;
	size_t iov_offset, count;
	void *ubuf;
};

/* The registers at the entry of a system call (arch/x86/include/asm/ptrace.h). */
struct pt_regs___hook {
	unsigned long bp, bx, r10, r9, r8, cx, dx, si, di;
};

#pragma clang attribute pop

/* include/linux/socket.h */
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
/* include/uapi/linux/in.h, in6.h */
#define IPPROTO_HOPOPTS 0
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_AH 51
#define IPPROTO_DSTOPTS 60
/* include/linux/proc_ns.h: inode number of the initial user namespace, that of pid 1 */
#define USER_NS_INIT_INUM 0xEFFFFFFDu
/* include/linux/dcache.h and fs.h: where i_mode has the type of a file */
#define S_IFMT_SHIFT 12

#endif
