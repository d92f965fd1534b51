/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Policy hooks: the plan that specialises a hook program (its frozen .rodata), the keys of its value sets, and the record that
 * it sends. Conventions as in record.h.
 */
#ifndef REDAN_ABI_HOOK_H
#define REDAN_ABI_HOOK_H

#include "abi/record.h"

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic error "-Wpadded"
#elif defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#endif

#define REDAN_HOOK_SLOTS 6 /* extracted values: five of the policy's (hidden size arguments among them), one returned */
#define REDAN_HOOK_SLOT_RETURN 5    /* where the returned value is */
#define REDAN_HOOK_SELECTORS 5      /* per hook */
#define REDAN_HOOK_ARG_FILTERS 5    /* per selector: matchArgs and matchData together */
#define REDAN_HOOK_RETURN_FILTERS 5 /* per selector */
#define REDAN_HOOK_PROCESS_FILTERS 12
#define REDAN_HOOK_INLINE_VALUES 4 /* more go to a set */

#define REDAN_TEXT_MAX 4096   /* bytes kept of a string or a path */
#define REDAN_EQUAL_MAX 4096  /* bytes of a value that a text is compared with as a whole */
#define REDAN_EQUAL_SHORT 255 /* longer ones are compared in pieces */
#define REDAN_PIECE 256
#define REDAN_PREFIX_MAX 252 /* an LPM trie's key holds 256 bytes, four of which are the set */
#define REDAN_POSTFIX_MAX 127

/* How an argument is extracted. The order is that of the table of types in src/policy. */
enum redan_arg_type {
	REDAN_ARG_NONE = 0,
	REDAN_ARG_NUMBER, /* redan_hook_arg.size and REDAN_ARG_SIGNED say which */
	REDAN_ARG_STRING, /* NUL-terminated, at a pointer */
	REDAN_ARG_BYTES,  /* char_buf: size_slot says how many */
	REDAN_ARG_IOVEC,  /* char_iovec: size_slot says how many entries */
	REDAN_ARG_IOV_ITER,
	REDAN_ARG_FILENAME, /* struct filename */
	REDAN_ARG_FILE,     /* struct file */
	REDAN_ARG_PATH,     /* struct path */
	REDAN_ARG_DENTRY,
	REDAN_ARG_FD,
	REDAN_ARG_KIOCB,
	REDAN_ARG_BINPRM,
	REDAN_ARG_SOCK,   /* struct sock; the record holds struct redan_arg_socket, as for the next three */
	REDAN_ARG_SOCKET, /* struct socket */
	REDAN_ARG_SKB,
	REDAN_ARG_SOCKADDR,
	REDAN_ARG_SOCKADDR_UN, /* u16 family is redan_arg.aux; the record holds the name: a path, or NUL and 107 bytes */
	REDAN_ARG_CRED,        /* struct redan_arg_cred */
	REDAN_ARG_USER_NS,     /* struct redan_arg_user_ns */
	REDAN_ARG_CAPABILITY,  /* as a number of four bytes */
	REDAN_ARG_CAP_SET,     /* eight bytes at a pointer, as a number */
	REDAN_ARG_BPF_ATTR,    /* struct redan_arg_bpf, as for the next two */
	REDAN_ARG_BPF_PROG,
	REDAN_ARG_BPF_MAP,
	REDAN_ARG_PERF_EVENT, /* struct redan_arg_perf */
	REDAN_ARG_MODULE,     /* struct redan_arg_module, as for the next */
	REDAN_ARG_LOAD_INFO,
	REDAN_ARG_NET_DEVICE, /* the name, as a string */
	REDAN_ARG_DATA_LOC,   /* a tracepoint's dynamic string */
	REDAN_ARG_ARRAY,      /* const_buf: size bytes at the offset of the tracepoint's record */
	REDAN_ARG_SYSCALL,    /* number of four bytes, bit 31 set for a 32-bit task */
	REDAN_ARG_TYPE_COUNT,
};

/* Where an argument is found. */
enum redan_arg_source {
	REDAN_SOURCE_PARAMETER, /* parameter `index` of the function (fentry, LSM, raw tracepoint, kprobe) */
	REDAN_SOURCE_SYSCALL,   /* parameter `index` of the system call: in the registers that parameter 0 points to */
	REDAN_SOURCE_FIELD,     /* `size` bytes at `offset` of a classic tracepoint's record */
	REDAN_SOURCE_RETURN,    /* what the function returned */
};

enum redan_arg_option {
	REDAN_ARG_SIGNED = 1 << 0,
	REDAN_ARG_HIDDEN = 1 << 1,      /* read for its value only, not in the record */
	REDAN_ARG_RETURN_COPY = 1 << 2, /* BYTES: the returned value says how many */
	REDAN_ARG_POSTFIX = 1 << 3,     /* some filter needs the text reversed */
	REDAN_ARG_COMPAT = 1 << 4,      /* SYSCALL: the 32-bit entry's registers */
	REDAN_ARG_USER = 1 << 5,        /* the pointer is the user's: a string or bytes in user memory */
};

struct redan_hook_arg {
	__u8 type;   /* enum redan_arg_type */
	__u8 source; /* enum redan_arg_source */
	__u8 index;
	__u8 size;      /* NUMBER, ARRAY, FIELD: bytes; 0 counts as 8 */
	__u8 options;   /* enum redan_arg_option */
	__u8 size_slot; /* BYTES, IOVEC: slot that holds the size, plus 1; 0: none */
	__u16 offset;
};
REDAN_PIN_SIZE(struct redan_hook_arg, 8);

/* What a filter looks at. The first are kept for each slot, those of the process once. */
enum redan_field {
	REDAN_FIELD_VALUE = 0, /* the number; also "the text" and "the address" for the operators of these */
	REDAN_FIELD_FILE_TYPE, /* S_IFMT bits of the file's mode, shifted right by 12 */
	REDAN_FIELD_FAMILY,
	REDAN_FIELD_PROTOCOL,
	REDAN_FIELD_STATE,
	REDAN_FIELD_SPORT,
	REDAN_FIELD_DPORT,
	REDAN_FIELD_SADDR,     /* not a number: for REDAN_OP_ADDRESS */
	REDAN_SLOT_FIELDS,     /* below: of the process */
	REDAN_FIELD_PID = 8,   /* tgid */
	REDAN_FIELD_NS_PID,    /* tgid in its own pid namespace; 0 in the initial one */
	REDAN_FIELD_BINARY,    /* not a number: for the text operators */
	REDAN_FIELD_EFFECTIVE, /* capability sets */
	REDAN_FIELD_INHERITABLE,
	REDAN_FIELD_PERMITTED,
	REDAN_FIELD_OTHER_USER_NS, /* 1: the user namespace differs from that of pid 1 */
	/* What differs from the record that is kept of the process, as bits; 0 if nothing is known */
	REDAN_FIELD_NAMESPACE_CHANGES, /* bit n: enum redan_ns n */
	REDAN_FIELD_NAMESPACE = 16,    /* + enum redan_ns: inode number */
	REDAN_FIELD_EFFECTIVE_CHANGES = 26,
	REDAN_FIELD_INHERITABLE_CHANGES,
	REDAN_FIELD_PERMITTED_CHANGES,
	REDAN_FIELD_FOLLOWED, /* for REDAN_OP_FOLLOWED */
	REDAN_FIELD_COUNT,
};

enum redan_op {
	REDAN_OP_NONE = 0,
	REDAN_OP_EQUAL,   /* the number is one of values[i][0] */
	REDAN_OP_GREATER, /* than one of values[i][0] */
	REDAN_OP_LESS,
	REDAN_OP_MASK,    /* has a bit of one of values[i][0] */
	REDAN_OP_RANGE,   /* values[i][0] <= number <= values[i][1] for one i */
	REDAN_OP_NUMBERS, /* the number is in the set (struct redan_number_key) */
	REDAN_OP_TEXT,    /* the text is in the set, as a whole (struct redan_text_key) */
	REDAN_OP_PREFIX,
	REDAN_OP_POSTFIX,
	REDAN_OP_ADDRESS, /* saddr or daddr (field) is in the set (struct redan_address4_key, 6) */
	REDAN_OP_GAINED,  /* the set of slot2 has a bit that the set of slot lacks */
	REDAN_OP_PIDS, /* REDAN_OP_EQUAL on the process or one of its ancestors (followForks), values or set if count is 0 */
	REDAN_OP_FOLLOWED, /* the process or one that it descends from ran one of the binaries (followChildren); user space has
			    * values[0][0] say which bit of its mark that is (lib/follow.h)
			    */
};

enum redan_filter_option {
	REDAN_FILTER_NEGATE = 1 << 0,
	REDAN_FILTER_SIGNED = 1 << 1, /* GREATER, LESS, RANGE compare signed */
	REDAN_FILTER_V4 = 1 << 2,     /* ADDRESS: the set has addresses of this family */
	REDAN_FILTER_V6 = 1 << 3,
	REDAN_FILTER_LONG = 1 << 4, /* TEXT: some value has more than REDAN_EQUAL_SHORT bytes */
};

/* One entry of a filter list. Negated: none of the values matches. Whatever could not be read matches nothing, negated or not;
 * the same for an empty path, and for an address that is neither IPv4 nor IPv6.
 */
struct redan_filter {
	__u8 op;      /* enum redan_op; NONE: the list ends here */
	__u8 options; /* enum redan_filter_option */
	__u8 slot;
	__u8 slot2;
	__u8 field; /* enum redan_field */
	__u8 count; /* of values */
	__u16 set;  /* number of the hook's value set */
	__u64 values[REDAN_HOOK_INLINE_VALUES][2];
};
REDAN_PIN_SIZE(struct redan_filter, 72);

/* As the event's `action` (spec of the API, A.7). */
enum redan_action {
	REDAN_ACTION_POST = 1,
	REDAN_ACTION_SIGKILL = 3,
	REDAN_ACTION_OVERRIDE = 5,
	REDAN_ACTION_NO_POST = 9,
	REDAN_ACTION_SIGNAL = 10,
	REDAN_ACTION_TRACK_SOCK = 11,
	REDAN_ACTION_UNTRACK_SOCK = 12,
	REDAN_ACTION_NOTIFY_ENFORCER = 13,
	REDAN_ACTION_CLEANUP = 14,
};

/* What an event makes the new record of the process, so that a change is reported once. */
enum redan_renewal {
	REDAN_RENEW_NAMESPACES = 1 << 0,
	REDAN_RENEW_CAPABILITIES = 1 << 1,
};

enum redan_rate_scope {
	REDAN_RATE_THREAD,
	REDAN_RATE_PROCESS,
	REDAN_RATE_GLOBAL,
};

struct redan_selector {
	struct redan_filter process[REDAN_HOOK_PROCESS_FILTERS];
	struct redan_filter args[REDAN_HOOK_ARG_FILTERS];
	struct redan_filter returned[REDAN_HOOK_RETURN_FILTERS];
	__u8 used;
	__u8 action;        /* reported: the last one of the list; enum redan_action */
	__u8 return_action; /* the same of matchReturnActions; 0: none */
	__u8 post;          /* 0: NoPost */
	__u8 track_slot;    /* TrackSock, UntrackSock: slot plus 1; 0: neither */
	__u8 untrack_slot;
	__u8 rate_scope;        /* enum redan_rate_scope */
	__u8 renews;            /* enum redan_renewal */
	__u32 rate_ms;          /* 0: no limit */
	__u8 return_track_slot; /* those of matchReturnActions: when the returned value matches */
	__u8 return_untrack_slot;
	__u16 pad1;
};
REDAN_PIN_SIZE(struct redan_selector, 22 * 72 + 16);

enum redan_hook_option {
	REDAN_HOOK_RETURNS =
		1 << 0, /* runs where the function returns: matchReturnArgs counts, the return slot is filled */
	REDAN_HOOK_TRACK_RETURN = 1 << 1,
	REDAN_HOOK_UNTRACK_RETURN = 1 << 2,
};

/* The plan of one hook of one policy. All of it is constant to the verifier. */
struct redan_hook_plan {
	__u32 id;      /* in records, never given twice in the life of an agent */
	__u32 options; /* enum redan_hook_option */
	__u32 fields;  /* bit n: enum redan_field n, from REDAN_FIELD_PID on, is looked at by some filter */
	__u8 parameters; /* number of parameters that the attached function has; the returned value follows them in an fexit's context */
	__u8 pad0;
	__u16 place; /* a kretprobe's: of its entries (struct redan_entry_key); else 0 */
	struct redan_hook_arg args[REDAN_HOOK_SLOTS];
	struct redan_selector selectors[REDAN_HOOK_SELECTORS]; /* none used: everything is posted */
};
REDAN_PIN_SIZE(struct redan_hook_plan, 16 + 6 * 8 + 5 * 1600);

/* --- shortcuts: what user space derives of a plan, so that most runs end before scratch memory is taken or a path is built ---
 *
 * They only ever refute: a selector of which a shortcut says no cannot match. Whatever passes is decided by the plan alone, so
 * shortcuts that are all zero change nothing but the cost.
 */

#define REDAN_HOOK_SHORTCUTS REDAN_HOOK_ARG_FILTERS
#define REDAN_HOOK_BITSETS 4
#define REDAN_BITSET_NUMBERS 512 /* from 0 on, and as many with bit 31 set: 32-bit system calls */
#define REDAN_PATH_PREFIXES 4    /* compared in place; a filter with more is not cut short */
#define REDAN_PREFIX_COMPONENTS 16
#define REDAN_PREFIX_WORDS 48

enum redan_shortcut_kind {
	REDAN_SHORTCUT_NONE = 0, /* the list ends here */
	REDAN_SHORTCUT_BITS,     /* a number's set is the bitset `index` */
	REDAN_SHORTCUT_NUMBER,
	REDAN_SHORTCUT_SOCKET, /* a number or an address of a struct sock */
	REDAN_SHORTCUT_PREFIX, /* of the path prefixes `index` on, `count` */
};

struct redan_shortcut {
	__u8 kind;   /* enum redan_shortcut_kind */
	__u8 filter; /* of the selector's `args` */
	__u8 index, count;
};

/* The bits of the plain numbers, then those of the numbers with bit 31. */
struct redan_bitset {
	__u64 words[2 * REDAN_BITSET_NUMBERS / 64];
};

/* "/usr/lib/x" has three components, of which the last is `open`: names may go on behind it. That of "/usr/lib/" is not. */
struct redan_path_prefix {
	__u8 count; /* of components */
	__u8 open;
	__u8 spaced; /* the last component has a space: it could be met by " (deleted)" */
	__u8 pad0[5];
	struct {
		__u8 len;
		__u8 at;    /* in words, each component filled up with NULs */
		__u8 spare; /* bits of the first word that are not the component's */
		__u8 pad0;
	} components[REDAN_PREFIX_COMPONENTS];
	__u64 words[REDAN_PREFIX_WORDS];
};
REDAN_PIN_SIZE(struct redan_path_prefix, 8 + 4 * REDAN_PREFIX_COMPONENTS + 8 * REDAN_PREFIX_WORDS);

/* The last component of a text: its length and its first bytes. */
struct redan_leaf {
	__u64 word;
	__u32 len;
	__u32 spare; /* as above */
};

/* The binary is none of at most four texts: mostly its name's length says so, or its name. */
#define REDAN_LEAVES 4

struct redan_hook_shortcuts {
	__u8 guarded;    /* sys_enter: whoever calls none of `guard` matches no selector */
	__u8 numbers;    /* some selector has number shortcuts */
	__u8 reads;      /* some selector has read shortcuts */
	__u8 slots;      /* bit: the slot's number is needed for them */
	__u8 leaf_count; /* not 0: of a process whose binary has none of `leaves` no selector is met */
	__u8 pad0[3];
	struct redan_shortcut number[REDAN_HOOK_SELECTORS][REDAN_HOOK_SHORTCUTS]; /* in a register: first of all */
	struct redan_shortcut read[REDAN_HOOK_SELECTORS][REDAN_HOOK_SHORTCUTS];   /* after the process's filters */
	struct redan_leaf leaves[REDAN_LEAVES];
	__u64 guard[REDAN_BITSET_NUMBERS / 64];
	struct redan_bitset bitsets[REDAN_HOOK_BITSETS];
	struct redan_path_prefix prefixes[REDAN_PATH_PREFIXES];
};

/* Of all hooks of an agent; beside the plan in a hook's .rodata. */
struct redan_hook_settings {
	__u32 ring_limit;      /* bytes in the process ring above which hooks do not send: the rest is for processes */
	__u32 scratch_entries; /* of the pool, a power of two */
};
REDAN_PIN_SIZE(struct redan_hook_settings, 8);

/* What a hook counts; a page of its own that user space maps. */
struct redan_hook_counters {
	__u64 matched[REDAN_HOOK_SELECTORS]; /* by selector; the first one if the hook has none */
	__u64 posted[REDAN_HOOK_SELECTORS];
	__u64 not_posted; /* NoPost */
	__u64 rate_limited;
	__u64 lost;            /* the ring was filled to its limit, or full */
	__u64 no_scratch;      /* not decided: no scratch memory was free */
	__u64 unreadable;      /* arguments that could not be read; filters on them were false */
	__u64 no_task_storage; /* the binary was found out again, or a change of the process was not seen */
	__u64 unpaired;        /* not decided: of a return the call's arguments were not there any more */
};
REDAN_PIN_SIZE(struct redan_hook_counters, 17 * 8);

/* Runs of a hook, counted always; a lane for each processor (modulo), so that they do not share a cache line. */
#define REDAN_HOOK_LANES 32
#define REDAN_HOOK_TIMED_RUNS 64 /* of as many of a lane the first is timed */

struct redan_hook_lane {
	__u64 runs;
	__u64 nanoseconds; /* of the timed runs */
	__u64 began;       /* when the run began that is being timed; 0: none */
	__u64 pad0[5];
};
REDAN_PIN_SIZE(struct redan_hook_lane, 64);

/* --- calls, kept for hooks where functions return and that are kretprobes --- */

#define REDAN_ENTRY_ARGS 6 /* what x86-64 passes in registers */

/* A call: whatever runs meanwhile, no other one has this place on this task's stack before it has returned. */
struct redan_entry_key {
	__u64 task;  /* pointer */
	__u64 stack; /* pointer at the function's entry: to the return address */
	__u64 place; /* which function */
};

struct redan_entry {
	struct redan_entry_key
		key;  /* first, as it is written first: an entry that is given away while it is read is noticed */
	__u64 thread; /* tid below, tgid above: the next task at the pointer is another one */
	__u64 period; /* of struct redan_entry_place */
	__u64 args[REDAN_ENTRY_ARGS];
};
REDAN_PIN_SIZE(struct redan_entry, 24 + 16 + 48);

/* Of the program at a function's entry. */
struct redan_entry_place {
	__u64 number;
	__u64 period; /* never given twice; 0: returns are not hooked yet */
	__u64 missed; /* calls whose return is not seen */
	__u64 noted;  /* the return address of a call whose return the kernel has noted; 0: not known */
};
REDAN_PIN_SIZE(struct redan_entry_place, 32);

/* Keys of the value sets: maps that each hook has for itself. Texts are padded with NULs. */
struct redan_number_key {
	__u64 value; /* sign-extended for signed types */
	__u32 set;
	__u32 pad0;
};

struct redan_text_key {
	__u32 set;
	__u32 len;
	char bytes[REDAN_EQUAL_SHORT + 1];
};

/* A long text is looked up piece by piece: `set` is that of the filter for the first, and the value found for the piece before
 * for the others; `len` is REDAN_PIECE, or that of the rest and REDAN_PIECE_LAST.
 */
#define REDAN_PIECE_LAST (1u << 16)
#define REDAN_FIRST_STATE (1u << 16) /* values are from here on, above all sets */

/* Prefixes, and with the bytes in reverse order postfixes, in LPM tries. */
struct redan_prefix_key {
	__u32 prefix_len; /* bits: those of `set` and of the prefix */
	__u32 set;
	char bytes[REDAN_PREFIX_MAX];
};

struct redan_address4_key {
	__u32 prefix_len;
	__u32 set;
	__u8 address[4];
};

struct redan_address6_key {
	__u32 prefix_len;
	__u32 set;
	__u8 address[16];
};

/* --- the record --- */

/* A hook matched and posts. Followed by the arguments, each a struct redan_arg at a multiple of eight bytes, in slot order. */
struct redan_hook {
	struct redan_record hdr; /* image_time: the image of the process; tid: the thread */
	__u32 id;                /* of the plan */
	__u8 selector;
	__u8 action;
	__u8 return_action;
	__u8 count;               /* of arguments */
	struct redan_image owner; /* of the tracked socket that the event is attributed to; tgid 0: none */
	__u32 owner_tid;
	__u32 args_len; /* bytes of all arguments */
};
REDAN_PIN_SIZE(struct redan_hook, 40 + 8 + 16 + 8);

enum redan_arg_flag {
	REDAN_ARG_UNREADABLE = 1 << 0,
	REDAN_ARG_CUT = 1 << 1, /* aux is the whole size */
	REDAN_ARG_UNRESOLVED =
		1 << 2,             /* a path: the walk did not reach the task's root; only the leaf's end is there */
	REDAN_ARG_DELETED = 1 << 3, /* a path: the file has no name any more */
	REDAN_ARG_NO_PATH = 1 << 4, /* a file that has none: pipe, socket, anonymous inode; or the root itself */
};

/* Paths are spelled from the root on, each component behind a '/'; the root itself is empty. */
struct redan_arg {
	__u8 type; /* enum redan_arg_type */
	__u8 slot;
	__u16 flags; /* enum redan_arg_flag */
	__u32 aux;   /* files: i_mode; bytes: their whole size; SOCKADDR_UN: the family */
	__u32 len;   /* bytes that follow; the next argument is behind them, at a multiple of eight */
	__u32 pad0;
};
REDAN_PIN_SIZE(struct redan_arg, 16);

/* NUMBER, CAPABILITY, CAP_SET and SYSCALL are followed by one __u64, sign-extended if the type is signed. */

struct redan_arg_socket {
	__u64 cookie;                               /* the kernel's pointer */
	__u16 family, type, protocol, sport, dport; /* ports in host order */
	__u8 state;
	__u8 pad0;
	__u32 mark, priority;
	__u8 saddr[16], daddr[16]; /* IPv4: the first four bytes */
	/* of an skb */
	__u32 hash, len;
	__u32 sec_path_len, sec_path_olen;
	__u32 pad1;
};
REDAN_PIN_SIZE(struct redan_arg_socket, 80);

struct redan_arg_user_ns {
	__u32 level, owner, group, inum;
};

struct redan_arg_cred {
	struct redan_credentials cred;
	struct redan_arg_user_ns user_ns;
};
REDAN_PIN_SIZE(struct redan_arg_cred, 80);

struct redan_arg_bpf {
	__u32 type;  /* of program or map */
	__u32 count; /* programs: instructions; maps: max_entries */
	__u32 key_size, value_size;
	char name[16];
};

struct redan_arg_perf {
	__u64 config, probe_offset;
	__u32 type, pad0;
	char function[128]; /* NUL-terminated */
};

struct redan_arg_module {
	__u64 taints;
	__u32 signature_ok, pad0;
	char name[64];
};

#if defined(__clang__)
#pragma clang diagnostic pop
#elif defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
#endif
