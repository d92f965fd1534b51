# SPDX-License-Identifier: Apache-2.0
# How C++ is compiled and linked, for every target. CMakePresets.json names the useful combinations of these options.

set(REDAN_SANITIZE "" CACHE STRING "Value of -fsanitize= for everything, e.g. address,undefined")
option(REDAN_HARDEN "Hardened, self-contained binary: only libc and libm stay dynamic" OFF)
option(REDAN_FUZZ "Build the fuzz targets instead of the unit tests (needs clang)" OFF)
option(REDAN_WERROR "Warnings are errors" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Debug CACHE STRING "Debug or RelWithDebInfo" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")

# assert() stays in release builds: an agent that runs as root had better stop than go on with a broken invariant.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

find_program(REDAN_CCACHE ccache)
if(REDAN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${REDAN_CCACHE}")
endif()

add_compile_options(
  -Wall
  -Wextra
  -Wpedantic
  -Wshadow
  -Wconversion
  -Wcast-qual
  -Wformat=2
  -Wimplicit-fallthrough
  -Wnon-virtual-dtor
  -Woverloaded-virtual
  # Designated initializers leave out what has a sensible default (STYLE, habit 9).
  -Wno-missing-field-initializers
  # g++ 12 sees overlaps in assignments of short literals to strings (GCC bug 105651).
  # and uninitialized reads in std::optional that is returned through several inlined calls (80635).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wsuggest-override -Wduplicated-cond -Wlogical-op)
else()
  # Part of clang's -Wformat=2; unlike GCC's it fires on functions that hand a va_list on.
  add_compile_options(-Wno-format-nonliteral)
endif()
if(REDAN_WERROR)
  add_compile_options(-Werror)
endif()

add_compile_definitions(_GLIBCXX_ASSERTIONS)

find_package(Threads REQUIRED)

if(REDAN_SANITIZE)
  add_compile_options(-fsanitize=${REDAN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  string(REPLACE "fuzzer-no-link," "" redan_link_sanitize "${REDAN_SANITIZE}")
  add_link_options(-fsanitize=${redan_link_sanitize})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The instrumentation makes it fire inside libstdc++ (GCC bug 105562); builds without sanitizers keep it.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()

if(REDAN_HARDEN)
  add_compile_options(
    -fPIE
    -fstack-protector-strong
    -fstack-clash-protection
    -U_FORTIFY_SOURCE
    -D_FORTIFY_SOURCE=2
    # No build machine's paths in the binary.
    "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/="
    "-ffile-prefix-map=${PROJECT_BINARY_DIR}/=")
  add_link_options(-pie -Wl,-z,relro,-z,now -Wl,--as-needed -static-libstdc++ -static-libgcc)
endif()
