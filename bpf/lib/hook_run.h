/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One run of a hook: the selectors that the process passes, the arguments, the first selector that matches them, its actions. */
#ifndef REDAN_LIB_HOOK_RUN_H
#define REDAN_LIB_HOOK_RUN_H

#include "lib/hook_act.h"
#include "lib/hook_process.h"
#include "lib/hook_shortcuts.h"

#define RETURN_SELECTOR(first, k)                                                                                  \
	if ((k) >= (first) && plan.selectors[k].used && (passed & (1u << (k))) && selector__return_matches_##k(s)) \
		return (k) + 1;

/* The selector whose filters on the returned value match, from the one that matched the arguments on, plus 1; 0: none. */
static __noinline u32 selector__of_return(struct hook_scratch *s, u32 passed, u32 first)
{
	FOR_EACH_OF_FIVE(RETURN_SELECTOR, first)
	return 0;
}

static __noinline void hook__act(struct hook_scratch *s, u32 passed, u32 index)
{
	hook_selector *selector = &plan.selectors[index];
	struct task_struct *task = bpf_get_current_task_btf();
	struct hook_verdict verdict = {.selector = index, .action = REDAN_ACTION_POST};
	hook_selector *returning = NULL;
	bool post = true;

	HOOK_COUNT(matched[index]);

	struct redan_image image = task__image(task->group_leader);

	if (selector->used) {
		verdict.action = selector->action;
		post = selector->post;
		if ((plan.options & REDAN_HOOK_RETURNS)) {
			u32 at_return = selector__of_return(s, passed, index);

			if (!at_return)
				return;
			returning = &plan.selectors[(at_return - 1) & 7];
			verdict.return_action = returning->return_action;
			if (verdict.return_action == REDAN_ACTION_NO_POST)
				post = false;
		}
	}
	sockets__follow(s, selector, returning, &image);
	if (!post) {
		HOOK_COUNT(not_posted);
	} else if (selector->rate_ms && rate__exceeded(s, selector, index)) {
		HOOK_COUNT(rate_limited);
	} else if (hook__send(s, &verdict, &image)) {
		HOOK_COUNT(posted[index]);
		if (selector->renews)
			process__renew(selector->renews);
	} else {
		HOOK_COUNT(lost);
	}
}

#define DECIDE_SELECTOR(k)                                                                     \
	if (plan.selectors[k].used && (passed & (1u << (k))) && selector__args_match_##k(s)) { \
		hook__act(s, passed, k);                                                       \
		return 0;                                                                      \
	}

/* Not global, as what is dear in it is: to a global function of 6.1 its argument is no map's value any more, and no key. */
static __noinline int hook__decide(struct hook_scratch *s, u32 passed)
{
	slots__read(s);
	if (!plan.selectors[0].used) {
		hook__act(s, passed, 0);
		return 0;
	}
	FOR_EACH_SELECTOR(DECIDE_SELECTOR)
	return 0;
}

#define COPY_RAW(i)            \
	if (plan.args[i].type) \
		s->slots[i].raw = early->raw[i];

/* What is left: scratch memory, all that the plan looks at, and the selectors as they stand in it. */
static __noinline void hook__work(const struct hook_early *early, void *ctx, u32 passed)
{
	struct hook_scratch *s = scratch__take();

	if (!s)
		return;
	FOR_EACH_SLOT(COPY_RAW)
	s->record = (u64)ctx;
	hook__decide(s, passed);
	scratch__give(s);
}

/* A program's body: `take(ctx, i)` gives slot i's number. From the cheapest to the dearest: the system call, the binary's name,
 * numbers that are in registers, the process, a few loads, and only for what passes all of that the work proper.
 */
#define HOOK_TAKE_EARLY(take, i)           \
	if (shortcuts.slots & (1u << (i))) \
		early.raw[i] = take(ctx, i);
#define HOOK_TAKE_SLOTS(take)                       \
	__builtin_memset(&early, 0, sizeof(early)); \
	HOOK_TAKE_EARLY(take, 0)                    \
	HOOK_TAKE_EARLY(take, 1)                    \
	HOOK_TAKE_EARLY(take, 2)                    \
	HOOK_TAKE_EARLY(take, 3)                    \
	HOOK_TAKE_EARLY(take, 4)
#define HOOK_TAKE_REST(take, i)                                    \
	if (plan.args[i].type && !(shortcuts.slots & (1u << (i)))) \
		early.raw[i] = take(ctx, i);
#define HOOK_RUN(ctx, take)                                                                 \
	({                                                                                  \
		if ((!shortcuts.guarded || !guard__refutes(CTX_LOAD(ctx, GUARD_NUMBER))) && \
		    (!shortcuts.leaf_count || !leaves__refute())) {                         \
			struct hook_early early;                                            \
			u32 passed = ALL_SELECTORS;                                         \
                                                                                            \
			if (shortcuts.numbers) {                                            \
				HOOK_TAKE_SLOTS(take)                                       \
				passed = selectors__pass_numbers(&early);                   \
			}                                                                   \
			if (passed && plan.fields)                                          \
				passed = selectors__pass_process(passed);                   \
			if (passed && shortcuts.reads) {                                    \
				if (!shortcuts.numbers) {                                   \
					HOOK_TAKE_SLOTS(take)                               \
				}                                                           \
				passed = selectors__pass_reads(&early, passed);             \
			}                                                                   \
			if (passed) {                                                       \
				HOOK_TAKE_REST(take, 0)                                     \
				HOOK_TAKE_REST(take, 1)                                     \
				HOOK_TAKE_REST(take, 2)                                     \
				HOOK_TAKE_REST(take, 3)                                     \
				HOOK_TAKE_REST(take, 4)                                     \
				HOOK_TAKE_REST(take, 5)                                     \
				hook__work(&early, ctx, passed);                            \
			}                                                                   \
		}                                                                           \
		0;                                                                          \
	})

#endif
