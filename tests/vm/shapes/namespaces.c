/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces, and who counts as belonging to a container: pid 1 of a pid namespace and what it forks, but not who joins
 * later.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shape.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define IMAGE(name, ...) (&(struct plan){.who = name, .file = witness(), .argv = ARGV("witness", name), __VA_ARGS__})

static void unshare_or_skip(int flags, const char* what) {
  if (unshare(flags) == 0) return;
  if (errno == EINVAL || errno == ENOSYS) skip("this kernel has no %s namespaces", what);
  broken("unshare %s: %s", what, strerror(errno));
}

/* An image in a namespace that its process has just made, and a child of that image. */
static void in_new(int flags, const char* what) {
  pid_t pid = begin_child();
  if (pid == 0) {
    unshare_or_skip(flags, what);
    become(IMAGE("image", .then = "fork-leaf"));
  }
  finish_child("image", pid);
}
static void new_mount(void) { in_new(CLONE_NEWNS, "mount"); }
static void new_network(void) { in_new(CLONE_NEWNET, "network"); }
static void new_uts(void) { in_new(CLONE_NEWUTS, "uts"); }
static void new_ipc(void) { in_new(CLONE_NEWIPC, "ipc"); }
static void new_cgroup(void) { in_new(CLONE_NEWCGROUP, "cgroup"); }
static void new_time(void) { in_new(CLONE_NEWTIME, "time"); }

/* Who makes a pid namespace is not in it; its first child is. */
static void new_pid_for_children(void) {
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(unshare(CLONE_NEWPID));
    become(IMAGE("image", .then = "fork-init"));
  }
  finish_child("image", pid);
}
static void fork_init(void) {
  pid_t pid = begin_child();
  if (pid == 0) {
    self.in_tree = true;
    become(IMAGE("init"));
  }
  finish_child("init", pid);
}

/* The child of a process that made a time namespace is in it without an exec. */
static void new_time_forked(void) {
  pid_t pid = begin_named_child("child");
  if (pid == 0) {
    unshare_or_skip(CLONE_NEWTIME, "time");
    run_plan(IMAGE("image"));
    _exit(0);
  }
  finish_child("child", pid);
}

/* An image inside a user namespace, whose ids only we outside can name. */
static void observed(pid_t pid, struct talk talk) {
  talk_listen(talk);
  fact_seen("image", pid);
  talk_tell(talk);
  finish_child("image", pid);
}

static void user_unmapped(void) {
  struct talk talk = talk_open();
  pid_t pid = begin_child();
  if (pid == 0) {
    talk_take(talk);
    unshare_or_skip(CLONE_NEWUSER, "user");
    become(IMAGE("image", .wait = true));
  }
  observed(pid, talk);
}

/* root inside, `outside` outside. */
static void user_mapped(uid_t outside, int more) {
  struct talk talk = talk_open();
  pid_t pid = begin_child();
  if (pid == 0) {
    talk_take(talk);
    MUST(setresgid(outside, outside, outside));
    MUST(setresuid(outside, outside, outside));
    unshare_or_skip(CLONE_NEWUSER | more, "user");
    talk_say();
    talk_await();
    become(IMAGE("image", .wait = true));
  }
  talk_listen(talk);
  int fd = (int)MUST(open(text("/proc/%d/uid_map", pid), O_WRONLY | O_CLOEXEC));
  char* map = text("0 %u 1\n1 100000 10\n", outside);
  if (write(fd, map, strlen(map)) < 0) broken("uid_map: %s", strerror(errno));
  close(fd);
  fd = (int)MUST(open(text("/proc/%d/gid_map", pid), O_WRONLY | O_CLOEXEC));
  if (write(fd, map, strlen(map)) < 0) broken("gid_map: %s", strerror(errno));
  close(fd);
  talk_tell(talk);
  observed(pid, talk);
}
static void user_mapped_to_user(void) { user_mapped(1000, 0); }
static void user_mapped_to_root(void) { user_mapped(0, 0); }
static void user_and_others(void) { user_mapped(1000, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET); }

/* Makes a child that is pid 1 of a new pid namespace; in it returns 0. */
static pid_t begin_init(void) {
  MUST(unshare(CLONE_NEWPID));
  pid_t pid = begin_child();
  if (pid == 0) self.in_tree = true;
  return pid;
}

/* unshare(CLONE_NEWPID) affects the children of the caller for good, so each shape does it in a child. */
static pid_t begin_outer(void) { return begin_named_child("outer"); }

static void new_pid_exec(void) {
  pid_t outer = begin_outer();
  if (outer == 0) {
    pid_t init = begin_init();
    if (init == 0) become(IMAGE("init", .then = "fork-family", .code = 3));
    finish_child("init", init);
    _exit(0);
  }
  finish_child("outer", outer);
}

/* In the container: a child with an exec, one without, and a grandchild. */
static void fork_family(void) {
  run_plan(IMAGE("kid"));
  pid_t pid = begin_named_child("kid-without-exec");
  if (pid == 0) {
    run_plan(IMAGE("grandkid"));
    _exit(4);
  }
  finish_child("kid-without-exec", pid);
}

static void new_pid_fork_only(void) {
  pid_t outer = begin_outer();
  if (outer == 0) {
    pid_t init = begin_init();
    if (init == 0) {
      name_child("init");
      pid_t pid = begin_named_child("kid");
      if (pid == 0) _exit(2);
      finish_child("kid", pid);
      _exit(1);
    }
    finish_child("init", init);
    _exit(0);
  }
  finish_child("outer", outer);
}

/* pid 1 calls exec again and again and stays pid 1. */
static void new_pid_exec_in_place(void) {
  pid_t outer = begin_outer();
  if (outer == 0) {
    pid_t init = begin_init();
    if (init == 0) become(IMAGE("one", .then = "exec-two"));
    finish_child("one", init);
    _exit(0);
  }
  finish_child("outer", outer);
}

static void by_clone(int flags) {
  pid_t pid = (pid_t)MUST(syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL));
  if (pid == 0) {
    memcpy(self.creator, self.who, sizeof self.creator);
    self.who[0] = 0;
    self.forked = self.in_tree = true;
    become(IMAGE("init", .then = "fork-family"));
  }
  finish_child("init", pid);
}
static void new_pid_by_clone(void) { by_clone(CLONE_NEWPID); }
static void all_by_clone(void) {
  by_clone(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP);
}

static void nested_pid(void) {
  pid_t outer = begin_outer();
  if (outer == 0) {
    pid_t init = begin_init();
    if (init == 0) become(IMAGE("init", .then = "nest"));
    finish_child("init", init);
    _exit(0);
  }
  finish_child("outer", outer);
}
static void nest(void) {
  pid_t inner = begin_init();
  if (inner == 0) become(IMAGE("inner-init", .then = "fork-leaf"));
  finish_child("inner-init", inner);
}

/* When pid 1 ends, the kernel kills the rest of the namespace; nobody waits for it, so its end is foretold. */
static void init_dies(void) {
  struct talk talk = talk_open(); /* also held by us: the victims must not see its end before theirs */
  pid_t outer = begin_outer();
  if (outer == 0) {
    pid_t init = begin_init();
    if (init == 0) {
      name_child("init");
      for (int i = 0; i < 2; i++)
        if (begin_child() == 0) {
          talk_take(talk);
          if (i == 0) become(IMAGE("victim", .wait = true));
          name_child("victim-without-exec");
          talk_say();
          for (;;) pause();
        }
      talk_listen(talk);
      talk_listen(talk);
      fact_exit("victim", SIGKILL);
      fact_exit("victim-without-exec", SIGKILL);
      _exit(5);
    }
    finish_child("init", init);
    _exit(0);
  }
  finish_child("outer", outer);
}

/* Into the pid namespace of another process, as nsenter does: children are in the namespace but not of the container.
 */
static void joined_pid(void) {
  struct talk talk = talk_open();
  pid_t outer = begin_outer();
  if (outer == 0) {
    pid_t init = begin_init();
    if (init == 0) {
      talk_take(talk);
      become(IMAGE("init", .wait = true));
    }
    finish_child("init", init);
    _exit(0);
  }
  talk_listen(talk);
  int space = (int)MUST(open(text("/proc/%d/ns/pid_for_children", outer), O_RDONLY | O_CLOEXEC));
  pid_t joiner = begin_named_child("joiner");
  if (joiner == 0) {
    MUST(setns(space, CLONE_NEWPID));
    pid_t pid = begin_child();
    if (pid == 0) become(IMAGE("guest", .then = "fork-family"));
    finish_child("guest", pid);
    pid = begin_named_child("guest-without-exec");
    if (pid == 0) _exit(6);
    finish_child("guest-without-exec", pid);
    _exit(0);
  }
  finish_child("joiner", joiner);
  talk_tell(talk);
  finish_child("outer", outer);
}

static void daemon_in_container(void) {
  pid_t outer = begin_outer();
  if (outer == 0) {
    pid_t init = begin_init();
    if (init == 0) become(IMAGE("init", .then = "fork-daemon"));
    finish_child("init", init);
    _exit(0);
  }
  finish_child("outer", outer);
}

/* A daemon inside: re-parented to the namespace's pid 1. */
static void fork_daemon(void) {
  pid_t middle = begin_named_child("middle");
  if (middle == 0) {
    pid_t creator = getpid();
    if (begin_child() == 0) {
      while (getppid() == creator) sched_yield();
      become(IMAGE("daemon", .code = 17));
    }
    _exit(0);
  }
  finish_child("middle", middle);
  int status;
  MUST(waitpid(-1, &status, 0));
  fact_exit("daemon", status);
}

const struct shape namespace_shapes[] = {
    {"ns-mount", new_mount},
    {"ns-network", new_network},
    {"ns-uts", new_uts},
    {"ns-ipc", new_ipc},
    {"ns-cgroup", new_cgroup},
    {"ns-time", new_time},
    {"ns-time-forked", new_time_forked},
    {"ns-user-unmapped", user_unmapped},
    {"ns-user-mapped-to-user", user_mapped_to_user},
    {"ns-user-mapped-to-root", user_mapped_to_root},
    {"ns-user-and-others", user_and_others},
    {"ns-pid-for-children", new_pid_for_children},
    {"ns-pid", new_pid_exec},
    {"ns-pid-fork-only", new_pid_fork_only},
    {"ns-pid-exec-in-place", new_pid_exec_in_place},
    {"ns-pid-by-clone", new_pid_by_clone},
    {"ns-pid-nested", nested_pid},
    {"ns-pid-daemon", daemon_in_container},
    {"ns-pid-init-dies", init_dies},
    {"ns-pid-joined", joined_pid},
    {"ns-all-by-clone", all_by_clone},
    {0},
};

const struct shape namespace_steps[] = {
    {"fork-init", fork_init}, {"fork-family", fork_family}, {"nest", nest}, {"fork-daemon", fork_daemon}, {0},
};
