/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders of the shapes, and strings that live as long as the process (nothing here is ever freed). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdarg.h>

#include "shape.h"

long must(long result, const char* what) {
  if (result < 0) broken("%s: %s", what, strerror(errno));
  return result;
}

char* text(const char* format, ...) {
  char* result = NULL;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&result, format, arguments) < 0) abort();
  va_end(arguments);
  return result;
}

char* repeated(char byte, size_t count) {
  char* result = malloc(count + 1);
  memset(result, byte, count);
  result[count] = 0;
  return result;
}

char* prepared(const char* format, ...) {
  char* name = NULL;
  va_list arguments;
  va_start(arguments, format);
  if (vasprintf(&name, format, arguments) < 0) abort();
  va_end(arguments);
  char* path = text("%s/%s", getenv("REDAN_SHAPES"), name);
  free(name);
  return path;
}

char* witness(void) { return prepared("bin/witness"); }

char* scratch(void) {
  char* path = prepared("scratch/%d", host_pid());
  MUST(mkdir(path, 0777));
  MUST(chmod(path, 0777));
  MUST(chdir(path));
  return path;
}

void write_file(const char* path, const char* content, size_t length, mode_t mode) {
  int fd = (int)MUST(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (write(fd, content, length) != (ssize_t)length) broken("write %s: %s", path, strerror(errno));
  MUST(fchmod(fd, mode));
  close(fd);
}

void copy_file(const char* from, const char* to, mode_t mode) {
  struct stat source;
  int in = (int)MUST(open(from, O_RDONLY | O_CLOEXEC)),
      out = (int)MUST(open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  MUST(fstat(in, &source));
  for (off_t left = source.st_size; left > 0;) left -= MUST(sendfile(out, in, NULL, (size_t)left));
  MUST(fchmod(out, mode));
  close(in);
  close(out);
}
