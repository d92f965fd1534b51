// SPDX-License-Identifier: Apache-2.0
#include "property/matching.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "abi/hook.h"
#include "lib/hook_run.h"
#include "lib/kernel_types.h"

// As bpf/lib/hook_sources.h has it for programs.
#ifndef CTX_LOAD
#define CTX_LOAD(ctx, offset) (*(const u64*)((const char*)(ctx) + (offset)))
#endif

#define DELETED " (deleted)"

/* --- the task --- */

struct fake_task {
  struct task_struct task;
  struct pid pid;
  struct upid below; /* numbers[1] of pid */
  struct user_namespace user_ns, other_user_ns;
  struct cred cred, real_cred;
  struct nsproxy nsproxy;
  struct ns_common namespaces[REDAN_NS_COUNT];
  struct pid_namespace pid_ns, root_pid_ns;
  struct fs_struct fs;
  struct mm_struct mm;
  struct signal_struct signal;
  struct files_struct files;
  struct fdtable table;
  struct file* open[MATCHING_FD + 1];
};

static struct fake_task tasks[MATCHING_LEVELS_MAX + 1];
/* The root of all paths. */
static struct mount root_mount;
static struct dentry root_dentry;

struct task_struct* host_current_task(void) {
  return &tasks[0].task;
}

unsigned long long host_pid_tgid(void) { return (u64)tasks[0].task.tgid << 32 | (u32)tasks[0].task.pid; }

/* --- objects --- */

struct object {
  struct object* next;
  u64 bytes[];
};
static struct object* objects;

static void* object__make(size_t size) {
  struct object* o = calloc(1, sizeof(*o) + size);

  if (!o) abort();
  o->next = objects;
  objects = o;
  return o->bytes;
}

void matching_clear(void) {
  while (objects) {
    struct object* next = objects->next;

    free(objects);
    objects = next;
  }
  root_dentry.d_inode = NULL;
}

__u64 matching_bytes(const void* from, size_t size, size_t room) {
  void* to = object__make(room > size ? room : size + 1);

  memcpy(to, from, size);
  return (u64)to;
}

static struct inode* inode__make(u32 type) {
  struct inode* inode = object__make(sizeof(*inode));

  inode->i_mode = type << S_IFMT_SHIFT;
  return inode;
}

/* Hashed, as a file that has a name. The kernel's memory for names comes in words, too (fs/dcache.c, __d_alloc). */
static struct dentry* dentry__make(struct dentry* parent, const char* name, size_t len) {
  struct dentry* d = object__make(sizeof(*d));

  d->d_parent = parent;
  d->d_name.len = len;
  d->d_name.name = (const unsigned char*)matching_bytes(name, len, (len + 8) & ~7ul);
  d->d_hash.pprev = (struct hlist_bl_node**)d;
  return d;
}

static struct dentry* dentry__of_path(const char* path) {
  size_t len = strlen(path), tail = strlen(DELETED);
  bool is_deleted = len > tail && !strcmp(path + len - tail, DELETED);
  const char* end = path + len - (is_deleted ? tail : 0);
  struct dentry* d = &root_dentry;

  while (path < end) {
    const char* slash = memchr(path + 1, '/', end - path - 1);
    const char* next = slash ? slash : end;

    d = dentry__make(d, path + 1, next - path - 1);
    path = next;
  }
  if (is_deleted) d->d_hash.pprev = NULL;
  return d;
}

__u64 matching_file(const char* path, __u32 type) {
  struct file* file = object__make(sizeof(*file));

  file->f_path.mnt = &root_mount.mnt;
  file->f_path.dentry = dentry__of_path(path);
  file->f_inode = inode__make(type);
  return (u64)file;
}

__u64 matching_path(const char* path, __u32 type) {
  struct file* file = (void*)matching_file(path, type);

  if (file->f_path.dentry != &root_dentry)
    file->f_path.dentry->d_inode = file->f_inode;
  else
    root_dentry.d_inode = file->f_inode;
  return (u64)&file->f_path;
}

__u64 matching_dentry(const char* path) { return (u64)dentry__of_path(path); }

__u64 matching_kiocb(const char* path) {
  struct kiocb* kiocb = object__make(sizeof(*kiocb));

  kiocb->ki_filp = (void*)matching_file(path, 8);
  return (u64)kiocb;
}

__u64 matching_binprm(const char* path) {
  struct linux_binprm* bprm = object__make(sizeof(*bprm));

  bprm->file = (void*)matching_file(path, 8);
  return (u64)bprm;
}

void matching_set_fd(const char* path) { tasks[0].open[MATCHING_FD] = (void*)matching_file(path, 8); }

__u64 matching_filename(const char* name) {
  struct filename* filename = object__make(sizeof(*filename));

  filename->name = (const char*)matching_bytes(name, strlen(name), 0);
  return (u64)filename;
}

__u64 matching_net_device(const char* name) {
  struct net_device* device = object__make(sizeof(*device));

  strncpy(device->name, name, sizeof(device->name) - 1);
  return (u64)device;
}

__u64 matching_sock(const struct redan_arg_socket* from) {
  struct sock* sock = object__make(sizeof(*sock));

  sock->__sk_common.skc_family = from->family;
  sock->__sk_common.skc_state = from->state;
  sock->__sk_common.skc_num = from->sport;
  sock->__sk_common.skc_dport = bpf_ntohs(from->dport);
  sock->sk_protocol = from->protocol;
  memcpy(&sock->__sk_common.skc_rcv_saddr, from->saddr, 4);
  memcpy(&sock->__sk_common.skc_daddr, from->daddr, 4);
  memcpy(&sock->__sk_common.skc_v6_rcv_saddr, from->saddr, 16);
  memcpy(&sock->__sk_common.skc_v6_daddr, from->daddr, 16);
  return (u64)sock;
}

__u64 matching_socket(const struct redan_arg_socket* from) {
  struct socket* socket = object__make(sizeof(*socket));

  socket->sk = (void*)matching_sock(from);
  return (u64)socket;
}

/* A header of IPv4 with one option, or of IPv6, perhaps with hop-by-hop options; then the ports. */
__u64 matching_skb(const struct redan_arg_socket* from, __u32 with_extension) {
  struct sk_buff* skb = object__make(sizeof(*skb));
  u8 *packet = object__make(128), *l4;

  skb->head = packet;
  skb->network_header = 16;
  packet += 16;
  if (from->family == AF_INET) {
    packet[0] = with_extension ? 0x46 : 0x45;
    packet[9] = from->protocol;
    memcpy(packet + 12, from->saddr, 4);
    memcpy(packet + 16, from->daddr, 4);
    l4 = packet + (with_extension ? 24 : 20);
  } else if (from->family == AF_INET6) {
    packet[0] = 0x60;
    packet[6] = with_extension ? IPPROTO_HOPOPTS : from->protocol;
    memcpy(packet + 8, from->saddr, 16);
    memcpy(packet + 24, from->daddr, 16);
    packet[40] = with_extension ? from->protocol : 0;
    packet[41] = 1; /* sixteen bytes */
    l4 = packet + (with_extension ? 56 : 40);
  } else {
    return (u64)skb;
  }
  l4[0] = from->sport >> 8;
  l4[1] = from->sport;
  l4[2] = from->dport >> 8;
  l4[3] = from->dport;
  return (u64)skb;
}

/* --- the hook --- */

/* Frozen in the kernel and hence declared constant; the page is not, here. */
static void write_constant(const volatile void* to, const void* from, size_t size) {
  u64 page = sysconf(_SC_PAGESIZE), begin = (u64)to & ~(page - 1);
  u64 end = ((u64)to + size + page - 1) & ~(page - 1);

  if (mprotect((void*)begin, end - begin, PROT_READ | PROT_WRITE)) abort();
  memcpy((void*)(u64)to, from, size);
}

void matching_set_shortcuts(const struct redan_hook_shortcuts* from) {
  write_constant(&shortcuts, from, sizeof(*from));
}

void matching_load(const struct redan_hook_plan* from) {
  struct redan_settings own = {.kernel_reads = 1};
  struct redan_hook_settings hook = {.ring_limit = 1 << 20, .scratch_entries = 1};

  write_constant(&settings, &own, sizeof(own));
  write_constant(&hook_settings, &hook, sizeof(hook));
  write_constant(&plan, from, sizeof(*from));
  const struct redan_hook_shortcuts none = {0};
  matching_set_shortcuts(&none);
  memset(&hook_counters, 0, sizeof(hook_counters));
  matching_clear();
  host_maps_clear();
}

#define INSERT(map) bpf_map_update_elem(&(map), key, &present, BPF_ANY)

void matching_insert(enum matching_set set, const void* key) {
  u8 present = 1;

  switch (set) {
    case MATCHING_NUMBERS: INSERT(hook_numbers); break;
    case MATCHING_TEXTS: INSERT(hook_texts); break;
    case MATCHING_PREFIXES: INSERT(hook_prefixes); break;
    case MATCHING_POSTFIXES: INSERT(hook_postfixes); break;
    case MATCHING_ADDRESSES4: INSERT(hook_addresses4); break;
    case MATCHING_ADDRESSES6: INSERT(hook_addresses6); break;
  }
}

void matching_insert_piece(const struct redan_text_key* key, __u32 next) {
  bpf_map_update_elem(&hook_pieces, key, &next, BPF_ANY);
}

static void cred__fill(struct cred* cred, struct user_namespace* ns, const struct matching_process* from) {
  struct cred___cap_value* caps = (void*)cred;

  caps->cap_effective.val = from->effective;
  caps->cap_inheritable.val = from->inheritable;
  caps->cap_permitted.val = from->permitted;
  cred->user_ns = ns;
}

#define NAMESPACE(field, which) t->nsproxy.field = (void*)&t->namespaces[which]

static void task__fill_namespaces(struct fake_task* t, const struct matching_process* from, u32 ns_pid) {
  const __u32* inum = from->namespaces.inum;

  for (u32 i = 0; i < REDAN_NS_COUNT; i++) t->namespaces[i].inum = inum[i];
  NAMESPACE(uts_ns, REDAN_NS_UTS);
  NAMESPACE(ipc_ns, REDAN_NS_IPC);
  NAMESPACE(mnt_ns, REDAN_NS_MNT);
  NAMESPACE(net_ns, REDAN_NS_NET);
  NAMESPACE(time_ns, REDAN_NS_TIME);
  NAMESPACE(time_ns_for_children, REDAN_NS_TIME_FOR_CHILDREN);
  NAMESPACE(cgroup_ns, REDAN_NS_CGROUP);
  t->pid_ns.ns.inum = inum[REDAN_NS_PID_FOR_CHILDREN];
  t->nsproxy.pid_ns_for_children = &t->pid_ns;
  t->root_pid_ns.ns.inum = inum[REDAN_NS_PID];
  t->pid.level = ns_pid ? 1 : 0;
  t->pid.numbers[0].ns = &t->root_pid_ns;
  t->below.nr = ns_pid;
  t->below.ns = &t->root_pid_ns;
  t->user_ns.ns.inum = inum[REDAN_NS_USER];
  t->other_user_ns.ns.inum = from->is_in_other_user_ns ? USER_NS_INIT_INUM - 5 : USER_NS_INIT_INUM;
}

_Static_assert(offsetof(struct fake_task, below) ==
                   offsetof(struct fake_task, pid) + offsetof(struct pid, numbers) + sizeof(struct upid),
               "pid.numbers goes on in below");

/* Every run is another image, so nothing that was found out of the last one's binary is true of it. */
static u64 images;

static void task__fill(u32 level, const struct matching_process* from, u32 pid, u32 ns_pid) {
  struct fake_task* t = &tasks[level];
  struct file* open = t->open[MATCHING_FD];

  memset(t, 0, sizeof(*t));
  t->open[MATCHING_FD] = open;
  t->task.pid = t->task.tgid = pid;
  t->task.group_leader = &t->task;
  t->task.self_exec_id = ++images;
  t->task.real_parent = pid ? &tasks[level + 1].task : &t->task; /* the idle task is its own parent */
  t->task.thread_pid = &t->pid;
  t->task.thread_info.status = from->is_compat ? TS_COMPAT : 0;
  cred__fill(&t->cred, &t->other_user_ns, from);
  cred__fill(&t->real_cred, &t->user_ns, from);
  t->task.cred = &t->cred;
  t->task.real_cred = &t->real_cred;
  task__fill_namespaces(t, from, ns_pid);
  t->task.nsproxy = &t->nsproxy;
  t->fs.root.mnt = &root_mount.mnt;
  t->fs.root.dentry = &root_dentry;
  t->task.fs = &t->fs;
  t->task.signal = &t->signal;
  t->table.max_fds = MATCHING_FD + 1;
  t->table.fd = t->open;
  t->files.fdt = &t->table;
  t->task.files = &t->files;
  t->task.mm = from->binary ? &t->mm : NULL;
  if (from->binary) t->mm.exe_file = (void*)matching_file(from->binary, 8);
}

/* The words of a trampoline's context, and of a raw tracepoint's. */
struct fake_context {
  __u64 parameters[6];
  __u64 returned;
};

static u64 record__word(const struct fake_context* ctx, u32 i) {
  u64 value = 0;

  memcpy(&value, (const char*)ctx + plan.args[i].offset,
         plan.args[i].size && plan.args[i].size < 8 ? plan.args[i].size : 8);
  return value;
}

/* As bpf/lib/hook_sources.h, from a context of ours. */
static u64 fake__take(const void* context, u32 i) {
  const struct fake_context* ctx = context;

  switch (plan.args[i].source) {
    case REDAN_SOURCE_PARAMETER:
    case REDAN_SOURCE_SYSCALL: return ctx->parameters[plan.args[i].index];
    case REDAN_SOURCE_FIELD: return record__word(context, i);
    case REDAN_SOURCE_RETURN: return ctx->returned;
  }
  return 0;
}

static void task__fill_all(const struct matching_process* process) {
  u32 i;

  root_dentry.d_parent = &root_dentry;
  root_mount.mnt_parent = &root_mount;
  root_mount.mnt.mnt_root = &root_dentry;
  for (i = 0; i < MATCHING_LEVELS_MAX && process->pids[i]; i++)
    task__fill(i, process, process->pids[i], process->ns_pids[i]);
  task__fill(i, process, 0, 0);
}

static void keep_privileges_of(const struct matching_process* process) {
  struct task_state* kept = bpf_task_storage_get(&task_states, &tasks[0].task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

  kept->privileges_origin = PRIVILEGES_OF_EXEC;
  kept->privileges.ns = process->kept_namespaces;
  kept->privileges.effective = process->kept_effective;
  kept->privileges.inheritable = process->kept_inheritable;
  kept->privileges.permitted = process->kept_permitted;
}

void matching_run(const struct matching_process* process, const __u64* parameters, __u64 returned, const void* record) {
  struct fake_context words = {.returned = returned};
  void* ctx = record ? (void*)(u64)record : &words; /* programs get theirs like this; none writes there */

  memcpy(words.parameters, parameters, sizeof(words.parameters));
  task__fill_all(process);
  keep_privileges_of(process);
  HOOK_RUN(ctx, fake__take);
}

struct redan_hook_counters matching_counters(void) {
  return hook_counters;
}
