/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arguments that are sockets, packets or addresses, and whose sockets are whose. They return flags of the slot. */
#ifndef REDAN_LIB_HOOK_SOCKETS_H
#define REDAN_LIB_HOOK_SOCKETS_H

#include "lib/hook_text.h"

#include <bpf/bpf_endian.h>

#define IPV6_EXTENSIONS_MAX 7
#define SKB_EXT_SEC_PATH \
	1 /* include/linux/skbuff.h; 1 in Debian's 6.1 and 6.12 (BTF), less without CONFIG_BRIDGE_NETFILTER */

struct tracked_socket {
	struct redan_image image;
	u32 tid, pad;
};

/* By struct sock. An entry of a socket that is gone is taken for the next one at its address: the oldest ones go first. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct tracked_socket);
} hook_sockets __weak SEC(".maps");

static __always_inline void socket__set_fields(struct hook_slot *slot)
{
	struct redan_arg_socket *socket = &slot->socket;

	slot->fields[REDAN_FIELD_FAMILY] = socket->family;
	slot->fields[REDAN_FIELD_PROTOCOL] = socket->protocol;
	slot->fields[REDAN_FIELD_STATE] = socket->state;
	slot->fields[REDAN_FIELD_SPORT] = socket->sport;
	slot->fields[REDAN_FIELD_DPORT] = socket->dport;
}

static __noinline u32 socket__read(struct hook_scratch *s, struct hook_slot *slot, u64 sock)
{
	struct redan_arg_socket *to = &slot->socket;
	struct tracked_socket *tracked;
	u64 key = sock;
	u16 port;

	__builtin_memset(to, 0, sizeof(*to));
	to->cookie = sock;
	if (READ_FIELD(&to->family, struct sock, sock, __sk_common.skc_family) ||
	    READ_FIELD(&to->state, struct sock, sock, __sk_common.skc_state) ||
	    READ_FIELD(&to->sport, struct sock, sock, __sk_common.skc_num) ||
	    READ_FIELD(&port, struct sock, sock, __sk_common.skc_dport) ||
	    READ_FIELD(&to->type, struct sock, sock, sk_type) ||
	    READ_FIELD(&to->protocol, struct sock, sock, sk_protocol) ||
	    READ_FIELD(&to->mark, struct sock, sock, sk_mark) ||
	    READ_FIELD(&to->priority, struct sock, sock, sk_priority))
		return REDAN_ARG_UNREADABLE;
	to->dport = bpf_ntohs(port);
	if (to->family == AF_INET) {
		READ_FIELD((u32 *)to->saddr, struct sock, sock, __sk_common.skc_rcv_saddr);
		READ_FIELD((u32 *)to->daddr, struct sock, sock, __sk_common.skc_daddr);
	} else if (to->family == AF_INET6) {
		READ_FIELD(&to->saddr, struct sock, sock, __sk_common.skc_v6_rcv_saddr);
		READ_FIELD(&to->daddr, struct sock, sock, __sk_common.skc_v6_daddr);
	} else { /* the ports are something else there */
		to->sport = 0;
		to->dport = 0;
	}
	socket__set_fields(slot);
	tracked = bpf_map_lookup_elem(&hook_sockets, &key);
	if (tracked) {
		s->owner = tracked->image;
		s->owner_tid = tracked->tid;
	}
	return 0;
}

static __always_inline void socket__track(struct hook_slot *slot, const struct redan_image *image, u32 tid)
{
	struct tracked_socket tracked = {.image = *image, .tid = tid};
	u64 key = slot->socket.cookie;

	bpf_map_update_elem(&hook_sockets, &key, &tracked, BPF_ANY);
}

static __always_inline void socket__untrack(struct hook_slot *slot)
{
	u64 key = slot->socket.cookie;

	bpf_map_delete_elem(&hook_sockets, &key);
}

/* struct sockaddr_in and sockaddr_in6; of others the family only. */
static __noinline u32 sockaddr__read(struct hook_slot *slot, u64 from, bool user)
{
	struct redan_arg_socket *to = &slot->socket;
	struct {
		u16 family, port;
		u8 address4[4];
		u8 address6[16];
	} in = {};
	long error;

	__builtin_memset(to, 0, sizeof(*to));
	error = user ? bpf_probe_read_user(&in.family, 2, (void *)from) : kernel__read(&in.family, 2, (void *)from);
	if (error)
		return REDAN_ARG_UNREADABLE;
	to->family = in.family;
	if (in.family == AF_INET)
		error = user ? bpf_probe_read_user(&in, 8, (void *)from) : kernel__read(&in, 8, (void *)from);
	else if (in.family == AF_INET6)
		error = user ? bpf_probe_read_user(&in, 24, (void *)from) : kernel__read(&in, 24, (void *)from);
	if (error)
		return REDAN_ARG_UNREADABLE;
	to->sport = bpf_ntohs(in.port);
	if (in.family == AF_INET)
		__builtin_memcpy(to->saddr, in.address4, 4);
	else
		__builtin_memcpy(to->saddr, in.address6, 16);
	socket__set_fields(slot);
	return 0;
}

#define UN_PATH_MAX 108

/* The name: a path up to its end, or NUL and what follows. */
static __noinline u32 sockaddr_un__read(struct hook_slot *slot, struct hook_text *text, u64 from, bool user)
{
	u16 family = 0;
	long error;

	text__clear(text);
	error = user ? bpf_probe_read_user(&family, 2, (void *)from) : kernel__read(&family, 2, (void *)from);
	if (error)
		return REDAN_ARG_UNREADABLE;
	slot->aux = family;
	slot->fields[REDAN_FIELD_FAMILY] = family;
	if (family != AF_UNIX)
		return 0;
	/* The kernel's copy has sizeof(struct sockaddr_storage); the user's may end earlier, at the end of a page. */
	if (user ? bpf_probe_read_user(text->area + TEXT_HEAD, UN_PATH_MAX, (void *)from + 2)
		 : kernel__read(text->area + TEXT_HEAD, UN_PATH_MAX, (void *)from + 2))
		return REDAN_ARG_UNREADABLE;
	if (!text->area[TEXT_HEAD]) {
		text->len = UN_PATH_MAX;
		return 0;
	}
	return text__read_string(text, from + 2, user);
}

/* --- packets --- */

struct packet {
	u64 l4;
	u8 protocol;
};

static __always_inline bool packet__read_ipv4(struct redan_arg_socket *to, u64 header, struct packet *packet)
{
	u8 ip[20];

	if (kernel__read(ip, sizeof(ip), (void *)header))
		return false;
	to->family = AF_INET;
	packet->protocol = ip[9];
	packet->l4 = header + 4 * (ip[0] & 15);
	__builtin_memcpy(to->saddr, ip + 12, 4);
	__builtin_memcpy(to->daddr, ip + 16, 4);
	return true;
}

static __always_inline bool packet__read_ipv6(struct redan_arg_socket *to, u64 header, struct packet *packet)
{
	u8 ip[40];

	if (kernel__read(ip, sizeof(ip), (void *)header))
		return false;
	to->family = AF_INET6;
	packet->protocol = ip[6];
	packet->l4 = header + sizeof(ip);
	__builtin_memcpy(to->saddr, ip + 8, 16);
	__builtin_memcpy(to->daddr, ip + 24, 16);
	for (u32 i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		u8 protocol = packet->protocol;
		u8 next[2];

		if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_ROUTING && protocol != IPPROTO_FRAGMENT &&
		    protocol != IPPROTO_AH && protocol != IPPROTO_DSTOPTS)
			break;
		if (kernel__read(next, sizeof(next), (void *)packet->l4))
			return false;
		packet->protocol = next[0];
		packet->l4 += protocol == IPPROTO_FRAGMENT ? 8
			      : protocol == IPPROTO_AH     ? 4 * (next[1] + 2u)
							   : 8 * (next[1] + 1u);
	}
	return true;
}

static __always_inline void packet__read_sec_path(struct redan_arg_socket *to, u64 skb)
{
	u64 extensions;
	u8 active, offset;

	if (READ_FIELD(&active, struct sk_buff, skb, active_extensions) || !(active & (1 << SKB_EXT_SEC_PATH)) ||
	    READ_FIELD(&extensions, struct sk_buff, skb, extensions))
		return;
	if (kernel__read(&offset, 1,
			 (void *)extensions + bpf_core_field_offset(struct skb_ext, offset) + SKB_EXT_SEC_PATH))
		return;
	READ_FIELD(&to->sec_path_len, struct sec_path, extensions + 8 * offset, len);
	READ_FIELD(&to->sec_path_olen, struct sec_path, extensions + 8 * offset, olen);
}

/* Global: see path.h. */
__weak __noinline int packet__read(struct hook_slot *slot, u64 skb)
{
	struct packet packet = {};
	u64 head, header;
	u16 network, ports[2];
	u8 version;

	if (!slot)
		return REDAN_ARG_UNREADABLE;
	struct redan_arg_socket *to = &slot->socket;
	__builtin_memset(to, 0, sizeof(*to));
	to->cookie = skb;
	if (READ_FIELD(&to->len, struct sk_buff, skb, len) || READ_FIELD(&to->hash, struct sk_buff, skb, hash) ||
	    READ_FIELD(&to->mark, struct sk_buff, skb, mark) ||
	    READ_FIELD(&to->priority, struct sk_buff, skb, priority) || READ_FIELD(&head, struct sk_buff, skb, head) ||
	    READ_FIELD(&network, struct sk_buff, skb, network_header))
		return REDAN_ARG_UNREADABLE;
	packet__read_sec_path(to, skb);
	header = head + network;
	if (kernel__read(&version, 1, (void *)header))
		return REDAN_ARG_UNREADABLE;
	/* What is not IP has no addresses. */
	if (version >> 4 == 4 ? packet__read_ipv4(to, header, &packet)
			      : version >> 4 == 6 && packet__read_ipv6(to, header, &packet)) {
		to->protocol = packet.protocol;
		if ((packet.protocol == IPPROTO_TCP || packet.protocol == IPPROTO_UDP) &&
		    !kernel__read(ports, sizeof(ports), (void *)packet.l4)) {
			to->sport = bpf_ntohs(ports[0]);
			to->dport = bpf_ntohs(ports[1]);
		}
	}
	socket__set_fields(slot);
	return 0;
}

#endif
