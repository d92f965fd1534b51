/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which processes descend from a binary that some filter follows (followChildren): marks that are kept for each task. */
#ifndef REDAN_LIB_FOLLOW_H
#define REDAN_LIB_FOLLOW_H

#include "lib/kernel_types.h"

#include <bpf/bpf_helpers.h>

/* A task without one: no member of any. */
struct follow_mark {
	u64 members; /* bit: the task, or one that it descends from, ran a binary of this filter */
	u64 unread;  /* 1: what it runs now could not be read */
};

/* Of threads, too: one that calls exec becomes the process. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct follow_mark);
} follow_marks __weak SEC(".maps");

#endif
