/* SPDX-License-Identifier: Apache-2.0 */
/* Who made whom: forks of every kind, execs in place, orphans, reused pids. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

#include "shape.h"

enum { STACK = 256 * 1024 };

/* For children that share our memory, or are made by the library: the same as IMAGE, with a life of its own. */
static struct plan image_named(const char* who) {
  char** argv = calloc(3, sizeof *argv);
  argv[0] = "witness";
  argv[1] = text("%s", who);
  return (struct plan){.who = who, .file = witness(), .argv = argv};
}
#define IMAGE(name, ...) (&(struct plan){.who = name, .file = witness(), .argv = ARGV("witness", name), __VA_ARGS__})

static void fork_exec(void) { run_plan(IMAGE("image", .code = 3)); }

static void two_children(void) {
  pid_t first = begin_child();
  if (first == 0) become(IMAGE("first", .code = 1));
  pid_t second = begin_child();
  if (second == 0) become(IMAGE("second", .code = 2));
  finish_child("second", second);
  finish_child("first", first);
}

static void fork_only(void) {
  pid_t pid = begin_named_child("child");
  if (pid == 0) _exit(9);
  finish_child("child", pid);
}

/* The record of a child without exec is a copy of its creator's as of the creator's exec, whatever either changed
 * since.
 */
static void fork_only_after_changes(void) {
  scratch();
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(setresgid(1000, 1000, 1000));
    MUST(setresuid(1000, 1000, 1000));
    MUST(prctl(PR_SET_NAME, "renamed"));
    name_child("child");
    pid_t inner = begin_named_child("grandchild");
    if (inner == 0) _exit(0);
    finish_child("grandchild", inner);
    _exit(0);
  }
  finish_child("child", pid);
}

/* Forks in a row, each by the previous, the last one with an exec; then all end from the inside out. */
static void fork_chain(void) {
  enum { DEPTH = 12 };
  pid_t made[DEPTH + 1];
  int depth = 0;
  while (depth < DEPTH) {
    char* name = text("generation-%d", depth);
    made[depth] = begin_named_child(name);
    if (made[depth] != 0) break;
    depth++;
  }
  if (depth == DEPTH) {
    run_plan(IMAGE("leaf", .code = 200));
    _exit(depth);
  }
  finish_child(text("generation-%d", depth), made[depth]);
  if (depth > 0) _exit(depth);
}

static void double_fork(void) {
  pid_t middle = begin_named_child("middle");
  if (middle == 0) {
    run_plan(IMAGE("image", .code = 4));
    _exit(5);
  }
  finish_child("middle", middle);
}

/* The grandchild's creator is the child as it was at the fork, not the image that the child runs when the grandchild
 * calls exec.
 */
static void child_forks_then_execs(void) {
  pid_t pid = begin_named_child("child");
  if (pid == 0) {
    struct talk talk = talk_open();
    pid_t inner = begin_child();
    if (inner == 0) {
      talk_take(talk);
      talk_await();
      become(IMAGE("grandchild"));
    }
    MUST(dup2(talk.here, TALK_FD));
    become(IMAGE("child-image", .then = "release-child"));
  }
  finish_child("child-image", pid);
}

/* The same with a creator that had an image before: the child belongs to the old image. */
static void creator_execs_first(void) {
  pid_t pid = begin_child();
  if (pid == 0) become(IMAGE("creator", .then = "fork-then-exec"));
  finish_child("creator", pid);
}

static void fork_then_exec(void) {
  struct talk talk = talk_open();
  pid_t inner = begin_child();
  if (inner == 0) {
    talk_take(talk);
    talk_await();
    become(IMAGE("grandchild"));
  }
  MUST(dup2(talk.here, TALK_FD));
  become(IMAGE("successor", .then = "release-child"));
}

static void release_child(void) {
  int status;
  talk_say();
  if (waitpid(-1, &status, 0) < 0) broken("waitpid: %s", strerror(errno));
  fact_exit("grandchild", status);
}

static void vfork_exec(void) {
  struct plan plan = image_named("image");
  char** environment = plan_environment_of_child(&plan);
  pid_t pid = vfork();
  if (pid == 0) {
    execve(plan.file, plan.argv, environment);
    _exit(127);
  }
  MUST(pid);
  finish_child("image", pid);
}

static void vfork_exit(void) {
  pid_t pid = vfork();
  if (pid == 0) _exit(11);
  MUST(pid);
  fact_fork("child", self.who, pid);
  finish_child("child", pid);
}

static void spawned(void) {
  struct plan plan = image_named("image");
  pid_t pid;
  errno = posix_spawn(&pid, plan.file, NULL, NULL, plan.argv, plan_environment_of_child(&plan));
  if (errno) broken("posix_spawn: %s", strerror(errno));
  finish_child("image", pid);
}

/* A raw clone without a stack of its own behaves as fork. */
static pid_t raw_clone(unsigned long flags) {
  pid_t pid = (pid_t)MUST(syscall(SYS_clone, flags, NULL, NULL, NULL, NULL));
  if (pid == 0) {
    memcpy(self.creator, self.who, sizeof self.creator);
    self.who[0] = 0;
    self.forked = true;
  }
  return pid;
}

/* CLONE_PARENT: the kernel's parent of the new process is the shape, its creator is the forked child. */
static void with_clone_parent(bool exec) {
  pid_t middle = begin_named_child("middle");
  if (middle == 0) {
    pid_t pid = raw_clone(CLONE_PARENT | SIGCHLD);
    if (pid == 0 && exec) become(IMAGE("sibling", .code = 6));
    if (pid == 0) {
      name_child("sibling");
      _exit(6);
    }
    _exit(7);
  }
  for (int i = 0; i < 2; i++) {
    int status;
    pid_t pid = (pid_t)MUST(waitpid(-1, &status, 0));
    fact_exit(pid == middle ? "middle" : "sibling", status);
  }
}
static void clone_parent(void) { with_clone_parent(true); }
static void clone_parent_fork_only(void) { with_clone_parent(false); }

/* CLONE_PARENT by an image: even a process that hides behind its grandparent belongs to that image. */
static void clone_parent_image(void) {
  pid_t pid = begin_child();
  if (pid == 0) become(IMAGE("creator", .then = "clone-sibling"));
  for (int i = 0; i < 2; i++) {
    int status;
    pid_t ended = (pid_t)MUST(waitpid(-1, &status, 0));
    fact_exit(ended == pid ? "creator" : "sibling", status);
  }
}

static void clone_sibling(void) {
  if (raw_clone(CLONE_PARENT | SIGCHLD) == 0) become(IMAGE("sibling"));
}

static pid_t raw_clone3(uint64_t flags, pid_t wanted) {
  pid_t tids[1] = {wanted};
  struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
  if (wanted) {
    arguments.set_tid = (uint64_t)(uintptr_t)tids;
    arguments.set_tid_size = 1;
  }
  pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0 && errno == ENOSYS) skip("no clone3");
  MUST(pid);
  if (pid == 0) {
    memcpy(self.creator, self.who, sizeof self.creator);
    self.who[0] = 0;
    self.forked = true;
  }
  return pid;
}

static void clone3_exec(void) {
  pid_t pid = raw_clone3(0, 0);
  if (pid == 0) become(IMAGE("image"));
  finish_child("image", pid);
}

/* The same pid three times: three processes. */
static void reused_pid(void) {
  pid_t pid = begin_named_child("first");
  if (pid == 0) _exit(1);
  finish_child("first", pid);
  if (raw_clone3(0, pid) == 0) become(IMAGE("second", .code = 2));
  finish_child("second", pid);
  if (raw_clone3(0, pid) == 0) become(IMAGE("third", .code = 3));
  finish_child("third", pid);
}

/* The pid of a creator that has ended goes to another process, while the child still lives: its parent stays the first
 * owner.
 */
static void reused_pid_of_creator(void) {
  MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
  struct talk talk = talk_open();
  pid_t creator = begin_child();
  if (creator == 0) {
    talk_take(talk);
    become(IMAGE("creator", .then = "leave-child-waiting"));
  }
  finish_child("creator", creator);
  pid_t stranger = raw_clone3(0, creator);
  if (stranger == 0) become(IMAGE("stranger"));
  finish_child("stranger", stranger);
  talk_tell(talk);
  int status;
  MUST(waitpid(-1, &status, 0));
  fact_exit("orphan", status);
}

static void leave_child_waiting(void) {
  if (begin_child() == 0) {
    talk_await();
    become(IMAGE("orphan"));
  }
}

struct vm_child {
  struct plan plan;
  char** environment;
  volatile int touched;
};

static int act_then_exec(void* data) {
  struct vm_child* child = data;
  child->touched = 1;
  execve(child->plan.file, child->plan.argv, child->environment);
  _exit(127);
}

static int act_then_exit(void* data) {
  struct vm_child* child = data;
  child->touched = 1;
  _exit(12);
}

static void sharing_memory(int (*run)(void*), int flags) {
  struct vm_child child = {.plan = image_named("image")};
  child.environment = plan_environment_of_child(&child.plan);
  char* stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) broken("no stack: %s", strerror(errno));
  pid_t pid = (pid_t)MUST(clone(run, stack + STACK, flags | SIGCHLD, &child));
  if (run == act_then_exit) fact_fork("image", self.who, pid);
  finish_child("image", pid);
  if (!child.touched) broken("the child did not share memory");
}
static void clone_vm(void) { sharing_memory(act_then_exec, CLONE_VM); }
static void clone_vm_files_fs(void) {
  sharing_memory(act_then_exec, CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND);
}
static void clone_vm_exit(void) { sharing_memory(act_then_exit, CLONE_VM); }

static void in_place_once(void) {
  pid_t pid = begin_child();
  if (pid == 0) become(IMAGE("one", .then = "exec-plain"));
  finish_child("one", pid);
}
static void exec_plain(void) { become(IMAGE("plain")); }

static void in_place_three_times(void) {
  pid_t pid = begin_child();
  if (pid == 0) become(IMAGE("one", .then = "exec-two"));
  finish_child("one", pid);
}
static void exec_two(void) { become(IMAGE("two", .then = "exec-three")); }
static void exec_three(void) { become(IMAGE("three", .then = "exec-four")); }
static void exec_four(void) { become(IMAGE("four", .then = "fork-leaf", .code = 44)); }
static void fork_leaf(void) { run_plan(IMAGE("leaf")); }

static void shape_execs_itself(void) { become(IMAGE("successor", .then = "exec-plain")); }

static void await_parent(pid_t parent) {
  while (getppid() != parent) sched_yield();
}

/* Re-parented to a subreaper before it calls exec. */
static void subreaper(void) {
  MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
  pid_t shape = getpid(), middle = begin_named_child("middle");
  if (middle == 0) {
    if (begin_child() == 0) {
      await_parent(shape);
      become(IMAGE("orphan", .code = 8));
    }
    _exit(0);
  }
  finish_child("middle", middle);
  int status;
  MUST(waitpid(-1, &status, 0));
  fact_exit("orphan", status);
}

/* The same, its creator having been an image. */
static void orphan_of_image(void) {
  MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
  pid_t creator = begin_child();
  if (creator == 0) become(IMAGE("creator", .then = "fork-orphan"));
  finish_child("creator", creator);
  int status;
  MUST(waitpid(-1, &status, 0));
  fact_exit("orphan", status);
}

static void fork_orphan(void) {
  pid_t creator = getpid();
  if (begin_child() == 0) {
    while (getppid() == creator) sched_yield();
    become(IMAGE("orphan"));
  }
}

/* As daemons start: two forks, a session of its own, re-parented to whoever reaps here. */
static void daemon_with_image(void) {
  pid_t middle = begin_named_child("middle");
  if (middle == 0) {
    MUST(setsid());
    pid_t creator = getpid();
    if (begin_child() == 0) {
      while (getppid() == creator) sched_yield();
      MUST(chdir("/"));
      become(IMAGE("daemon", .then = "fork-leaf", .orphan = true, .code = 13));
    }
    _exit(0);
  }
  finish_child("middle", middle);
}

static void daemon_without_exec(void) {
  pid_t middle = begin_named_child("middle");
  if (middle == 0) {
    MUST(setsid());
    pid_t creator = getpid();
    if (begin_named_child("daemon") == 0) {
      while (getppid() == creator) sched_yield();
      run_plan(IMAGE("leaf"));
      leave(14);
    }
    _exit(0);
  }
  finish_child("middle", middle);
}

/* Nobody waits: the kernel reaps. */
static void ignored_children(void) {
  signal(SIGCHLD, SIG_IGN);
  if (begin_child() == 0) become(IMAGE("image", .orphan = true, .code = 15));
  if (begin_named_child("child") == 0) leave(16);
}

static void without_exit_signal(void) {
  pid_t pid = raw_clone(0);
  if (pid == 0) become(IMAGE("image"));
  finish_child("image", pid);
}

/* A child that was stopped and went on. */
static void stopped(void) {
  pid_t pid = begin_named_child("child");
  if (pid == 0) {
    raise(SIGSTOP);
    become(IMAGE("image"));
  }
  int status;
  MUST(waitpid(pid, &status, WUNTRACED));
  MUST(kill(pid, SIGCONT));
  finish_child("image", pid);
}

const struct shape family_shapes[] = {
    {"family-fork-exec", fork_exec},
    {"family-two-children", two_children},
    {"family-fork-only", fork_only},
    {"family-fork-only-after-changes", fork_only_after_changes},
    {"family-fork-chain", fork_chain},
    {"family-double-fork", double_fork},
    {"family-child-forks-then-execs", child_forks_then_execs},
    {"family-creator-execs-first", creator_execs_first},
    {"family-vfork-exec", vfork_exec},
    {"family-vfork-exit", vfork_exit},
    {"family-posix-spawn", spawned},
    {"family-clone-parent", clone_parent},
    {"family-clone-parent-fork-only", clone_parent_fork_only},
    {"family-clone-parent-by-image", clone_parent_image},
    {"family-clone3", clone3_exec},
    {"family-clone-vm", clone_vm},
    {"family-clone-vm-files-fs", clone_vm_files_fs},
    {"family-clone-vm-exit", clone_vm_exit},
    {"family-clone-no-exit-signal", without_exit_signal},
    {"family-exec-in-place", in_place_once},
    {"family-exec-in-place-three-times", in_place_three_times},
    {"family-shape-execs-itself", shape_execs_itself},
    {"family-subreaper", subreaper},
    {"family-orphan-of-image", orphan_of_image},
    {"family-daemon", daemon_with_image},
    {"family-daemon-without-exec", daemon_without_exec},
    {"family-ignored-children", ignored_children},
    {"family-stopped", stopped},
    {"family-reused-pid", reused_pid},
    {"family-reused-pid-of-creator", reused_pid_of_creator},
    {0},
};

const struct shape family_steps[] = {
    {"exec-plain", exec_plain},
    {"exec-two", exec_two},
    {"exec-three", exec_three},
    {"exec-four", exec_four},
    {"fork-leaf", fork_leaf},
    {"fork-then-exec", fork_then_exec},
    {"release-child", release_child},
    {"clone-sibling", clone_sibling},
    {"leave-child-waiting", leave_child_waiting},
    {"fork-orphan", fork_orphan},
    {0},
};
