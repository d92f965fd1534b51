/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: they have no events, and whichever of them calls exec, forks or ends last, the events are the process's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <pthread.h>

#include "shape.h"

enum { SOME = 4 };

static pid_t thread_id(void) { return (pid_t)syscall(SYS_gettid); }

/* Ends the calling thread only; pthread_exit() of the main thread would do more. */
static void end_thread(int code) {
  for (;;) syscall(SYS_exit, code);
}

static void start(void* (*run)(void*), void* data) {
  pthread_t thread;
  errno = pthread_create(&thread, NULL, run, data);
  if (errno) broken("pthread_create: %s", strerror(errno));
}

static void* sleep_for_ever(void* data) {
  if (data) *(volatile pid_t*)data = thread_id();
  for (;;) pause();
  return NULL;
}

/* Waits until the leader of the calling process has ended and only its zombie is there. */
static void await_leaders_end(void) {
  char path[64], state[256];
  snprintf(path, sizeof path, "self/task/%d/stat", host_pid());
  for (;;) {
    int fd = openat(PROC_FD, path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? 0 : read(fd, state, sizeof state - 1);
    if (fd >= 0) close(fd);
    state[count < 0 ? 0 : count] = 0;
    const char* name_end = strrchr(state, ')');
    if (!name_end || name_end[2] == 'Z') return;
    sched_yield();
  }
}

static void* note_and_return(void* data) {
  *(pid_t*)data = thread_id();
  return NULL;
}

static void threads_only(void) {
  pthread_t threads[8];
  pid_t tids[8];
  for (int i = 0; i < 8; i++) MUST(-pthread_create(&threads[i], NULL, note_and_return, &tids[i]));
  for (int i = 0; i < 8; i++) MUST(-pthread_join(threads[i], NULL));
  fact_tids(tids, 8);
}

static void* exec_here(void* data) {
  become(data);
  return NULL;
}

static void* exec_after_leader(void* data) {
  await_leaders_end();
  become(data);
  return NULL;
}

static const struct plan* image(const char* who) {
  struct plan* plan = malloc(sizeof *plan);
  char** argv = calloc(3, sizeof *argv);
  argv[0] = "witness";
  argv[1] = text("%s", who);
  *plan = (struct plan){.who = who, .file = witness(), .argv = argv};
  return plan;
}

/* A forked child with sleeping threads in which one more thread runs `run`; the leader then does `leader`. */
static void threaded_child(const char* last, void* (*run)(void*), const void* data, void (*leader)(void)) {
  volatile pid_t tids[SOME] = {0};
  pid_t pid = begin_named_child("child");
  if (pid == 0) {
    for (int i = 0; i < SOME; i++) start(sleep_for_ever, (void*)&tids[i]);
    for (int i = 0; i < SOME; i++)
      while (!tids[i]) sched_yield();
    fact_tids((const pid_t*)tids, SOME);
    start(run, (void*)data);
    leader();
  }
  finish_child(last, pid);
}

static void leader_sleeps(void) { sleep_for_ever(NULL); }
static void leader_ends(void) { end_thread(77); }

static void exec_by_thread(void) { threaded_child("image", exec_here, image("image"), leader_sleeps); }
static void exec_by_thread_without_leader(void) {
  threaded_child("image", exec_after_leader, image("image"), leader_ends);
}

/* By an image, so that the previous image is not the forked child. */
static void image_execs_by_thread(void) {
  pid_t pid = begin_child();
  if (pid == 0) {
    struct plan plan = *image("one");
    plan.then = "exec-by-thread";
    become(&plan);
  }
  finish_child("one", pid);
}
static void step_exec_by_thread(void) {
  start(sleep_for_ever, NULL);
  start(exec_here, (void*)image("two"));
  leader_sleeps();
}

static void image_execs_without_leader(void) {
  pid_t pid = begin_child();
  if (pid == 0) {
    struct plan plan = *image("one");
    plan.then = "exec-without-leader";
    become(&plan);
  }
  finish_child("one", pid);
}
static void step_exec_without_leader(void) {
  start(exec_after_leader, (void*)image("two"));
  leader_ends();
}

static void* fork_here(void* data) {
  run_plan(data);
  _exit(21);
}
static void* fork_after_leader(void* data) {
  await_leaders_end();
  run_plan(data);
  _exit(22);
}
static void fork_by_thread(void) { threaded_child("child", fork_here, image("grandchild"), leader_sleeps); }
static void fork_by_thread_without_leader(void) {
  threaded_child("child", fork_after_leader, image("grandchild"), leader_ends);
}

static void* exit_group_here(void* data) {
  (void)data;
  syscall(SYS_exit_group, 33);
  return NULL;
}
static void exit_group_by_thread(void) { threaded_child("child", exit_group_here, NULL, leader_sleeps); }

static void* exit_group_after_leader(void* data) {
  (void)data;
  await_leaders_end();
  syscall(SYS_exit_group, 34);
  return NULL;
}
static void exit_group_without_leader(void) { threaded_child("child", exit_group_after_leader, NULL, leader_ends); }

static void* end_last(void* data) {
  await_leaders_end();
  end_thread((int)(long)data);
  return NULL;
}

/* Leader first with one code, the last thread with another: the process's status is what its waiter gets. */
static void leader_first(int leader_code, int last_code) {
  pid_t pid = begin_named_child("child");
  if (pid == 0) {
    start(end_last, (void*)(long)last_code);
    end_thread(leader_code);
  }
  finish_child("child", pid);
}
static void leader_first_last_7(void) { leader_first(0, 7); }
static void leader_first_last_0(void) { leader_first(5, 0); }

static void* say_and_sleep(void* data) {
  talk_say();
  return sleep_for_ever(data);
}

static void killed(void (*leader)(void)) {
  struct talk talk = talk_open();
  pid_t pid = begin_named_child("child");
  if (pid == 0) {
    talk_take(talk);
    for (int i = 0; i < SOME; i++) start(say_and_sleep, NULL);
    leader();
  }
  for (int i = 0; i < SOME; i++) talk_listen(talk);
  MUST(kill(pid, SIGKILL));
  finish_child("child", pid);
}
static void killed_with_threads(void) { killed(leader_sleeps); }
static void killed_without_leader(void) { killed(leader_ends); }

static void* segv_here(void* data) {
  (void)data;
  raise(SIGSEGV);
  return NULL;
}
static void fault_in_thread(void) { threaded_child("child", segv_here, NULL, leader_sleeps); }

const struct shape thread_shapes[] = {
    {"thread-only", threads_only},
    {"thread-execs", exec_by_thread},
    {"thread-execs-leader-gone", exec_by_thread_without_leader},
    {"thread-execs-in-image", image_execs_by_thread},
    {"thread-execs-in-image-leader-gone", image_execs_without_leader},
    {"thread-forks", fork_by_thread},
    {"thread-forks-leader-gone", fork_by_thread_without_leader},
    {"thread-exit-group", exit_group_by_thread},
    {"thread-exit-group-leader-gone", exit_group_without_leader},
    {"thread-leader-first-last-7", leader_first_last_7},
    {"thread-leader-first-last-0", leader_first_last_0},
    {"thread-killed-process", killed_with_threads},
    {"thread-killed-process-leader-gone", killed_without_leader},
    {"thread-faults", fault_in_thread},
    {0},
};

const struct shape thread_steps[] = {
    {"exec-by-thread", step_exec_by_thread},
    {"exec-without-leader", step_exec_without_leader},
    {0},
};
