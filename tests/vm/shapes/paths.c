/* SPDX-License-Identifier: Apache-2.0 */
/* File names as given to the kernel, and working directories. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <limits.h>

#include "shape.h"

/* An image with the file name `file`, made by a child that first goes to `directory`. */
static void at(const char* directory, const char* file) {
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(chdir(directory));
    become(&(struct plan){.who = "image", .file = file, .argv = ARGV("witness", "path")});
  }
  finish_child("image", pid);
}

static void absolute(void) { at("/", witness()); }
static void absolute_odd(void) { at("/usr", prepared("/bin/.//../bin/witness")); }
static void bare_name(void) { at(prepared("bin"), "witness"); }
static void dot(void) { at(prepared("bin"), "./witness"); }
static void dot_dot(void) { at(prepared("scratch"), "../bin/witness"); }
static void odd_inside(void) { at(prepared("."), "bin//.//./witness"); }
static void above_root(void) { at("/usr", text("../../../..%s", witness())); }
static void from_root(void) { at("/", witness() + 1); }
static void by_symlink(void) { at("/usr", prepared("links/to-witness")); }
static void by_symlink_relative(void) { at(prepared("links"), "to-witness"); }
static void by_symlinked_folder(void) { at("/usr", prepared("links/to-bin/witness")); }
static void bind_mounted(void) { at("/usr", prepared("bound/witness")); }
static void bind_mounted_file(void) { at("/usr", prepared("bound-file")); }

static int search(const struct plan* plan, char* const* environment) {
  return execvpe(plan->file, plan->argv, environment);
}

static void searched(void) {
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(setenv("PATH", text("/nonexistent:%s:%s:/usr/bin", prepared("links"), prepared("bin")), 1));
    MUST(chdir("/"));
    become(&(struct plan){.who = "image", .file = "witness", .argv = ARGV("witness", "searched"), .exec = search});
  }
  finish_child("image", pid);
}

/* Folders below the working directory, as deep as needed to make its path `length` bytes long; ends up in the last one.
 */
static void descend(size_t length) {
  char here[PATH_MAX];
  size_t have = strlen(getcwd(here, sizeof here));
  while (have < length) {
    size_t left = length - have - 1; /* for the slash */
    size_t take = left <= 200 ? left : left - 200 < 2 ? 198 : 200;
    char* name = repeated('d', take);
    if (take > 5) memcpy(name, text("%05zu", have), 5);
    MUST(mkdir(name, 0755));
    MUST(chdir(name));
    have += take + 1;
  }
}

/* The witness under an absolute path of exactly `length` bytes. */
static char* witness_at_length(size_t length) {
  char folder[PATH_MAX];
  scratch();
  descend(length - sizeof "/witness-0000" + 1);
  MUST(link(witness(), "witness-0000"));
  if (!getcwd(folder, sizeof folder)) broken("getcwd: %s", strerror(errno));
  char* path = text("%s/witness-0000", folder);
  if (strlen(path) != length) broken("a path of %zu bytes instead of %zu", strlen(path), length);
  return path;
}

static void long_path(size_t length) {
  char* path = witness_at_length(length);
  at("/", path);
}

static void path_200(void) { long_path(200); }
static void path_300(void) { long_path(300); }
static void path_1024(void) { long_path(1024); }
static void path_4095(void) { long_path(PATH_MAX - 1); }
static void path_4095_relative(void) {
  char* path = witness_at_length(PATH_MAX - 1);
  at("/", path + 1);
}

static void cwd_is_root(void) { at("/", witness()); }

static void cwd_deep(void) {
  scratch();
  for (int i = 0; i < 120; i++) {
    char* name = text("level-%d", i);
    MUST(mkdir(name, 0755));
    MUST(chdir(name));
  }
  at(".", witness());
}

static void cwd_near_path_max(void) {
  scratch();
  descend(PATH_MAX - 2);
  at(".", witness());
}

/* Longer than any path that the kernel can write down: the event has to say that it could not. */
static void beyond_path_max(size_t more) {
  char* path = text("REDAN_CWD=%s", scratch());
  size_t length = strlen(path) - strlen("REDAN_CWD=");
  for (int i = 0; length < PATH_MAX + more; i++) {
    char* name = text("%03d-%s", i, repeated('d', 96));
    MUST(mkdir(name, 0755));
    MUST(chdir(name));
    path = text("%s/%s", path, name);
    length += strlen(name) + 1;
  }
  char* const environment[] = {path, NULL};
  run_plan(&(struct plan){.who = "image", .file = witness(), .argv = ARGV("witness"), .environment = environment});
}
static void cwd_beyond_path_max(void) { beyond_path_max(0); }
static void cwd_far_beyond_path_max(void) { beyond_path_max(20000); }

static void cwd_other_mount(void) { at(prepared("mounted/inner/folder"), witness()); }
static void cwd_mount_root(void) { at(prepared("mounted"), witness()); }
static void cwd_in_bind_mount(void) { at(prepared("bound"), "./witness"); }
static void cwd_under_proc(void) { at("/proc/self", witness()); }

static void cwd_of_bytes(const char* name) {
  scratch();
  MUST(mkdir(name, 0755));
  MUST(link(witness(), text("%s/witness", name)));
  at(name, "./witness");
}
static void cwd_spaced(void) { cwd_of_bytes("two words \"quoted\""); }
static void cwd_control(void) { cwd_of_bytes("new\nline\ttab\x01"); }
static void cwd_utf8(void) { cwd_of_bytes("\xc3\xa9t\xc3\xa9 \xe6\xbc\xa2"); }
static void cwd_invalid(void) { cwd_of_bytes("bad\xff\xfe-\xc3"); }
static void cwd_looks_deleted(void) { cwd_of_bytes("kept (deleted)"); }

static void cwd_deleted(void) {
  scratch();
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(mkdir("gone", 0755));
    MUST(chdir("gone"));
    MUST(rmdir("../gone"));
    become(&(struct plan){.who = "image", .file = witness(), .argv = ARGV("witness", "gone")});
  }
  finish_child("image", pid);
}

/* From a deleted folder the parent can still be reached. */
static void cwd_deleted_relative(void) {
  scratch();
  MUST(link(witness(), "beside"));
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(mkdir("gone", 0755));
    MUST(chdir("gone"));
    MUST(rmdir("../gone"));
    become(&(struct plan){.who = "image", .file = "../beside", .argv = ARGV("beside")});
  }
  finish_child("image", pid);
}

static void cwd_renamed(void) {
  scratch();
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(mkdir("before", 0755));
    MUST(chdir("before"));
    MUST(rename("../before", "../after"));
    become(&(struct plan){.who = "image", .file = witness(), .argv = ARGV("witness")});
  }
  finish_child("image", pid);
}

/* A root of its own for the child: the witness and a folder. */
static void make_root(void) {
  scratch();
  MUST(mkdir("root", 0755));
  MUST(mkdir("root/folder", 0755));
  MUST(link(witness(), "root/witness"));
}

static void in_chroot(const char* directory, const char* file) {
  make_root();
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(chroot("root"));
    if (directory) MUST(chdir(directory));
    become(&(struct plan){.who = "image", .file = file, .argv = ARGV("witness", "chroot")});
  }
  finish_child("image", pid);
}
static void chroot_absolute(void) { in_chroot("/", "/witness"); }
static void chroot_relative(void) { in_chroot("/folder", "../witness"); }
static void chroot_cwd_outside(void) { in_chroot(NULL, "/witness"); }

/* The same with a mount namespace, as containers do it: the old root is gone. */
static void pivoted(void) {
  make_root();
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(unshare(CLONE_NEWNS));
    MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    MUST(mount("root", "root", NULL, MS_BIND, NULL));
    MUST(chdir("root"));
    MUST(syscall(SYS_pivot_root, ".", "."));
    MUST(umount2(".", MNT_DETACH));
    MUST(chdir("/folder"));
    become(&(struct plan){.who = "image", .file = "/witness", .argv = ARGV("witness", "pivot")});
  }
  finish_child("image", pid);
}

/* A mount that only the process's own mount namespace has, with the working directory in it. */
static void cwd_private_mount(void) {
  scratch();
  MUST(mkdir("own", 0755));
  pid_t pid = begin_child();
  if (pid == 0) {
    MUST(unshare(CLONE_NEWNS));
    MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    MUST(mount("own", "own", "tmpfs", 0, "size=1m"));
    MUST(mkdir("own/inside", 0755));
    MUST(chdir("own/inside"));
    become(&(struct plan){.who = "image", .file = witness(), .argv = ARGV("witness", "own-mount")});
  }
  finish_child("image", pid);
}

const struct shape path_shapes[] = {
    {"path-absolute", absolute},
    {"path-absolute-not-clean", absolute_odd},
    {"path-bare-name", bare_name},
    {"path-dot", dot},
    {"path-dot-dot", dot_dot},
    {"path-relative-not-clean", odd_inside},
    {"path-dot-dot-above-root", above_root},
    {"path-relative-to-root", from_root},
    {"path-searched", searched},
    {"path-symlink", by_symlink},
    {"path-symlink-relative", by_symlink_relative},
    {"path-symlinked-folder", by_symlinked_folder},
    {"path-bind-mount", bind_mounted},
    {"path-bind-mounted-file", bind_mounted_file},
    {"path-200-bytes", path_200},
    {"path-300-bytes", path_300},
    {"path-1024-bytes", path_1024},
    {"path-4095-bytes", path_4095},
    {"path-4094-bytes-relative", path_4095_relative},
    {"path-chroot", chroot_absolute},
    {"path-chroot-relative", chroot_relative},
    {"path-chroot-cwd-outside", chroot_cwd_outside},
    {"path-pivot-root", pivoted},
    {0},
};

const struct shape odd_path_shapes[] = {
    {"cwd-root", cwd_is_root},
    {"cwd-120-components", cwd_deep},
    {"cwd-near-path-max", cwd_near_path_max},
    {"cwd-beyond-path-max", cwd_beyond_path_max},
    {"cwd-far-beyond-path-max", cwd_far_beyond_path_max},
    {"cwd-other-mount", cwd_other_mount},
    {"cwd-mount-root", cwd_mount_root},
    {"cwd-bind-mount", cwd_in_bind_mount},
    {"cwd-private-mount", cwd_private_mount},
    {"cwd-proc-self", cwd_under_proc},
    {"cwd-spaced", cwd_spaced},
    {"cwd-control", cwd_control},
    {"cwd-utf8", cwd_utf8},
    {"cwd-invalid-utf8", cwd_invalid},
    {"cwd-looks-deleted", cwd_looks_deleted},
    {"cwd-deleted", cwd_deleted},
    {"cwd-deleted-relative-file", cwd_deleted_relative},
    {"cwd-renamed", cwd_renamed},
    {0},
};
