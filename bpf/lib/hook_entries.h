/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What functions were called with, for hooks where they return and that are no fexit programs. A program at the entry keeps it by the
 * place of the call on the stack, which neither preemption nor recursion can mistake. The last hook at the return takes it away: so a
 * call that is still there when the next one comes to its place has returned unseen.
 */
#ifndef REDAN_LIB_HOOK_ENTRIES_H
#define REDAN_LIB_HOOK_ENTRIES_H

#include "lib/hook_plan.h"
#include "lib/hook_sources.h"

/* Of all hooks. The oldest calls make room: they may have ended unseen, with their task. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct redan_entry_key);
	__type(value, struct redan_entry);
} hook_entries __weak SEC(".maps");

/* Of each program at an entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct redan_entry_place);
} hook_place __weak SEC(".maps");

/* The kretprobe's own handler has run: of the probes at one place the kernel calls the latest first (kernel/kprobes.c,
 * add_new_kprobe()), and it is attached after this one. Had it found room, the call would return to the kernel's trampoline. Kernels
 * from 6.7 on tell themselves how often it did not (src/kernel/hook_sites.cpp takes the larger count); 6.1 does not.
 */
static __always_inline bool entry__is_unnoted(struct redan_entry_place *place, u64 stack)
{
	u64 returns_to;

	if (!place->noted || !place->period || bpf_probe_read_kernel(&returns_to, sizeof(returns_to), (void *)stack))
		return false;
	if (returns_to == place->noted)
		return false;
	__sync_fetch_and_add(&place->missed, 1);
	return true;
}

static __always_inline void entry__keep(void *ctx)
{
	u32 only = 0;
	struct redan_entry_place *place = bpf_map_lookup_elem(&hook_place, &only);
	struct redan_entry *before;
	struct redan_entry entry = {};

	if (!place || entry__is_unnoted(place, CTX_LOAD(ctx, REGISTERS_STACK)))
		return;
	entry.key.task = bpf_get_current_task();
	entry.key.stack = CTX_LOAD(ctx, REGISTERS_STACK);
	entry.key.place = place->number;
	entry.thread = bpf_get_current_pid_tgid();
	entry.period = place->period;
#pragma unroll
	for (u32 i = 0; i < REDAN_ENTRY_ARGS; i++)
		entry.args[i] = registers__parameter(ctx, i);
	before = bpf_map_lookup_elem(&hook_entries, &entry.key);
	/* Of another thread: it has ended inside of the function. */
	if (before && entry.period && before->period == entry.period && before->thread == entry.thread)
		__sync_fetch_and_add(&place->missed, 1);
	bpf_map_update_elem(&hook_entries, &entry.key, &entry, BPF_ANY); /* if it fails, the return will tell */
}

/* The stack pointer that a kretprobe sees is that behind the return address, which has been taken from the stack
 * (arch/x86/kernel/rethook.c: it puts the address of its own code there, and corrects the pointer by what it has pushed).
 */
static __always_inline void entry__key(struct redan_entry_key *key, void *ctx)
{
	key->task = bpf_get_current_task();
	key->stack = CTX_LOAD(ctx, REGISTERS_STACK) - sizeof(u64);
	key->place = plan.place;
}

/* Copied: it may be given away if there are too many calls at once. */
static __always_inline bool entry__find(void *ctx, u64 *args)
{
	struct redan_entry_key key;
	volatile struct redan_entry *entry;
	bool found = false;

	entry__key(&key, ctx);
	entry = bpf_map_lookup_elem(&hook_entries, &key);
	if (entry) {
#pragma unroll
		for (u32 i = 0; i < REDAN_ENTRY_ARGS; i++)
			args[i] = entry->args[i];
		found = entry->key.task == key.task && entry->key.stack == key.stack;
	}
	if (!found)
		HOOK_COUNT(unpaired);
	return found;
}

static __always_inline void entry__forget(void *ctx)
{
	struct redan_entry_key key;

	entry__key(&key, ctx);
	bpf_map_delete_elem(&hook_entries, &key);
}

#endif
