/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Strings and bytes: from the kernel's or the user's memory to a slot's text. What is returned are flags of the slot. */
#ifndef REDAN_LIB_HOOK_TEXT_H
#define REDAN_LIB_HOOK_TEXT_H

#include "lib/compat.h"
#include "lib/hook_scratch.h"
#include "lib/kernel_objects.h"

#define BYTES_MAX (REDAN_TEXT_MAX - 1)
#define IOVEC_ENTRIES 7 /* as many as the language promises (section 5) */

/* Behind a text there are zeros as far as a key looks. */
static __always_inline void text__clear(struct hook_text *text)
{
	__builtin_memset(text->area, 0, TEXT_HEAD + TEXT_KEY);
	text->at = TEXT_HEAD;
	text->len = 0;
	text->tail = 0;
	text->components = 0;
}

static __noinline u32 text__read_string(struct hook_text *text, u64 from, bool user)
{
	long n = -1;

	text__clear(text);
	if (user)
		n = bpf_probe_read_user_str(text->area + TEXT_HEAD, REDAN_TEXT_MAX, (void *)from);
	else if (settings.kernel_reads)
		n = bpf_probe_read_kernel_str(text->area + TEXT_HEAD, REDAN_TEXT_MAX, (void *)from);
	if (n < 0)
		return REDAN_ARG_UNREADABLE;
	text->len = n ? n - 1 : 0;
	return 0;
}

static __noinline u32 text__read_bytes(struct hook_slot *slot, struct hook_text *text, u64 from, s64 size, bool user)
{
	u64 n = size < 0 ? 0 : size;
	u32 flags = 0;

	text__clear(text);
	slot->aux = n;
	if (n > BYTES_MAX) {
		n = BYTES_MAX;
		flags = REDAN_ARG_CUT;
	}
	if (n && (user ? bpf_probe_read_user(text->area + TEXT_HEAD, n, (void *)from)
		       : kernel__read(text->area + TEXT_HEAD, n, (void *)from)))
		return REDAN_ARG_UNREADABLE;
	text->len = n;
	return flags;
}

struct user_vector {
	u64 base, len;
};

#define APPEND_CHUNK TEXT_KEY

struct user_piece {
	struct hook_text
		*text; /* cursor: bytes that have been copied; out: those that are left. In memory: see path.h */
	u64 from;
};

static long text__append_chunk(u64 index, void *ctx)
{
	struct user_piece *piece = ctx;
	struct hook_text *text = piece->text;
	u32 n = text->out;

	if (!n)
		return 1;
	if (n > APPEND_CHUNK)
		n = APPEND_CHUNK;
	if (bpf_probe_read_user(text->area + TEXT_HEAD + (text->len & BYTES_MAX), n,
				(void *)(piece->from + text->cursor)))
		return 1;
	text->len += n;
	text->cursor += n;
	text->out -= n;
	return 0;
}

/* Adds a piece of user memory to the text; slot->aux counts all of it. In chunks, because the verifier does not see that the
 * sum of what is there and what comes is bounded.
 */
static __always_inline u32 text__append_user(struct hook_slot *slot, struct hook_text *text, u64 from, u64 size)
{
	struct user_piece piece = {.text = text, .from = from};
	u32 room = BYTES_MAX - (text->len & BYTES_MAX);
	u32 flags = size > room ? REDAN_ARG_CUT : 0;

	slot->aux += size;
	text->cursor = 0;
	text->out = size > room ? room : size;
	bpf_loop(REDAN_TEXT_MAX / APPEND_CHUNK, text__append_chunk, &piece, 0);
	return text->out ? REDAN_ARG_UNREADABLE : flags;
}

/* Global: see path.h. The first entries of a vector in user memory, one behind the other. */
__weak __noinline int text__read_vector(struct hook_slot *slot, struct hook_text *text, u64 vector, u64 count)
{
	struct user_vector entry;
	u32 flags = 0;

	if (!slot || !text)
		return REDAN_ARG_UNREADABLE;
	text__clear(text);
	slot->aux = 0;
	for (u32 i = 0; i < IOVEC_ENTRIES; i++) {
		if (i >= count)
			break;
		if (bpf_probe_read_user(&entry, sizeof(entry), (void *)(vector + i * sizeof(entry))))
			return REDAN_ARG_UNREADABLE;
		flags |= text__append_user(slot, text, entry.base, entry.len);
	}
	return flags;
}

static __noinline u32 text__read_iov_iter(struct hook_slot *slot, struct hook_text *text, u64 iter)
{
	u64 offset, count, from;
	u8 type;

	text__clear(text);
	slot->aux = 0;
	if (READ_FIELD(&type, struct iov_iter, iter, iter_type) ||
	    READ_FIELD(&offset, struct iov_iter, iter, iov_offset) || READ_FIELD(&count, struct iov_iter, iter, count))
		return REDAN_ARG_UNREADABLE;
	if (type == iov_iter__type_ubuf()) {
		if (READ_FIELD(&from, struct iov_iter, iter, ubuf))
			return REDAN_ARG_UNREADABLE;
	} else if (type == iov_iter__type_iovec()) { /* its first entry, as the language has it */
		struct user_vector entry;

		if (kernel__read(&from, sizeof(from), (void *)(iter + iov_iter__vector_offset())) ||
		    kernel__read(&entry, sizeof(entry), (void *)from))
			return REDAN_ARG_UNREADABLE;
		from = entry.base;
		if (offset > entry.len)
			return 0;
		if (count > entry.len - offset)
			count = entry.len - offset;
	} else {
		return 0;
	}
	return text__append_user(slot, text, from + offset, count);
}

#endif
