/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A string or a path in memory that programs work in, where the keys of value sets find it. */
#ifndef REDAN_LIB_TEXT_H
#define REDAN_LIB_TEXT_H

#include "abi/hook.h"
#include "lib/kernel_types.h"

/* A text is in `area` at `at`, behind eight bytes for the first two words of a set's key: so it is looked up where it is. Strings
 * begin at TEXT_HEAD; paths, written from their end, end at TEXT_END, behind which there are zeros only.
 */
#define TEXT_HEAD 8
#define TEXT_KEY 256 /* bytes that a key looks at */
#define TEXT_END (TEXT_HEAD + REDAN_TEXT_MAX)
#define TEXT_AREA (TEXT_END + TEXT_KEY + 8)

struct hook_text {
	u32 at;
	u32 len;
	u32 tail;       /* bytes at the end of a path which are no part of it: " (deleted)" */
	u32 components; /* of a path */
	u32 cursor;     /* while a text is put together */
	u32 out;
	char area[TEXT_AREA];
};

enum slot_flag {
	SLOT_CUT_PATH = 1 << 8, /* beside enum redan_arg_flag, not sent: does not decide anything */
};

/* The eight bytes before the text, which the key of a set begins with. The mask is for the verifier: `at` is at least TEXT_HEAD. */
static __always_inline void *text__key(struct hook_text *text)
{
	return text->area + ((text->at - TEXT_HEAD) & (REDAN_TEXT_MAX - 1));
}

#endif
