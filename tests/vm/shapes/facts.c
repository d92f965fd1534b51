/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: what a process knows of itself or has done, as one JSON object a line. Bytes that are not printable ASCII are
 * written as \u00XX, so that the reader gets back the very bytes whatever their encoding.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stdarg.h>

#include "shape.h"

#define FACT_MAX (1 << 20)

/* One fact in the making. There is one at a time in a process, and one buffer, which a fork copies only as far as it is
 * used.
 */
struct fact {
  char* text;
  size_t length;
};

static void put(struct fact* fact, const char* bytes, size_t count) {
  if (fact->length + count > FACT_MAX) abort();
  memcpy(fact->text + fact->length, bytes, count);
  fact->length += count;
}

static void put_text(struct fact* fact, const char* text) { put(fact, text, strlen(text)); }

static void put_string(struct fact* fact, const char* value) {
  put_text(fact, "\"");
  for (const unsigned char* byte = (const unsigned char*)value; *byte; byte++) {
    char escaped[8];
    if (*byte >= 0x20 && *byte < 0x7f && *byte != '"' && *byte != '\\')
      put(fact, (const char*)byte, 1);
    else
      put(fact, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", *byte));
  }
  put_text(fact, "\"");
}

static void put_key(struct fact* fact, const char* key) {
  put_text(fact, ",");
  put_string(fact, key);
  put_text(fact, ":");
}

static void put_pair(struct fact* fact, const char* key, const char* value) {
  put_key(fact, key);
  put_string(fact, value);
}

static void put_number(struct fact* fact, const char* key, long long value) {
  char digits[32];
  put_key(fact, key);
  put(fact, digits, (size_t)snprintf(digits, sizeof digits, "%lld", value));
}

static struct fact begin(const char* kind) {
  static char buffer[FACT_MAX];
  struct fact fact = {.text = buffer};
  put_text(&fact, "{\"is\":");
  put_string(&fact, kind);
  return fact;
}

/* One write: lines of different processes do not mix in a file that is open for appending. */
static void end(struct fact* fact) {
  put_text(fact, "}\n");
  if (write(STDOUT_FILENO, fact->text, fact->length) != (ssize_t)fact->length) abort();
}

static long long now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* The content of a file of PROC_FD/NAME, or an empty string. */
static const char* proc_text(const char* process, const char* name) {
  static char content[8192];
  char path[64];
  snprintf(path, sizeof path, "%s/%s", process, name);
  int fd = openat(PROC_FD, path, O_RDONLY | O_CLOEXEC);
  ssize_t count = fd < 0 ? 0 : read(fd, content, sizeof content - 1);
  if (fd >= 0) close(fd);
  content[count < 0 ? 0 : count] = 0;
  return content;
}

static const char* proc_link(const char* process, const char* name) {
  static char target[8192];
  char path[64];
  snprintf(path, sizeof path, "%s/%s", process, name);
  ssize_t count = readlinkat(PROC_FD, path, target, sizeof target - 1);
  target[count < 0 ? 0 : count] = 0;
  return target;
}

pid_t host_pid(void) {
  char target[32];
  ssize_t count = readlinkat(PROC_FD, "self", target, sizeof target - 1);
  if (count < 0) abort();
  target[count] = 0;
  return atoi(target);
}

/* The line of /proc/PID/status that starts with `label`, with its fields separated by one space. */
static void put_status(struct fact* fact, const char* key, const char* status, const char* label) {
  char value[128] = "";
  const char* line = strstr(status, label);
  if (line) {
    line += strlen(label);
    size_t length = 0;
    for (; *line && *line != '\n' && length < sizeof value - 1; line++)
      if (*line != '\t')
        value[length++] = *line;
      else if (length)
        value[length++] = ' ';
    value[length] = 0;
  }
  put_pair(fact, key, value);
}

static void put_ids(struct fact* fact, const char* process) {
  const char* status = proc_text(process, "status");
  put_status(fact, "uids", status, "\nUid:");
  put_status(fact, "gids", status, "\nGid:");
}

static void put_namespaces(struct fact* fact) {
  static const char* const names[] = {
      "uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children", "cgroup", "user"};
  put_key(fact, "ns");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char name[64];
    snprintf(name, sizeof name, "ns/%s", names[i]);
    const char* number = strchr(proc_link("self", name), '[');
    put_text(fact, i ? "," : "{");
    put_string(fact, names[i]);
    put_text(fact, ":");
    char digits[32];
    put(fact, digits, (size_t)snprintf(digits, sizeof digits, "%lld", number ? atoll(number + 1) : 0));
  }
  put_text(fact, "}");
}

/* Everything that does not depend on what was asked of the exec. */
static void put_state(struct fact* fact, bool with_file) {
  put_pair(fact, "cwd", proc_link("self", "cwd"));
  const char* deep = getenv("REDAN_CWD");
  put_pair(fact, "deep_cwd", deep ? deep : "");
  char path[8192];
  put_number(fact, "outside", syscall(SYS_getcwd, path, sizeof path) > 0 && path[0] != '/'); /* not below the root */
  put_ids(fact, "self");
  const char* status = proc_text("self", "status");
  put_status(fact, "permitted", status, "\nCapPrm:");
  put_status(fact, "effective", status, "\nCapEff:");
  put_status(fact, "inheritable", status, "\nCapInh:");
  put_number(fact, "securebits", prctl(PR_GET_SECUREBITS));
  const char* auid = proc_text("self", "loginuid");
  put_number(fact, "auid", *auid ? atoll(auid) : 4294967295);
  put_namespaces(fact);
  struct stat file;
  if (with_file && fstatat(PROC_FD, "self/exe", &file, 0) == 0) {
    put_number(fact, "inode", (long long)file.st_ino);
    put_number(fact, "links", (long long)file.st_nlink);
  }
  const char* after_name = strrchr(proc_text("self", "stat"), ')');
  long long start = 0;
  for (int field = 2; after_name && field < 22; field++) after_name = strchr(after_name + 1, ' ');
  if (after_name) start = atoll(after_name);
  put_number(fact, "start_ticks", start);
  put_number(fact, "in_tree", self.in_tree);
  put_number(fact, "boot_ns", now(CLOCK_BOOTTIME));
}

static void put_list(struct fact* fact, const char* key, char* const* strings) {
  put_key(fact, key);
  put_text(fact, "[");
  for (size_t i = 0; strings[i]; i++) {
    if (i) put_text(fact, ",");
    put_string(fact, strings[i]);
  }
  put_text(fact, "]");
}

static void put_lineage(struct fact* fact, const struct plan* plan, const char* from, bool fresh) {
  put_pair(fact, "who", plan->who);
  put_pair(fact, "from", from);
  put_number(fact, "fresh", fresh);
  put_pair(fact, "raised", plan->raised ? plan->raised : "");
}

/* The calling image, as the kernel started it: AT_EXECFN is the kernel's own copy of the file name it was given. */
void fact_image(const char* kind, const struct plan* plan, const char* from, bool fresh) {
  struct fact fact = begin(kind);
  put_lineage(&fact, plan, from, fresh);
  put_number(&fact, "pid", host_pid());
  put_pair(&fact, "file", (const char*)getauxval(AT_EXECFN));
  put_list(&fact, "argv", plan->argv);
  put_list(&fact, "environment", environ);
  put_state(&fact, true);
  end(&fact);
}

void fact_exec_ahead(const struct plan* plan, pid_t pid) {
  struct fact fact = begin("exec");
  put_lineage(&fact, plan, self.who, pid != 0);
  put_number(&fact, "pid", pid ? pid : host_pid());
  put_number(&fact, "ahead", 1);
  put_pair(&fact, "file", plan->file);
  put_list(&fact, "argv", plan->argv);
  put_list(&fact, "environment", plan->environment ? plan->environment : (char*[]){NULL});
  put_state(&fact, false);
  end(&fact);
}

void fact_fork(const char* who, const char* from, pid_t pid) {
  struct fact fact = begin("fork");
  put_pair(&fact, "who", who);
  put_pair(&fact, "from", from);
  put_number(&fact, "pid", pid);
  put_number(&fact, "in_tree", self.in_tree);
  put_number(&fact, "boot_ns", now(CLOCK_BOOTTIME));
  end(&fact);
}

void fact_seen(const char* who, pid_t pid) {
  char process[16];
  struct fact fact = begin("seen");
  snprintf(process, sizeof process, "%d", pid);
  put_pair(&fact, "who", who);
  put_ids(&fact, process);
  end(&fact);
}

void fact_exit(const char* who, int wait_status) {
  struct fact fact = begin("exit");
  put_pair(&fact, "who", who);
  put_number(&fact, "status", wait_status);
  put_number(&fact, "boot_ns", now(CLOCK_BOOTTIME));
  end(&fact);
}

void fact_tids(const pid_t* tids, int count) {
  struct fact fact = begin("tids");
  put_key(&fact, "tids");
  put_text(&fact, "[");
  for (int i = 0; i < count; i++) {
    char digits[16];
    put(&fact, digits, (size_t)snprintf(digits, sizeof digits, "%s%d", i ? "," : "", tids[i]));
  }
  put_text(&fact, "]");
  end(&fact);
}

static void stop_with(const char* kind, const char* format, va_list arguments) {
  char why[1024];
  vsnprintf(why, sizeof why, format, arguments);
  struct fact fact = begin(kind);
  put_pair(&fact, "who", self.who);
  put_pair(&fact, "why", why);
  end(&fact);
  _exit(125);
}

void skip(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  stop_with("skip", format, arguments);
  abort();
}

void broken(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  stop_with("broken", format, arguments);
  abort();
}
