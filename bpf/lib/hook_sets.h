/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The value sets of a hook: maps that user space fills before it attaches the program, and leaves out where the plan has no use
 * for them.
 */
#ifndef REDAN_LIB_HOOK_SETS_H
#define REDAN_LIB_HOOK_SETS_H

#include "lib/hook_scratch.h"

#define HOOK_SET(map_type, map_key)                             \
	struct {                                                \
		__uint(type, map_type);                         \
		__uint(map_flags, BPF_F_NO_PREALLOC);           \
		__uint(max_entries, 1); /* set by user space */ \
		__type(key, map_key);                           \
		__type(value, u8);                              \
	}

HOOK_SET(BPF_MAP_TYPE_HASH, struct redan_number_key) hook_numbers __weak SEC(".maps");
HOOK_SET(BPF_MAP_TYPE_HASH, struct redan_text_key) hook_texts __weak SEC(".maps");
HOOK_SET(BPF_MAP_TYPE_LPM_TRIE, struct redan_prefix_key) hook_prefixes __weak SEC(".maps");
HOOK_SET(BPF_MAP_TYPE_LPM_TRIE, struct redan_prefix_key) hook_postfixes __weak SEC(".maps");
HOOK_SET(BPF_MAP_TYPE_LPM_TRIE, struct redan_address4_key) hook_addresses4 __weak SEC(".maps");
HOOK_SET(BPF_MAP_TYPE_LPM_TRIE, struct redan_address6_key) hook_addresses6 __weak SEC(".maps");

static __always_inline bool set__has_number(u32 set, u64 value)
{
	struct redan_number_key key = {.value = value, .set = set};

	return bpf_map_lookup_elem(&hook_numbers, &key) != NULL;
}

/* The eight bytes before the text, which the key of a set begins with. The mask is for the verifier: `at` is at least TEXT_HEAD. */
static __always_inline void *text__key(struct hook_text *text)
{
	return text->area + ((text->at - TEXT_HEAD) & (REDAN_TEXT_MAX - 1));
}

static __always_inline bool set__has_text(struct hook_text *text, u32 set)
{
	struct redan_text_key *key = text__key(text);
	u32 len = text->len;

	if (len > REDAN_EQUAL_MAX)
		return false;
	key->set = set;
	key->len = len;
	return bpf_map_lookup_elem(&hook_texts, key) != NULL;
}

static __always_inline bool set__has_prefix(struct hook_text *text, u32 set)
{
	struct redan_prefix_key *key = text__key(text);
	u32 len = text->len;

	if (!len)
		return false;
	if (len > REDAN_PREFIX_MAX)
		len = REDAN_PREFIX_MAX;
	key->prefix_len = 8 * (sizeof(key->set) + len);
	key->set = set;
	return bpf_map_lookup_elem(&hook_prefixes, key) != NULL;
}

/* The last bytes of a text in reverse order. Global: the verifier goes through the loop once. */
__weak __noinline int text__reverse(const struct hook_text *text, struct redan_prefix_key *to)
{
	if (!text || !to)
		return 0;

	u32 len = text->len, end = text->at + len, n;

	for (n = 0; n < REDAN_POSTFIX_MAX; n++) {
		u32 from = end - 1 - n;

		if (n >= len || from >= TEXT_AREA)
			break;
		to->bytes[n] = text->area[from];
	}
	return n;
}

static __always_inline bool set__has_postfix(struct hook_scratch *s, struct hook_text *text, u32 set)
{
	u32 len = text__reverse(text, &s->reversed);

	if (!len)
		return false;
	s->reversed.prefix_len = 8 * (sizeof(s->reversed.set) + len);
	s->reversed.set = set;
	return bpf_map_lookup_elem(&hook_postfixes, &s->reversed) != NULL;
}

static __always_inline bool set__has_address4(u32 set, const u8 *address)
{
	struct redan_address4_key key = {.prefix_len = 8 * (sizeof(key.set) + 4), .set = set};

	__builtin_memcpy(key.address, address, 4);
	return bpf_map_lookup_elem(&hook_addresses4, &key) != NULL;
}

static __always_inline bool set__has_address6(u32 set, const u8 *address)
{
	struct redan_address6_key key = {.prefix_len = 8 * (sizeof(key.set) + 16), .set = set};

	__builtin_memcpy(key.address, address, 16);
	return bpf_map_lookup_elem(&hook_addresses6, &key) != NULL;
}

#endif
