/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of processes, and execs that fail, before or after the point of no return. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <elf.h>
#include <pthread.h>

#include "shape.h"

#define IMAGE(name, ...) (&(struct plan){.who = name, .file = witness(), .argv = ARGV("witness", name), __VA_ARGS__})

/* A child whose fork is reported from here: for children that are too many, or end too soon, to report themselves. */
static pid_t begin_reported_child(const char* who) {
  pid_t pid = (pid_t)MUST(fork());
  if (pid != 0) fact_fork(who, self.who, pid);
  return pid;
}

static void all_exit_codes(void) {
  for (int code = 0; code < 256; code++) {
    char* who = text("code-%d", code);
    pid_t pid = begin_reported_child(who);
    if (pid == 0) _exit(code);
    finish_child(who, pid);
  }
}

static void image_exits_255(void) { run_plan(IMAGE("image", .code = 255)); }

/* Kills itself by `number`, raw, because the library keeps two real-time signals to itself. */
static void die_by(int number) {
  struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
  } by_default = {0};
  unsigned long none = 0;
  syscall(SYS_rt_sigaction, number, &by_default, NULL, sizeof none);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
  syscall(SYS_kill, syscall(SYS_getpid), number);
  broken("alive after signal %d", number);
}

static bool is_fatal(int number) {
  static const int harmless[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
  for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
    if (number == harmless[i]) return false;
  return true;
}

static void set_core_limit(rlim_t limit) { MUST(setrlimit(RLIMIT_CORE, &(struct rlimit){limit, RLIM_INFINITY})); }

static void one_signal(int number) {
  char* who = text("signal-%d", number);
  pid_t pid = begin_reported_child(who);
  if (pid == 0) die_by(number);
  finish_child(who, pid);
}

static void all_fatal_signals(void) {
  set_core_limit(0);
  for (int number = 1; number <= 31; number++)
    if (is_fatal(number)) one_signal(number);
}

static void real_time_signals(void) {
  for (int number = 32; number <= 64; number++) one_signal(number);
}

static void core_dumps(void) {
  static const int dumping[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
  scratch();
  set_core_limit(RLIM_INFINITY);
  for (size_t i = 0; i < sizeof dumping / sizeof *dumping; i++) one_signal(dumping[i]);
}

/* A fault, not a signal that somebody sent, in an image. */
static void image_faults(void) {
  pid_t pid = begin_child();
  if (pid == 0) {
    set_core_limit(0);
    become(IMAGE("image", .then = "fault"));
  }
  finish_child("image", pid);
}
static void fault(void) {
  *(volatile int*)16 = 1; /* page zero is never mapped */
  broken("a write to page zero went through");
}

static void killed_at_once(void) {
  pid_t pid = begin_reported_child("child");
  if (pid == 0)
    for (;;) pause();
  MUST(kill(pid, SIGKILL));
  finish_child("child", pid);
}

static void image_killed(void) {
  struct talk talk = talk_open();
  pid_t pid = begin_child();
  if (pid == 0) {
    talk_take(talk);
    become(IMAGE("image", .wait = true));
  }
  talk_listen(talk);
  MUST(kill(pid, SIGTERM));
  finish_child("image", pid);
}

/* Every try has to fail with the error that it says. */
static void try_exec(const char* file, char* const* argv, int wanted) {
  execve(file, argv, (char*[]){NULL});
  if (errno != wanted) broken("an exec failed with: %s; wanted: %s", strerror(errno), strerror(wanted));
}

static void try_failing_execs(void) {
  char* here = scratch();
  char* const argv[] = {"x", NULL};
  write_file("plain", "plain text, no program", 22, 0644);
  write_file("garbage",
             "\x7f"
             "NOT",
             4, 0755);
  write_file("empty", "", 0, 0755);
  write_file("no-interpreter", "#!/no/such/interpreter\n", 23, 0755);
  char* loop_line = text("#!%s/loop\n", here);
  write_file("loop", loop_line, strlen(loop_line), 0755);
  write_file("bare-marker", "#!\n", 3, 0755);
  MUST(symlink("circle", "circle"));
  try_exec("/no/such/file", argv, ENOENT);
  try_exec("", argv, ENOENT);
  try_exec(text("%s/plain", here), argv, EACCES);
  try_exec(here, argv, EACCES);
  try_exec(text("%s/plain/below", here), argv, ENOTDIR);
  try_exec(text("%s/circle", here), argv, ELOOP);
  try_exec(text("%s/garbage", here), argv, ENOEXEC);
  try_exec(text("%s/empty", here), argv, ENOEXEC);
  try_exec(text("%s/bare-marker", here), argv, ENOEXEC);
  try_exec(text("%s/no-interpreter", here), argv, ENOENT);
  try_exec(text("%s/loop", here), argv, ELOOP);
  try_exec(repeated('n', 5000), argv, ENAMETOOLONG);
  try_exec(witness(), (char*[]){"x", repeated('x', 200 * 1024), NULL}, E2BIG);
  try_exec((const char*)8, argv, EFAULT);
}

static void failed_execs(void) {
  pid_t pid = begin_named_child("child");
  if (pid == 0) {
    try_failing_execs();
    _exit(5);
  }
  finish_child("child", pid);
}

static void failed_then_done(void) {
  pid_t pid = begin_child();
  if (pid == 0) {
    try_failing_execs();
    become(IMAGE("image", .then = "fail-execs"));
  }
  finish_child("image", pid);
}
static void fail_execs(void) {
  try_exec("/no/such/file", ARGV("x"), ENOENT);
  try_exec(prepared("."), ARGV("x"), EACCES);
}

/* Capabilities of the file that the bounding set forbids: refused while credentials are worked out, late but not too
 * late.
 */
static void refused_capabilities(void) {
  pid_t pid = begin_named_child("child");
  if (pid == 0) {
    MUST(prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0));
    MUST(setresgid(1000, 1000, 1000));
    MUST(setresuid(1000, 1000, 1000));
    try_exec(prepared("bin/net-raw"), ARGV("x"), EPERM);
    _exit(6);
  }
  finish_child("child", pid);
}

/* A program that the kernel begins to load, gives up the old image for, and then cannot map: the segment lies in the
 * kernel's half of the address space.
 */
static char* fatal_program(void) {
  struct {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    char padding[4096];
  } program = {
      .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_EXEC,
                 .e_machine = EM_X86_64,
                 .e_version = EV_CURRENT,
                 .e_entry = 0x400000,
                 .e_phoff = sizeof(Elf64_Ehdr),
                 .e_ehsize = sizeof(Elf64_Ehdr),
                 .e_phentsize = sizeof(Elf64_Phdr),
                 .e_phnum = 1},
      .segment = {.p_type = PT_LOAD,
                  .p_flags = PF_R | PF_X,
                  .p_vaddr = 0xffff800000000000,
                  .p_filesz = 4096,
                  .p_memsz = 4096,
                  .p_align = 4096},
  };
  char* path = text("%s/fatal", scratch());
  write_file(path, (const char*)&program, sizeof program, 0755);
  return path;
}

static void expect_end(const char* who, pid_t pid) {
  int status;
  MUST(waitpid(pid, &status, 0));
  if (!WIFSIGNALED(status)) broken("the fatal program ended with status %#x", status);
  fact_exit(who, status);
}

static void exec_the_fatal(char* path) {
  execve(path, ARGV("fatal"), (char*[]){NULL});
  broken("the exec of the fatal program returned: %s", strerror(errno));
}

static void dies_in_exec(void) {
  char* path = fatal_program();
  pid_t pid = begin_named_child("child");
  if (pid == 0) exec_the_fatal(path);
  expect_end("child", pid);
}

static void image_dies_in_exec(void) {
  char* path = fatal_program();
  pid_t pid = begin_child();
  if (pid == 0)
    become(&(struct plan){.who = "image", .file = witness(), .argv = ARGV("witness", path), .then = "die-in-exec"});
  expect_end("image", pid);
}
static void die_in_exec(void) {
  char here[4096]; /* the shape's scratch folder, inherited as the working directory */
  exec_the_fatal(text("%s/fatal", getcwd(here, sizeof here)));
}

static void* die_in_thread(void* path) {
  exec_the_fatal(path);
  return NULL;
}
static void thread_dies_in_exec(void) {
  char* path = fatal_program();
  pid_t pid = begin_named_child("child");
  if (pid == 0) {
    pthread_t thread;
    MUST(-pthread_create(&thread, NULL, die_in_thread, path));
    for (;;) pause();
  }
  expect_end("child", pid);
}

const struct shape death_shapes[] = {
    {"death-exit-codes", all_exit_codes},
    {"death-image-exits-255", image_exits_255},
    {"death-fatal-signals", all_fatal_signals},
    {"death-real-time-signals", real_time_signals},
    {"death-core-dumps", core_dumps},
    {"death-image-faults", image_faults},
    {"death-image-terminated", image_killed},
    {"death-killed-at-once", killed_at_once},
    {"death-in-exec", dies_in_exec},
    {"death-in-exec-of-image", image_dies_in_exec},
    {"death-in-exec-by-thread", thread_dies_in_exec},
    {"failed-execs", failed_execs},
    {"failed-execs-before-image", failed_then_done},
    {"failed-exec-file-caps", refused_capabilities},
    {0},
};

const struct shape death_steps[] = {
    {"fault", fault},
    {"fail-execs", fail_execs},
    {"die-in-exec", die_in_exec},
    {0},
};
