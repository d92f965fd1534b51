// SPDX-License-Identifier: Apache-2.0
// The program that the load executes. Static and without a C library, so that running it costs little beside the exec.
//
//   tiny TOKEN         ends with 0
//   tiny pause TOKEN   waits to be killed

#ifndef __x86_64__
#error "written for x86-64: add the start and the two system calls of this processor"
#endif

enum { kPause = 34, kExitGroup = 231 };  // asm/unistd_64.h

static long system_call(long number, long argument) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(argument) : "rcx", "r11", "memory");
  return result;
}

// What the kernel leaves on the stack: argc, then the pointers.
__attribute__((noreturn, used)) static void begin(const long* stack) {
  const char* const* argv = (const char* const*)(stack + 1);
  if (stack[0] == 3 && argv[1][0] == 'p') {
    for (;;) system_call(kPause, 0);
  }
  for (;;) system_call(kExitGroup, 0);
}

__asm__(".globl _start\n"
        "_start:\n"
        "  mov %rsp, %rdi\n"
        "  and $-16, %rsp\n"
        "  call begin\n");
