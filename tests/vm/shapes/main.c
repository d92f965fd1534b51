/* SPDX-License-Identifier: Apache-2.0 */
/* shapes --list       prints the names of all shapes
 * shapes NAME         makes that shape and reports it as facts on standard output (see shape.h)
 * with REDAN_SHAPE    is a witness: reports how it was started
 * with REDAN_OLD      reports itself as older than the agent, and makes the shape when standard input says so
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shape.h"

static const struct shape* const shapes[] = {args_shapes,       path_shapes,   odd_path_shapes, file_shapes,
                                             credential_shapes, family_shapes, thread_shapes,   namespace_shapes,
                                             death_shapes,      old_shapes,    content_shapes};
static const struct shape* const steps[] = {family_steps, thread_steps, namespace_steps, death_steps, old_steps};

static const struct shape* find(const struct shape* const* tables, size_t count, const char* name) {
  for (size_t i = 0; i < count; i++)
    for (const struct shape* row = tables[i]; row->name; row++)
      if (strcmp(row->name, name) == 0) return row;
  return NULL;
}

const struct shape* find_step(const char* name) { return find(steps, sizeof steps / sizeof *steps, name); }

static int list(void) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (const struct shape* row = shapes[i]; row->name; row++) puts(row->name);
  return 0;
}

int main(int argc, char** argv) {
  if (is_witness()) witness_main(argc, argv);
  if (argc == 2 && strcmp(argv[1], "--list") == 0) return list();
  const struct shape* shape = argc == 2 ? find(shapes, sizeof shapes / sizeof *shapes, argv[1]) : NULL;
  if (!shape) {
    fprintf(stderr, "usage: shapes --list | NAME\n");
    return 2;
  }
  strcpy(self.who, "shape");
  bool old = getenv("REDAN_OLD");
  fact_image(old ? "old" : "exec", &(struct plan){.who = "shape", .argv = argv}, "test", true);
  char go;
  if (old && read(STDIN_FILENO, &go, 1) != 1) broken("the test did not start the shape");
  shape->run();
  return 0;
}
