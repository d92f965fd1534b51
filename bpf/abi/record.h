/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The records that the sensor hands to user space: the only definition of these bytes.
 *
 * Plain C11 for both sides: fixed-width fields, natural alignment, explicit padding, no pointers. Every record starts with
 * struct redan_record. Strings follow the fixed part of a record in the order of its `*_len` fields, without terminators unless
 * said otherwise. A record may be followed by slack (at most REDAN_RECORD_SLACK bytes, undefined content): the fields say what counts.
 *
 * Times are nanoseconds of CLOCK_BOOTTIME. Ids of users, groups and processes are those of the initial namespaces.
 */
#ifndef REDAN_ABI_RECORD_H
#define REDAN_ABI_RECORD_H

#ifndef REDAN_BPF
#include <linux/types.h>
#endif

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic error "-Wpadded"
#elif defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#endif

#if defined(__cplusplus)
#define REDAN_PIN_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type)
#else
#define REDAN_PIN_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#endif

/* Version of everything in this header; written into recordings. */
#define REDAN_ABI_VERSION 2

#define REDAN_PATH_MAX 4096           /* linux/limits.h PATH_MAX, NUL included */
#define REDAN_NAME_MAX 255            /* linux/limits.h NAME_MAX */
#define REDAN_CGROUP_NAME_MAX 128     /* bytes kept of a cgroup's name, NUL included */
#define REDAN_ARGS_MAX 65536          /* bytes kept of an argument vector */
#define REDAN_ENV_MAX 65536           /* bytes kept of an environment */
#define REDAN_CWD_COMPONENTS_MAX 2048 /* more path components than PATH_MAX can hold */
#define REDAN_RECORD_SLACK 4608

enum redan_kind {
	REDAN_KIND_NONE = 0,
	REDAN_KIND_EXEC = 1, /* struct redan_exec */
	REDAN_KIND_FORK = 2, /* struct redan_fork */
	REDAN_KIND_EXIT = 3, /* struct redan_exit */
	REDAN_KIND_HOOK = 4, /* struct redan_hook (abi/hook.h) */
	REDAN_KIND_COUNT,
};

/* Header of every record. */
struct redan_record {
	__u16 kind;  /* enum redan_kind */
	__u16 flags; /* by kind: enum redan_exec_flag, redan_fork_flag or redan_exit_flag */
	__u32 cpu;
	__u64 seq;        /* of this ring, without gaps unless a record was lost; taken before the memory is reserved */
	__u64 time;       /* when it happened */
	__u64 image_time; /* with tgid: the image it is about; 0 if unknown */
	__u32 tgid;
	__u32 tid;
};
REDAN_PIN_SIZE(struct redan_record, 40);

/* One image of a process: the process and the moment of the fork or exec that made the image. time 0: not known. */
struct redan_image {
	__u64 time;
	__u32 tgid;
	__u32 flags; /* enum redan_image_flag */
};
REDAN_PIN_SIZE(struct redan_image, 16);

enum redan_image_flag {
	REDAN_IMAGE_FORKED = 1 << 0, /* made by a fork; no exec yet */
	REDAN_IMAGE_LEARNT = 1 << 1, /* no exec seen by the sensor: time is that of the process's start */
};

struct redan_credentials {
	__u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
	__u32 securebits;                        /* linux/securebits.h */
	__u32 auid;                              /* audit login uid; ~0 when unset or without CONFIG_AUDIT */
	__u64 permitted, effective, inheritable; /* bit n: capability n of linux/capability.h */
};
REDAN_PIN_SIZE(struct redan_credentials, 64);

/* Index of a namespace in redan_namespaces.inum. */
enum redan_ns {
	REDAN_NS_UTS,
	REDAN_NS_IPC,
	REDAN_NS_MNT,
	REDAN_NS_PID,
	REDAN_NS_PID_FOR_CHILDREN,
	REDAN_NS_NET,
	REDAN_NS_TIME,
	REDAN_NS_TIME_FOR_CHILDREN,
	REDAN_NS_CGROUP,
	REDAN_NS_USER,
	REDAN_NS_COUNT,
};

struct redan_namespaces {
	__u32 inum[10]; /* by enum redan_ns; 0: the kernel has no such namespace */
};
REDAN_PIN_SIZE(struct redan_namespaces, 40);

enum redan_exec_flag {
	REDAN_EXEC_CWD_ROOT = 1 << 0, /* the working directory is the task's root */
	REDAN_EXEC_CWD_DELETED = 1 << 1,
	REDAN_EXEC_CWD_UNRESOLVED = 1 << 2, /* the walk did not reach the root, or the tree moved under it */
	REDAN_EXEC_CWD_UNREADABLE = 1 << 3, /* kernel memory may not be read (lockdown) */
	REDAN_EXEC_FILENAME_UNREADABLE = 1 << 4,
	REDAN_EXEC_ARGS_UNREADABLE = 1 << 5,
	REDAN_EXEC_ENV_UNREADABLE = 1 << 6,
	REDAN_EXEC_CGROUP_NAME_UNREADABLE = 1 << 7,
	REDAN_EXEC_SETUID = 1 << 8, /* the effective uid came from the file's mode */
	REDAN_EXEC_SETGID = 1 << 9,
	REDAN_EXEC_FILE_CAPS = 1 << 10, /* capabilities were gained from the file */
	REDAN_EXEC_BY_THREAD = 1 << 11, /* called by a thread that was not the leader */
	REDAN_EXEC_BACKFILL = 1 << 12,  /* not an exec: a process found by the task iterator or in /proc */
	REDAN_EXEC_KTHREAD = 1 << 13,   /* with BACKFILL: a kernel thread */
	REDAN_EXEC_NS_INIT = 1 << 14,   /* with BACKFILL: pid 1 of a pid namespace below the initial one */
};

/* A successful execve, or a process found by backfill. */
struct redan_exec {
	struct redan_record hdr;     /* image_time = time of the new image */
	struct redan_image previous; /* the image that was replaced; same tgid but for backfill, where it is unused */
	struct redan_image creator;  /* who forked the process; meaningful if previous is FORKED or with BACKFILL */
	struct redan_credentials cred;
	struct redan_namespaces ns;
	__u32 exe_dev; /* kernel-internal dev_t */
	__u32 exe_nlink;
	__u64 exe_ino;
	__u64 cgroup_id;
	__u64 start_time; /* of the process; with tgid it tells two processes of one pid apart */
	__u32 args_total; /* bytes of the argument vector, NULs included; > args_len: it was cut */
	__u32 env_total;
	__u32 cwd_len; /* components from the leaf to the root, each followed by '/'; see cwd_text() in src/event */
	__u32 filename_len; /* as given to the kernel */
	__u32 cgroup_name_len;
	__u32 args_len; /* NUL-separated, with argv[0] */
	__u32 env_len;  /* NUL-separated; 0 unless asked for */
	__u32 pad0;
};
REDAN_PIN_SIZE(struct redan_exec, 240);

enum redan_fork_flag {
	REDAN_FORK_NS_INIT = 1 << 0, /* pid 1 of a pid namespace below the initial one */
	REDAN_FORK_KTHREAD = 1 << 1, /* the child is a kernel thread */
};

/* A new process (not a thread). */
struct redan_fork {
	struct redan_record hdr;    /* the child */
	struct redan_image creator; /* the process that called fork, vfork or clone */
	__u32 real_parent_tgid;     /* differs from the creator with CLONE_PARENT */
	__u32 pad0;
};
REDAN_PIN_SIZE(struct redan_fork, 64);

enum redan_exit_flag {
	REDAN_EXIT_KTHREAD = 1 << 0,
};

/* The last thread of a process ended. */
struct redan_exit {
	struct redan_record hdr; /* tid: the thread that was last */
	__u64 start_time;        /* of the process */
	__u32 code;              /* as wait(2) reports it */
	__u32 pad0;
};
REDAN_PIN_SIZE(struct redan_exit, 56);

/* Why something did not reach user space or is not what it should be. One counter each in struct redan_counters. */
enum redan_loss {
	REDAN_LOSS_RING_FULL_EXEC, /* records that found no room in the ring, by kind */
	REDAN_LOSS_RING_FULL_FORK,
	REDAN_LOSS_RING_FULL_EXIT,
	REDAN_LOSS_NO_TASK_STORAGE, /* per-task state could not be had; the image was sent as "learnt" */
	REDAN_LOSS_NO_HANDOVER,     /* state of a process whose leader had ended could not be kept */
	REDAN_LOSS_RECORD_ACCESS,   /* a reserved record could not be filled and was discarded (its seq is missing) */
	REDAN_LOSS_COUNT,
};

/* What the consumer wants to be woken by; written by user space, cleared by the sensor when it wakes it. */
enum redan_wakeup {
	REDAN_WAKEUP_NONE,  /* it is awake, or has been woken */
	REDAN_WAKEUP_LEVEL, /* when the ring is filled to wakeup_level: it comes back by itself soon */
	REDAN_WAKEUP_ANY,   /* on the next record */
};

/* Shared page between sensor and user space (the sensor's .bss). */
struct redan_counters {
	__u64 seq;     /* next sequence number of the process ring */
	__u64 wakeup;  /* enum redan_wakeup */
	__u64 lost[6]; /* by enum redan_loss */
};
REDAN_PIN_SIZE(struct redan_counters, 64);

/* One thread group as the task iterator sees it. */
struct redan_task {
	struct redan_image image;
	struct redan_image creator; /* the real parent where nobody saw the fork */
	struct redan_credentials cred;
	struct redan_namespaces ns;
	__u64 start_time; /* of the process */
	__u64 cgroup_id;
	__u64 exe_ino;
	__u32 exe_dev;
	__u32 exe_nlink;
	__u32 flags; /* enum redan_task_flag */
	char comm[16];
	char cgroup_name[REDAN_CGROUP_NAME_MAX]; /* NUL-terminated */
	__u32 pad0;
};
REDAN_PIN_SIZE(struct redan_task, 320);

enum redan_task_flag {
	REDAN_TASK_KTHREAD = 1 << 0,
	REDAN_TASK_ENDED = 1 << 1, /* its last thread has passed the exit hook */
};

/* Settings of the sensor, fixed before it is loaded (its .rodata). */
struct redan_settings {
	__u32 kernel_reads; /* 0: bpf_probe_read_kernel is refused (lockdown=confidentiality) */
	__u32 environment;  /* 1: send the environment of an exec */
	__u32 args_max;     /* at most REDAN_ARGS_MAX */
	__u32 wakeup_level; /* bytes in the ring, see REDAN_WAKEUP_LEVEL */
};
REDAN_PIN_SIZE(struct redan_settings, 16);

#if defined(__clang__)
#pragma clang diagnostic pop
#elif defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
#endif
