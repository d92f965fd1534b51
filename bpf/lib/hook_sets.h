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
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* set by user space */
	__type(key, struct redan_text_key);
	__type(value, u32); /* what the next piece's key begins with */
} hook_pieces __weak SEC(".maps");

HOOK_SET(BPF_MAP_TYPE_LPM_TRIE, struct redan_prefix_key) hook_prefixes __weak SEC(".maps");
HOOK_SET(BPF_MAP_TYPE_LPM_TRIE, struct redan_prefix_key) hook_postfixes __weak SEC(".maps");
HOOK_SET(BPF_MAP_TYPE_LPM_TRIE, struct redan_address4_key) hook_addresses4 __weak SEC(".maps");
HOOK_SET(BPF_MAP_TYPE_LPM_TRIE, struct redan_address6_key) hook_addresses6 __weak SEC(".maps");

static __always_inline bool set__has_number(u32 set, u64 value)
{
	struct redan_number_key key = {.value = value, .set = set};

	return bpf_map_lookup_elem(&hook_numbers, &key) != NULL;
}

/* What of the text begins at `from`, as a key: its first words are written over the eight bytes before, for as long as it takes. */
static __always_inline u32 piece__find(struct hook_text *text, u32 from, u32 state, u32 len)
{
	u64 *place = (u64 *)(text->area + ((from - TEXT_HEAD) & (REDAN_TEXT_MAX - 1)));
	struct redan_text_key *key = (struct redan_text_key *)place;
	u64 before = *place;
	u32 *next;

	key->set = state;
	key->len = len;
	next = bpf_map_lookup_elem(&hook_pieces, key);
	*place = before;
	return next ? *next : 0;
}

static __noinline bool set__has_long_text(struct hook_text *text, u32 set)
{
	u32 state = set, left = text->len, from = text->at, end = from + left;

	barrier_var(end); /* else what is compared is not what is used */
	if (end > TEXT_END)
		return false;
	/* There may be something behind a long string; the key of the last piece looks at zeros there. */
	__builtin_memset(text->area + end, 0, TEXT_KEY);
	for (u32 i = 0; i < REDAN_TEXT_MAX / REDAN_PIECE; i++) {
		if (left <= REDAN_PIECE)
			return piece__find(text, from, state, left | REDAN_PIECE_LAST);
		state = piece__find(text, from, state, REDAN_PIECE);
		if (!state)
			return false;
		left -= REDAN_PIECE;
		from += REDAN_PIECE;
	}
	return false;
}

static __always_inline bool set__has_text(struct hook_text *text, u32 set, bool has_long)
{
	struct redan_text_key *key = text__key(text);
	u32 len = text->len;

	if (len > REDAN_EQUAL_SHORT)
		return has_long && set__has_long_text(text, set);
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
