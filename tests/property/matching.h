// SPDX-License-Identifier: Apache-2.0
/* The production matching headers (bpf/lib/hook_run.h and what it includes) as a library of the host, and objects of a kernel for
 * them to look at. One thread; everything is of the plan that was loaded last.
 */
#ifndef REDAN_PROPERTY_MATCHING_H
#define REDAN_PROPERTY_MATCHING_H

#include <stddef.h>

#include "abi/hook.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MATCHING_LEVELS_MAX 8
#define MATCHING_UNREADABLE 0x10ull /* a pointer that cannot be followed */
#define MATCHING_FD 5               /* the number of the file that matching_set_fd() sets */

/** Makes `plan` the hook's. Its value sets and counters are empty then, and there are no objects. */
void matching_load(const struct redan_hook_plan* plan);

/** What user space derives of the plan; matching_load() takes them away. */
void matching_set_shortcuts(const struct redan_hook_shortcuts* from);

enum matching_set {
  MATCHING_NUMBERS,
  MATCHING_TEXTS,
  MATCHING_PREFIXES,
  MATCHING_POSTFIXES,
  MATCHING_ADDRESSES4,
  MATCHING_ADDRESSES6,
};
/** Puts a key, e.g. a struct redan_text_key, into a set of the hook. */
void matching_insert(enum matching_set set, const void* key);
/** The same for a piece of a long text. */
void matching_insert_piece(const struct redan_text_key* key, __u32 next);

struct matching_process {
  __u32 pids[MATCHING_LEVELS_MAX];    /* of the process, its parent and so on; 0 ends it */
  __u32 ns_pids[MATCHING_LEVELS_MAX]; /* 0: in the initial namespace */
  __u64 effective, inheritable, permitted;
  struct redan_namespaces namespaces;
  /* What the sensor has kept of it. */
  __u64 kept_effective, kept_inheritable, kept_permitted;
  struct redan_namespaces kept_namespaces;
  __u32 is_in_other_user_ns;
  __u32 is_compat;    /* in a system call of 32 bits */
  const char* binary; /* NULL: it has none */
};

/** Runs the hook once, with six parameters. `record` is what a classic tracepoint would give, or NULL. */
void matching_run(const struct matching_process* process, const __u64* parameters, __u64 returned, const void* record);

/** What the hook has counted since it was loaded. */
struct redan_hook_counters matching_counters(void);

/* Objects, by their address. They go with matching_clear(). */
void matching_clear(void);
__u64 matching_bytes(const void* from, size_t size, size_t room);
/** A path is "" or absolute, and may end with " (deleted)". */
__u64 matching_file(const char* path, __u32 type);
__u64 matching_path(const char* path, __u32 type);
__u64 matching_dentry(const char* path);
__u64 matching_kiocb(const char* path);
__u64 matching_binprm(const char* path);
void matching_set_fd(const char* path);
__u64 matching_filename(const char* name);
__u64 matching_net_device(const char* name);
__u64 matching_sock(const struct redan_arg_socket* from);
__u64 matching_socket(const struct redan_arg_socket* from);
/** A packet; family 0: not IP. */
__u64 matching_skb(const struct redan_arg_socket* from, __u32 with_extension);

#ifdef __cplusplus
}
#endif
#endif
