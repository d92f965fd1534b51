// SPDX-License-Identifier: Apache-2.0
// The life of short processes, one after the other, each timed.
//
// Usage: cycles TARGET
//
// Reads requests of one line from standard input: "exec N" for N times vfork, execve of TARGET, exit, wait; "fork N" for N
// times fork, exit, wait. Answers each with N + 1 unsigned 32-bit numbers on standard output: the nanoseconds from the end
// of the cycle before to the end of this one, and at last what the cycles left to be done after them. In a machine whose
// clock counts instructions these are instructions. One process answers all requests, so that every fork copies the same
// memory; nothing is allocated or printed between two cycles.
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CYCLES_MAX 8192
#define AFTERMATH_NS 100000000
// Two readings of the clock that are farther apart have had something else between them.
#define INTERRUPTED_NS 1000

static uint32_t durations[CYCLES_MAX + 1];
static char* target_argv[] = {"target", "one", "two", NULL};
static char* target_envp[] = {"PATH=/usr/bin:/bin", NULL};

static void die(const char* what) {
  perror(what);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void reap(pid_t child) {
  int status;

  if (child < 0) die("fork");
  if (waitpid(child, &status, 0) != child || status != 0) die("a child did not end well");
}

static void exec_cycle(const char* target) {
  const pid_t child = vfork();

  if (child == 0) {
    execve(target, target_argv, target_envp);
    _exit(127);
  }
  reap(child);
}

static void fork_cycle(const char* target) {
  const pid_t child = fork();

  (void)target;
  if (child == 0) _exit(0);
  reap(child);
}

// Memory is freed when RCU says so, and an agent reads when it wakes up: looks at the clock for a while, and sums up the
// time that others took away from that. Before the cycles the same while is slept through, so that they begin with nothing
// left to do.
static uint32_t aftermath(void) {
  const uint64_t begun = now_ns();
  uint64_t before = begun, taken = 0;

  while (before < begun + AFTERMATH_NS) {
    const uint64_t after = now_ns();
    if (after - before > INTERRUPTED_NS) taken += after - before;
    before = after;
  }
  return (uint32_t)taken;
}

static void run(void (*cycle)(const char*), const char* target, unsigned count) {
  uint64_t before;

  usleep(AFTERMATH_NS / 1000);
  before = now_ns();
  for (unsigned i = 0; i < count; i++) {
    cycle(target);
    const uint64_t after = now_ns();
    durations[i] = (uint32_t)(after - before);
    before = after;
  }
  durations[count] = aftermath();
}

static void answer(unsigned count) {
  const char* from = (const char*)durations;
  size_t left = (count + 1) * sizeof(durations[0]);

  while (left > 0) {
    const ssize_t n = write(STDOUT_FILENO, from, left);
    if (n <= 0) die("write");
    from += n;
    left -= (size_t)n;
  }
}

int main(int argc, char** argv) {
  char line[64];
  char operation[8];
  unsigned count;

  if (argc != 2) {
    fprintf(stderr, "usage: cycles TARGET\n");
    return 2;
  }
  // Else the scheduler decides from one machine to the next whether a new child or its parent goes on first, and whoever
  // is woken less often is cheaper.
  if (sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}) != 0) die("SCHED_BATCH");
  memset(durations, 1, sizeof(durations));  // its pages are there before the first fork
  while (fgets(line, sizeof(line), stdin)) {
    if (sscanf(line, "%7s %u", operation, &count) != 2 || count > CYCLES_MAX) {
      fprintf(stderr, "cycles: cannot do: %s", line);
      return 2;
    }
    run(strcmp(operation, "exec") == 0 ? exec_cycle : fork_cycle, argv[1], count);
    answer(count);
  }
  return 0;
}
