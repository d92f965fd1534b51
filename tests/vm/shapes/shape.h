/* SPDX-License-Identifier: Apache-2.0 */
/* What the process shapes share.
 *
 * A shape is a small tree of processes, run for real, that writes down what it does as facts: JSON objects, one a line,
 * on standard output (a file opened for appending, so that the lines of several processes do not mix). Each program
 * image and each forked child has a name that is unique within its shape; facts refer to processes by these names.
 * test_shapes.py turns the facts into the events that the agent must have written.
 *
 *   exec   an image, in its own words: what it was started with, where and as whom it runs
 *   old    the same, of a process that is older than the agent
 *   fork   a child without an exec (so far)
 *   seen   user and group ids as another process sees them (an image inside a user namespace cannot know them)
 *   tids   threads, which have no events of their own
 *   exit   the end of a process, by the name of any of its images
 *   skip   this kernel cannot do that
 *   broken the shape itself went wrong
 */
#ifndef REDAN_SHAPE_H
#define REDAN_SHAPE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* Descriptors that the processes of a shape are given, out of the way of those that they open. */
enum {
  PROC_FD = 103, /* the /proc of the initial pid namespace, also where no path leads to it */
  LIFE_FD = 102, /* kept open by every process: its last close tells the test that all have ended */
  TALK_FD = 101, /* from a creator to an image that waits; see struct talk */
};

/* Who the running code is. Copied by fork; an image learns it from the plan that it was started by. */
struct self {
  char who[64];     /* name of the image, or of the forked child */
  char creator[64]; /* while forked: who called fork */
  bool forked;      /* has not called exec since the fork */
  bool in_tree;     /* pid 1 of a pid namespace or descends from one */
};
extern struct self self;

/* An image to be made by exec. It runs the witness: a program that reports itself, then does as the plan says. */
struct plan {
  const char* who;
  const char* file; /* as given to the kernel */
  char* const* argv;
  const char* raised;       /* what the exec raises: words of setuid=N setgid=N SETUID SETGID CAP, comma-separated */
  const char* then;         /* name of a step to run in the new image */
  char* const* environment; /* besides the witness's own variable */
  int code;                 /* exit code */
  bool wait;                /* after the report, wait for the creator's word on TALK_FD */
  bool orphan;              /* nobody waits for it: it reports its own end */
  int (*exec)(const struct plan* plan, char* const* environment); /* how, if not by execve(); returns on failure */
  int fd;                                                         /* for `exec` */
};
#define ARGV(...) ((char*[]){__VA_ARGS__, NULL})

struct shape {
  const char* name;
  void (*run)(void);
};
/* Tables of the shapes by subject, each ended by an empty row, and of the steps that a plan can name. */
extern const struct shape args_shapes[], path_shapes[], odd_path_shapes[], file_shapes[], credential_shapes[],
    family_shapes[], thread_shapes[], namespace_shapes[], death_shapes[], old_shapes[], content_shapes[];
extern const struct shape family_steps[], thread_steps[], namespace_steps[], death_steps[], old_steps[];

/* facts.c */
void fact_image(const char* kind, const struct plan* plan, const char* from, bool fresh);
/* For an image that cannot report itself; ids and cwd are the caller's. */
void fact_exec_ahead(const struct plan* plan, pid_t pid);
void fact_fork(const char* who, const char* from, pid_t pid);
void fact_seen(const char* who, pid_t pid);
void fact_exit(const char* who, int wait_status);
void fact_tids(const pid_t* tids, int count);
void skip(const char* format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void broken(const char* format, ...) __attribute__((noreturn, format(printf, 1, 2)));
pid_t host_pid(void); /* of the calling process, in the initial pid namespace */

/* image.c */
void witness_main(int argc, char** argv) __attribute__((noreturn));
bool is_witness(void);
char** plan_environment(const struct plan* plan); /* for execs of the calling process */
/* For the first exec of a child that the caller is about to make. */
char** plan_environment_of_child(const struct plan* plan);
int plan_exec(const struct plan* plan, char* const* environment);
void become(const struct plan* plan) __attribute__((noreturn));
pid_t begin_child(void); /* fork; in the child returns 0 and self is the nameless child of the caller */
pid_t begin_named_child(const char* who);       /* the same, and the child reports itself as forked */
void name_child(const char* who);               /* in a child: a fork fact about itself */
void finish_child(const char* who, pid_t pid);  /* waits and reports the exit */
void run_plan(const struct plan* plan);         /* fork, exec, wait */
void leave(int code) __attribute__((noreturn)); /* for a process nobody waits for: reports its own exit and ends */
const struct shape* find_step(const char* name);

/* A word between a process and its descendants, across exec: reads and writes of one byte. */
struct talk {
  int here, there;
};
struct talk talk_open(void);        /* before the fork */
void talk_take(struct talk talk);   /* in the child: its end becomes TALK_FD */
void talk_listen(struct talk talk); /* in the creator: wait for the child's byte */
void talk_tell(struct talk talk);   /* in the creator: let the child go on */
void talk_say(void);                /* in the child */
void talk_await(void);              /* in the child */

/* places.c: the files that the test prepared (REDAN_SHAPES names the folder) and private scratch */
char* prepared(const char* format, ...) __attribute__((format(printf, 1, 2)));
char* witness(void);
char* text(const char* format, ...) __attribute__((format(printf, 1, 2)));
char* repeated(char byte, size_t count);
char* scratch(void); /* a new empty folder of this shape, also the working directory from then on */
void write_file(const char* path, const char* content, size_t length, mode_t mode);
void copy_file(const char* from, const char* to, mode_t mode);
long must(long result, const char* what);
#define MUST(call) must((long)(call), #call)

#endif
