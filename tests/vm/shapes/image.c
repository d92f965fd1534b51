/* SPDX-License-Identifier: Apache-2.0 */
/* Making images and children, and the witness: the program that most images of the shapes run. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shape.h"

struct self self;

/* The variable that tells a program to be a witness: the fields of struct told, separated by semicolons. */
#define PLAN_VARIABLE "REDAN_SHAPE"

struct told {
  char *who, *from, *fresh, *in_tree, *raised, *then, *code, *wait, *orphan;
};

static char** environment_for(const struct plan* plan, const char* from, bool fresh) {
  size_t own = 0, count = 0;
  while (plan->environment && plan->environment[own]) own++;
  char** list = calloc(own + 3, sizeof *list);
  list[count++] =
      text(PLAN_VARIABLE "=%s;%s;%d;%d;%s;%s;%d;%d;%d", plan->who, from, fresh, self.in_tree,
           plan->raised ? plan->raised : "", plan->then ? plan->then : "", plan->code, plan->wait, plan->orphan);
  list[count++] = text("REDAN_SHAPES=%s", getenv("REDAN_SHAPES"));
  for (size_t i = 0; i < own; i++) list[count++] = plan->environment[i];
  return list;
}

char** plan_environment(const struct plan* plan) {
  return environment_for(plan, self.forked ? self.creator : self.who, self.forked);
}

char** plan_environment_of_child(const struct plan* plan) {
  if (!*self.who) broken("a nameless child makes %s", plan->who);
  return environment_for(plan, self.who, true);
}

int plan_exec(const struct plan* plan, char* const* environment) {
  return plan->exec ? plan->exec(plan, environment) : execve(plan->file, plan->argv, environment);
}

void become(const struct plan* plan) {
  char** environment = plan_environment(plan);
  plan_exec(plan, environment);
  broken("exec of %s: %s", plan->file, strerror(errno));
}

static struct told read_plan(void) {
  struct told told;
  char* rest = strdup(getenv(PLAN_VARIABLE));
  char** fields[] = {&told.who,  &told.from, &told.fresh, &told.in_tree, &told.raised,
                     &told.then, &told.code, &told.wait,  &told.orphan};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    *fields[i] = strsep(&rest, ";");
    if (!*fields[i]) broken("bad " PLAN_VARIABLE);
  }
  return told;
}

bool is_witness(void) { return getenv(PLAN_VARIABLE); }

void witness_main(int argc, char** argv) {
  (void)argc;
  struct told told = read_plan();
  snprintf(self.who, sizeof self.who, "%s", told.who);
  self.in_tree = atoi(told.in_tree);
  fact_image("exec", &(struct plan){.who = told.who, .argv = argv, .raised = told.raised}, told.from, atoi(told.fresh));
  if (atoi(told.wait)) {
    talk_say();
    talk_await();
  }
  if (*told.then) {
    const struct shape* step = find_step(told.then);
    if (!step) broken("no step %s", told.then);
    step->run();
  }
  if (atoi(told.orphan)) leave(atoi(told.code));
  _exit(atoi(told.code));
}

pid_t begin_child(void) {
  pid_t pid = (pid_t)MUST(fork());
  if (pid == 0) {
    memcpy(self.creator, self.who, sizeof self.creator);
    self.who[0] = 0;
    self.forked = true;
  }
  return pid;
}

void name_child(const char* who) {
  snprintf(self.who, sizeof self.who, "%s", who);
  fact_fork(who, self.creator, host_pid());
}

pid_t begin_named_child(const char* who) {
  pid_t pid = begin_child();
  if (pid == 0) name_child(who);
  return pid;
}

void finish_child(const char* who, pid_t pid) {
  int status;
  if (TEMP_FAILURE_RETRY(waitpid(pid, &status, __WALL)) != pid) broken("waitpid for %s: %s", who, strerror(errno));
  fact_exit(who, status);
}

void run_plan(const struct plan* plan) {
  pid_t pid = begin_child();
  if (pid == 0) become(plan);
  finish_child(plan->who, pid);
}

void leave(int code) {
  fact_exit(self.who, code << 8);
  _exit(code);
}

struct talk talk_open(void) {
  int ends[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  return (struct talk){.here = ends[0], .there = ends[1]};
}

void talk_take(struct talk talk) {
  MUST(dup2(talk.there, TALK_FD));
  close(talk.there);
  close(talk.here);
}

static void take_byte(int fd) {
  char byte;
  if (TEMP_FAILURE_RETRY(read(fd, &byte, 1)) != 1) broken("the other side of a talk is gone");
}

static void give_byte(int fd) {
  if (TEMP_FAILURE_RETRY(write(fd, "!", 1)) != 1) broken("nobody listens to a talk");
}

void talk_listen(struct talk talk) { take_byte(talk.here); }
void talk_tell(struct talk talk) { give_byte(talk.here); }
void talk_say(void) { give_byte(TALK_FD); }
void talk_await(void) { take_byte(TALK_FD); }
