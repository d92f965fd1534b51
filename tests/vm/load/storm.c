// SPDX-License-Identifier: Apache-2.0
// Processes in quantity, and a few of special descent. What is done is said on standard output, a line for each thing.
//
//   storm run TINY PREFIX LOOPS COUNT
//       LOOPS forked loops; each starts COUNT times `TINY PREFIX-LOOP-N` and waits for it, in turns by vfork and by
//       fork, and after each second time forks a child that ends with status LOOP + 1. COUNT 0: until it gets SIGTERM.
//       Says: main PID, loop LOOP PID, step LOOP N (after each turn), end LOOP COUNT
//   storm nest TINY TOKEN
//       Forks a child that forks one that becomes `TINY pause TOKEN`; each ends after its child. Says: nest PID PID PID
//   storm orphan TINY TOKEN
//       As nest, but the child in the middle ends at once, and the other becomes its grandparent's before it becomes
//       `TINY pause TOKEN`. Says: nest PID PID PID
//   storm again TINY TOKEN PID...
//       A child for each PID, of this very pid, which must be free; waits for all of them. On SIGTERM a child becomes
//       `TINY TOKEN-PID`. Says for each: again PID
//   storm threads TINY TOKEN
//       A child with three more threads, of which one becomes `TINY TOKEN`. Says: threads PID
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <pthread.h>
#include <stdarg.h>

static const char* tiny;
static char* no_environment[] = {NULL};
static volatile sig_atomic_t stopping;

static void stop(int number) {
  (void)number;
  stopping = 1;
}

// Dies on the spot, loudly: a load that was not made as described proves nothing.
static void fail(const char* what) {
  fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
  _exit(99);
}

__attribute__((format(printf, 1, 2))) static void say(const char* format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  const int size = vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  if (write(STDOUT_FILENO, line, (size_t)size) != size) fail("write");
}

static void on_signal(int number, void (*handler)(int)) {
  const struct sigaction action = {.sa_handler = handler};
  if (sigaction(number, &action, NULL) != 0) fail("sigaction");
}

static int wait_for(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) != pid) {
    if (errno != EINTR) fail("waitpid");
  }
  return status;
}

static void become(char* first, char* second) {
  char* const argv[] = {(char*)tiny, first, second, NULL};
  execve(tiny, argv, no_environment);
}

static void run_tiny(char* token, int by_vfork) {
  const pid_t pid = by_vfork ? vfork() : fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    become(token, NULL);
    _exit(99);
  }
  if (wait_for(pid) != 0) fail("a child did not end with 0");
}

static void fork_only(int status) {
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) _exit(status);
  if (wait_for(pid) != status << 8) fail("a forked child did not end as told");
}

static void loop(const char* prefix, int number, long count) {
  say("loop %d %d\n", number, getpid());
  long turn = 0;
  for (; !stopping && (count == 0 || turn < count); turn++) {
    char token[128];
    snprintf(token, sizeof(token), "%s-%d-%ld", prefix, number, turn);
    run_tiny(token, turn % 2 == 0);
    if (turn % 2 == 1) fork_only(number + 1);
    say("step %d %ld\n", number, turn);
    // Without an end, it leaves something of the machine to others.
    if (count == 0) nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
  say("end %d %ld\n", number, turn);
  _exit(0);
}

static int run(const char* prefix, int loops, long count) {
  pid_t pids[64];
  if (loops < 1 || loops > 64) return 2;
  say("main %d\n", getpid());
  on_signal(SIGTERM, stop);
  for (int i = 0; i < loops; i++) {
    pids[i] = fork();
    if (pids[i] < 0) fail("fork");
    if (pids[i] == 0) loop(prefix, i, count);
  }
  for (int i = 0; i < loops; i++) {
    if (wait_for(pids[i]) != 0) fail("a loop did not end with 0");
  }
  return 0;
}

static int nest(char* token) {
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child > 0) {
    wait_for(child);
    return 0;
  }
  const pid_t grandchild = fork();
  if (grandchild < 0) fail("fork");
  if (grandchild == 0) {
    become("pause", token);
    _exit(99);
  }
  say("nest %d %d %d\n", getppid(), getpid(), grandchild);
  wait_for(grandchild);
  return 0;
}

static int orphan(char* token) {
  const pid_t top = getpid();
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) fail("prctl");
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    const pid_t middle = getpid();
    const pid_t grandchild = fork();
    if (grandchild < 0) fail("fork");
    if (grandchild > 0) _exit(0);
    while (getppid() != top) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    say("nest %d %d %d\n", top, middle, getpid());
    become("pause", token);
    _exit(99);
  }
  wait_for(child);
  while (wait(NULL) > 0) {
  }
  return 0;
}

static pid_t fork_as(pid_t pid) {
  struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&pid, .set_tid_size = 1};
  return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static void wait_and_become(const char* token) {
  sigset_t old;
  sigemptyset(&old);
  while (!stopping) sigsuspend(&old);
  char own[128];
  snprintf(own, sizeof(own), "%s-%d", token, getpid());
  become(own, NULL);
  _exit(99);
}

static int again(const char* token, char** pids) {
  // Blocked until a child waits for it, so that it cannot come too early.
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  on_signal(SIGTERM, stop);
  for (; *pids != NULL; pids++) {
    const pid_t pid = fork_as(atoi(*pids));
    if (pid < 0) fail("clone3 with a given pid");
    if (pid == 0) wait_and_become(token);
    say("again %d\n", pid);
  }
  while (wait(NULL) > 0 || errno == EINTR) continue;
  return 0;
}

static void* idle(void* unused) {
  pause();
  return unused;
}

static void* execute(void* token) {
  become(token, NULL);
  fail("execve");
  return NULL;
}

static int threads(char* token) {
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child > 0) {
    say("threads %d\n", child);
    return wait_for(child) == 0 ? 0 : 99;
  }
  pthread_t thread;
  for (int i = 0; i < 2; i++) {
    if (pthread_create(&thread, NULL, idle, NULL) != 0) fail("pthread_create");
  }
  if (pthread_create(&thread, NULL, execute, token) != 0) fail("pthread_create");
  pause();
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const char* verb = argv[1];
  tiny = argv[2];
  if (strcmp(verb, "run") == 0 && argc == 6) return run(argv[3], atoi(argv[4]), atol(argv[5]));
  if (strcmp(verb, "nest") == 0) return nest(argv[3]);
  if (strcmp(verb, "orphan") == 0) return orphan(argv[3]);
  if (strcmp(verb, "again") == 0) return again(argv[3], argv + 4);
  if (strcmp(verb, "threads") == 0) return threads(argv[3]);
  return 2;
}
