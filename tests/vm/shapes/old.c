/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes that are older than the agent: started before it, they do the following when it is ready. And shapes for the
 * agent's options for the content of events: environment and ancestors.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shape.h"

#define IMAGE(name, ...) (&(struct plan){.who = name, .file = witness(), .argv = ARGV("witness", name), __VA_ARGS__})

static void ends(void) { _exit(41); }
static void forks(void) {
  pid_t pid = begin_named_child("child");
  if (pid == 0) _exit(42);
  finish_child("child", pid);
}
static void forks_and_execs(void) { run_plan(IMAGE("image")); }
static void execs(void) { become(IMAGE("image", .then = "exec-plain")); }

const struct shape old_shapes[] = {
    {"old-ends", ends}, {"old-forks", forks}, {"old-forks-and-execs", forks_and_execs}, {"old-execs", execs}, {0},
};

static void environment(void) {
  char* const list[] = {"PLAIN=value",  "EMPTY=",           "SPACED=two words",
                        "EQUALS=a=b=c", "UTF8=caf\xc3\xa9", "INVALID=\xff\xfe!",
                        "LINES=a\nb",   "PLAIN=twice",      NULL};
  run_plan(IMAGE("image", .environment = list));
}

static void environment_without_equals(void) {
  char* const list[] = {"BEFORE=1", "no equals sign", "AFTER=2", NULL};
  run_plan(IMAGE("image", .environment = list));
}

static void environment_large(void) {
  static char* list[501];
  for (int i = 0; i < 500; i++) list[i] = text("VARIABLE_%03d=%s", i, repeated('v', 40));
  run_plan(IMAGE("image", .environment = list));
}

/* Foretold, because the witness needs a variable. */
static void without_environment(void) {
  pid_t pid = begin_child();
  if (pid == 0) {
    execve("/bin/true", ARGV("true", "bare"), (char*[]){NULL});
    broken("exec of true: %s", strerror(errno));
  }
  fact_exec_ahead(&(struct plan){.who = "image", .file = "/bin/true", .argv = ARGV("true", "bare")}, pid);
  finish_child("image", pid);
}

static void ancestry(void) { run_plan(IMAGE("one", .then = "ancestry-two")); }
static void ancestry_two(void) {
  pid_t pid = begin_named_child("without-exec");
  if (pid == 0) {
    run_plan(IMAGE("three", .then = "exec-plain"));
    _exit(0);
  }
  finish_child("without-exec", pid);
}

const struct shape content_shapes[] = {
    {"content-environment", environment},
    {"content-environment-no-equals-sign", environment_without_equals},
    {"content-environment-large", environment_large},
    {"content-no-environment", without_environment},
    {"content-ancestors", ancestry},
    {0},
};

const struct shape old_steps[] = {
    {"ancestry-two", ancestry_two},
    {0},
};
