/* SPDX-License-Identifier: Apache-2.0 */
/* As whom an image runs, and what its file raised. The test has prepared copies of the witness with modes and
 * capabilities.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shape.h"

enum { USER = 1000, GROUP = 1000, OTHER = 1001 };

static void be_user(void) {
  MUST(setresgid(GROUP, GROUP, GROUP));
  MUST(setresuid(USER, USER, USER));
}

/* A child that sets itself up by `change` and then runs `file`. */
static void after(void (*change)(void), const char* file, const char* raised) {
  pid_t pid = begin_child();
  if (pid == 0) {
    if (change) change();
    become(&(struct plan){.who = "image", .file = file, .argv = ARGV("witness", "credentials"), .raised = raised});
  }
  finish_child("image", pid);
}

static void setuid_root_by_user(void) { after(be_user, prepared("bin/setuid-root"), "setuid=0,SETUID"); }
static void setuid_root_by_root(void) { after(NULL, prepared("bin/setuid-root"), ""); }
static void setuid_user_by_root(void) { after(NULL, prepared("bin/setuid-user"), "setuid=1000"); }
static void setgid_root_by_user(void) { after(be_user, prepared("bin/setgid-root"), "setgid=0,SETGID"); }
static void setgid_user_by_root(void) { after(NULL, prepared("bin/setgid-user"), "setgid=1000"); }
static void setgid_not_executable(void) { after(be_user, prepared("bin/setgid-not-executable"), ""); }
static void both_root_by_user(void) { after(be_user, prepared("bin/both-root"), "setuid=0,setgid=0,SETUID,SETGID"); }
static void both_user_by_root(void) { after(NULL, prepared("bin/both-user"), "setuid=1000,setgid=1000"); }
static void setuid_nosuid(void) { after(be_user, prepared("nosuid/setuid-root"), ""); }
static void caps_nosuid(void) { after(be_user, prepared("nosuid/net-raw"), ""); }
static void caps_by_user(void) { after(be_user, prepared("bin/net-raw"), "CAP"); }
static void caps_by_root(void) { after(NULL, prepared("bin/net-raw"), ""); }
static void caps_permitted_only(void) { after(be_user, prepared("bin/net-raw-permitted"), "CAP"); }

static void be_user_without_new_privileges(void) {
  be_user();
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}
static void setuid_no_new_privileges(void) { after(be_user_without_new_privileges, prepared("bin/setuid-root"), ""); }
static void caps_no_new_privileges(void) { after(be_user_without_new_privileges, prepared("bin/net-raw"), ""); }

static void as_user(void) { after(be_user, witness(), ""); }

static void be_several(void) {
  MUST(setgroups(0, NULL));
  MUST(setresgid(2001, 2002, 2003));
  MUST(setresuid(3001, 3002, 3003));
}
static void mixed_ids(void) { after(be_several, witness(), ""); }

static void be_effective_user(void) { MUST(setresuid(0, USER, 0)); }
static void effective_user(void) { after(be_effective_user, witness(), ""); }

/* The effective uid 0 of a set-uid program stays over a plain exec, which raises nothing. */
static void kept_effective_root(void) {
  pid_t pid = begin_child();
  if (pid == 0) {
    be_user();
    become(&(struct plan){.who = "raised",
                          .file = prepared("bin/setuid-root"),
                          .argv = ARGV("setuid-root"),
                          .raised = "setuid=0,SETUID",
                          .then = "exec-plain"});
  }
  finish_child("raised", pid);
}

struct capabilities {
  struct __user_cap_data_struct half[2];
};

static struct capabilities capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct capabilities result;
  MUST(syscall(SYS_capget, &header, &result));
  return result;
}

static void set_capabilities(struct capabilities wanted) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  MUST(syscall(SYS_capset, &header, &wanted));
}

static void drop_from_bounding_set(void) {
  MUST(prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0));
  MUST(prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0));
  MUST(prctl(PR_CAPBSET_DROP, CAP_CHECKPOINT_RESTORE, 0, 0, 0));
}
static void bounding_set(void) { after(drop_from_bounding_set, witness(), ""); }

static void empty_bounding_set(void) {
  for (int cap = 0; cap <= CAP_LAST_CAP; cap++) MUST(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
}
static void no_bounding_set(void) { after(empty_bounding_set, witness(), ""); }

static void make_inheritable(void) {
  struct capabilities mine = capabilities();
  mine.half[0].inheritable |= 1U << CAP_KILL | 1U << CAP_SYS_CHROOT;
  mine.half[1].inheritable |= 1U << (CAP_BPF - 32);
  set_capabilities(mine);
}
static void inheritable(void) { after(make_inheritable, witness(), ""); }

/* Root gets back by exec what it gave up: not by the file, so nothing is raised. */
static void give_up_capabilities(void) {
  struct capabilities mine = capabilities();
  mine.half[0].permitted &= ~(1U << CAP_NET_RAW);
  mine.half[0].effective &= 1U << CAP_DAC_OVERRIDE;
  mine.half[1].effective = 0;
  set_capabilities(mine);
}
static void regained(void) { after(give_up_capabilities, witness(), ""); }

static void be_user_with_ambient(void) {
  MUST(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  be_user();
  struct capabilities mine = capabilities();
  mine.half[0].inheritable = mine.half[0].effective = 1U << CAP_NET_BIND_SERVICE;
  mine.half[1].effective = 0;
  set_capabilities(mine);
  MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0));
}
static void ambient(void) { after(be_user_with_ambient, witness(), ""); }

static void be_user_keeping(void) {
  MUST(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
  be_user();
}
static void keep_caps(void) { after(be_user_keeping, witness(), ""); }

static void harden_root(void) {
  MUST(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED));
}
static void securebits(void) { after(harden_root, witness(), ""); }

static void set_one_securebit(void) { MUST(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)); }
static void one_securebit(void) { after(set_one_securebit, witness(), ""); }

static void set_login_uid(void) {
  int fd = openat(PROC_FD, "self/loginuid", O_WRONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) skip("this kernel has no audit login uid");
  MUST(fd);
  if (write(fd, "1234", 4) != 4) broken("loginuid: %s", strerror(errno));
  close(fd);
}
static void login_uid(void) { after(set_login_uid, witness(), ""); }

/* uid and gid beyond 31 bits. */
static void be_far(void) {
  MUST(setresgid(4000000001U, 4000000001U, 4000000001U));
  MUST(setresuid(4000000000U, 4000000000U, 4000000000U));
}
static void far_ids(void) { after(be_far, witness(), ""); }

/* Credentials belong to threads: a thread that changed its own (the raw call does not tell the others) calls exec. */
static void only_filesystem_ids(void) {
  syscall(SYS_setfsgid, OTHER);
  syscall(SYS_setfsuid, OTHER);
}
static void filesystem_ids(void) { after(only_filesystem_ids, witness(), ""); }

const struct shape credential_shapes[] = {
    {"cred-as-user", as_user},
    {"cred-mixed-ids", mixed_ids},
    {"cred-effective-user", effective_user},
    {"cred-filesystem-ids", filesystem_ids},
    {"cred-far-ids", far_ids},
    {"cred-login-uid", login_uid},
    {"cred-setuid-root-by-user", setuid_root_by_user},
    {"cred-setuid-root-by-root", setuid_root_by_root},
    {"cred-setuid-user-by-root", setuid_user_by_root},
    {"cred-setuid-nosuid-mount", setuid_nosuid},
    {"cred-setuid-no-new-privileges", setuid_no_new_privileges},
    {"cred-setuid-then-plain-exec", kept_effective_root},
    {"cred-setgid-root-by-user", setgid_root_by_user},
    {"cred-setgid-user-by-root", setgid_user_by_root},
    {"cred-setgid-without-execute", setgid_not_executable},
    {"cred-setuid-setgid-root-by-user", both_root_by_user},
    {"cred-setuid-setgid-user-by-root", both_user_by_root},
    {"cred-file-caps-by-user", caps_by_user},
    {"cred-file-caps-by-root", caps_by_root},
    {"cred-file-caps-permitted-only", caps_permitted_only},
    {"cred-file-caps-nosuid-mount", caps_nosuid},
    {"cred-file-caps-no-new-privileges", caps_no_new_privileges},
    {"cred-bounding-set", bounding_set},
    {"cred-empty-bounding-set", no_bounding_set},
    {"cred-inheritable-caps", inheritable},
    {"cred-ambient-caps", ambient},
    {"cred-caps-regained-by-root", regained},
    {"cred-keep-caps", keep_caps},
    {"cred-one-securebit", one_securebit},
    {"cred-securebits", securebits},
    {0},
};
