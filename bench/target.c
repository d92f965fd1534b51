// SPDX-License-Identifier: Apache-2.0
// The small program that the benchmark starts. With "wait" as its argument it stays until it is killed.
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "wait") == 0) pause();
  return 0;
}
