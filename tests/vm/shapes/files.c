/* SPDX-License-Identifier: Apache-2.0 */
/* What is executed: files by descriptor, without a name, scripts, other architectures. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shape.h"

static int at_empty_path(const struct plan* plan, char* const* environment) {
  return (int)syscall(SYS_execveat, plan->fd, "", plan->argv, environment, AT_EMPTY_PATH);
}

static int at_name(const struct plan* plan, char* const* environment) {
  return (int)syscall(SYS_execveat, plan->fd, plan->file, plan->argv, environment, 0);
}

static int by_fexecve(const struct plan* plan, char* const* environment) {
  return fexecve(plan->fd, plan->argv, environment);
}

static void by_descriptor(int (*exec)(const struct plan*, char* const*), int fd, const char* file) {
  MUST(fd);
  run_plan(
      &(struct plan){.who = "image", .file = file, .argv = ARGV("witness", "by-descriptor"), .exec = exec, .fd = fd});
}

static void execveat_folder(void) { by_descriptor(at_name, open(prepared("."), O_PATH), "bin/witness"); }
static void execveat_folder_odd(void) { by_descriptor(at_name, open(prepared("links"), O_PATH), "..//bin/./witness"); }
static void execveat_absolute(void) { by_descriptor(at_name, open("/usr", O_PATH), witness()); }
static void execveat_cwd(void) {
  MUST(chdir(prepared("links")));
  run_plan(&(struct plan){
      .who = "image", .file = "../bin/witness", .argv = ARGV("witness"), .exec = at_name, .fd = AT_FDCWD});
}
static void execveat_itself(void) { by_descriptor(at_empty_path, open(witness(), O_PATH | O_CLOEXEC), ""); }
static void fexecve_plain(void) { by_descriptor(by_fexecve, open(witness(), O_RDONLY | O_CLOEXEC), ""); }
static void proc_fd(void) {
  int fd = (int)MUST(open(witness(), O_PATH));
  run_plan(&(struct plan){.who = "image", .file = text("/proc/self/fd/%d", fd), .argv = ARGV("witness")});
}

/* A file that holds the witness, open for reading only, and to be executed without ever having had a name, or after
 * losing it.
 */
static int memfd_with_witness(void) {
  struct stat source;
  int in = (int)MUST(open(witness(), O_RDONLY | O_CLOEXEC)),
      out = (int)MUST(memfd_create("ghost in memory", MFD_CLOEXEC));
  MUST(fstat(in, &source));
  for (off_t left = source.st_size; left > 0;) left -= MUST(sendfile(out, in, NULL, (size_t)left));
  close(in);
  return out;
}

static void memfd(void) { by_descriptor(by_fexecve, memfd_with_witness(), ""); }
static void memfd_by_proc(void) {
  int fd = (int)MUST(dup(memfd_with_witness())); /* stays open over exec */
  run_plan(&(struct plan){.who = "image", .file = text("/proc/self/fd/%d", fd), .argv = ARGV("ghost", "arg")});
}

static void deleted(void) {
  scratch();
  copy_file(witness(), "doomed", 0755);
  int fd = (int)MUST(open("doomed", O_RDONLY | O_CLOEXEC));
  MUST(unlink("doomed"));
  by_descriptor(by_fexecve, fd, "");
}

static void never_linked(void) {
  scratch();
  int out = (int)MUST(open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0755)),
      in = (int)MUST(open(witness(), O_RDONLY | O_CLOEXEC));
  struct stat source;
  MUST(fstat(in, &source));
  for (off_t left = source.st_size; left > 0;) left -= MUST(sendfile(out, in, NULL, (size_t)left));
  int fd = (int)MUST(open(text("/proc/self/fd/%d", out), O_RDONLY | O_CLOEXEC)); /* open for writing means busy */
  close(out);
  by_descriptor(by_fexecve, fd, "");
}

/* Deleted while it runs: the exec had links, so nothing is to be told. */
static void deleted_later(void) {
  scratch();
  copy_file(witness(), "doomed", 0755);
  struct talk talk = talk_open();
  pid_t pid = begin_child();
  if (pid == 0) {
    talk_take(talk);
    become(&(struct plan){.who = "image", .file = "./doomed", .argv = ARGV("doomed"), .wait = true});
  }
  talk_listen(talk);
  MUST(unlink("doomed"));
  talk_tell(talk);
  finish_child("image", pid);
}

static void script(const char* name, const char* content) { write_file(name, content, strlen(content), 0755); }

static void run_script(const char* file) {
  run_plan(&(struct plan){.who = "image", .file = file, .argv = ARGV("ignored", "one", "two words")});
}

static void script_plain(void) {
  char* here = scratch();
  script("run", text("#!%s\nnot read\n", witness()));
  run_script(text("%s/run", here));
}
static void script_argument(void) {
  char* here = scratch();
  script("run", text("#! %s  -x --flag=with space \n", witness()));
  run_script(text("%s/run", here));
}
static void script_relative(void) {
  scratch();
  script("run", text("#!%s\n", witness()));
  run_script("./run");
}
static void script_of_script(void) {
  char* here = scratch();
  script("inner", text("#!%s -inner\n", witness()));
  script("outer", text("#!%s/inner -outer\n", here));
  run_script(text("%s/outer", here));
}
static void script_chain(void) {
  char* here = scratch();
  script("s1", text("#!%s\n", witness()));
  for (int i = 2; i <= 4; i++) script(text("s%d", i), text("#!%s/s%d arg%d\n", here, i - 1, i));
  run_script(text("%s/s4", here));
}
static void script_in_folder(void) {
  scratch();
  script("run", text("#!%s\n", witness()));
  by_descriptor(at_name, open(".", O_PATH), "run");
}
static void script_by_descriptor(void) {
  scratch();
  script("run", text("#!%s\n", witness()));
  by_descriptor(at_empty_path, open("run", O_RDONLY), "");
}
static void script_by_symlink(void) {
  char* here = scratch();
  script("run", text("#!%s\n", witness()));
  MUST(symlink("run", "alias"));
  run_script(text("%s/alias", here));
}

/* A real shell, which cannot report itself: foretold. */
static void script_shell(void) {
  char* here = scratch();
  script("run.sh", "#!/bin/sh -e\nexit 7\n");
  char* file = text("%s/run.sh", here);
  pid_t pid = begin_child();
  if (pid == 0) {
    execv(file, ARGV("run.sh", "one"));
    broken("exec of %s: %s", file, strerror(errno));
  }
  fact_exec_ahead(&(struct plan){.who = "image", .file = file, .argv = ARGV("/bin/sh", "-e", file, "one")}, pid);
  finish_child("image", pid);
}

/* The set-uid bit of a script means nothing. */
static void script_setuid(void) {
  char* here = scratch();
  script("run", text("#!%s\n", witness()));
  MUST(chmod("run", 06755));
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(setresgid(1000, 1000, 1000));
    MUST(setresuid(1000, 1000, 1000));
    become(&(struct plan){.who = "image", .file = text("%s/run", here), .argv = ARGV("run")});
  }
  finish_child("image", pid);
}

static void other_word_size(void) {
  run_plan(&(struct plan){
      .who = "image", .file = prepared("bin/witness32"), .argv = ARGV("witness32", "32 bit", "caf\xc3\xa9")});
}

static void hard_linked(void) {
  char* here = scratch();
  MUST(link(witness(), "other-name"));
  run_plan(&(struct plan){.who = "image", .file = text("%s/other-name", here), .argv = ARGV("x")});
}

/* The dynamic loader started as a program. */
static void through_loader(void) {
  char* const argv[] = {"ld.so", "/bin/true", "by-loader", NULL};
  const char* loader = "/lib64/ld-linux-x86-64.so.2";
  pid_t pid = begin_child();
  if (pid == 0) {
    execve(loader, argv, (char*[]){NULL});
    broken("exec of %s: %s", loader, strerror(errno));
  }
  fact_exec_ahead(&(struct plan){.who = "image", .file = loader, .argv = argv}, pid);
  finish_child("image", pid);
}

const struct shape file_shapes[] = {
    {"file-execveat-folder", execveat_folder},
    {"file-execveat-folder-not-clean", execveat_folder_odd},
    {"file-execveat-absolute", execveat_absolute},
    {"file-execveat-cwd", execveat_cwd},
    {"file-execveat-empty-path", execveat_itself},
    {"file-fexecve", fexecve_plain},
    {"file-proc-self-fd", proc_fd},
    {"file-memfd", memfd},
    {"file-memfd-by-proc", memfd_by_proc},
    {"file-deleted", deleted},
    {"file-deleted-while-running", deleted_later},
    {"file-never-linked", never_linked},
    {"file-hard-linked", hard_linked},
    {"file-through-loader", through_loader},
    {"file-32-bit", other_word_size},
    {"script", script_plain},
    {"script-argument", script_argument},
    {"script-relative", script_relative},
    {"script-of-script", script_of_script},
    {"script-four-deep", script_chain},
    {"script-execveat-folder", script_in_folder},
    {"script-by-descriptor", script_by_descriptor},
    {"script-by-symlink", script_by_symlink},
    {"script-shell", script_shell},
    {"script-setuid-ignored", script_setuid},
    {0},
};
