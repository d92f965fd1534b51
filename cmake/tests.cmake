# SPDX-License-Identifier: Apache-2.0
# Unit tests (doctest), fuzz targets (libFuzzer), benchmarks. Every test has a ctest label that says what it needs.

# redan_unit_test(NAME SOURCES file… [DEPS name…] [ARGS argument…])
#
# An executable build/<preset>/tests/NAME_test, registered as ctest "unit.NAME" with label unit; it runs in the source
# folder tests/. DEPS as in redan_layer(). doctest's main() is tests/unit/main.cpp, compiled once.
function(redan_unit_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;ARGS")
  redan_check_arguments(redan_unit_test)
  if(NOT TARGET redan_unit_main)
    add_library(redan_unit_main OBJECT "${PROJECT_SOURCE_DIR}/tests/unit/main.cpp")
    target_link_libraries(redan_unit_main PUBLIC redan::doctest)
  endif()
  list(TRANSFORM arg_DEPS PREPEND "redan::")
  add_executable(${name}_test ${arg_SOURCES})
  target_link_libraries(${name}_test PRIVATE redan_unit_main ${arg_DEPS})
  # tests/: fakes and builders shared by tests, as "unit/…".
  target_include_directories(${name}_test PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  if(REDAN_SANITIZE)
    # The sanitizer's report of a crash says more than doctest's signal handler.
    target_compile_definitions(redan_unit_main PRIVATE DOCTEST_CONFIG_NO_POSIX_SIGNALS)
  endif()
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  add_test(NAME unit.${name} COMMAND ${name}_test ${arg_ARGS} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}/tests")
  set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# redan_fuzz_target(NAME SOURCES file… [DEPS name…])
#
# Only with the fuzz preset: a libFuzzer executable build/fuzz/NAME_fuzz. ctest "fuzz.NAME" (label fuzz) runs it over
# the seeds in tests/fuzz/seeds/NAME and then REDAN_FUZZ_SECONDS with new inputs.
set(REDAN_FUZZ_SECONDS 60 CACHE STRING "How long ctest runs each fuzz target")
function(redan_fuzz_target name)
  if(NOT REDAN_FUZZ)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  redan_check_arguments(redan_fuzz_target)
  list(TRANSFORM arg_DEPS PREPEND "redan::")
  add_executable(${name}_fuzz ${arg_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE ${arg_DEPS})
  target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name}_fuzz PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  # New inputs go to the first folder; the seeds in the source tree are only read.
  set(found "${PROJECT_BINARY_DIR}/found/${name}")
  file(MAKE_DIRECTORY "${found}")
  set(seeds "${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/${name}")
  if(NOT EXISTS "${seeds}")
    set(seeds)
  endif()
  add_test(
    NAME fuzz.${name}
    COMMAND ${name}_fuzz -max_total_time=${REDAN_FUZZ_SECONDS} -timeout=10 -print_final_stats=1 "${found}" ${seeds}
    WORKING_DIRECTORY "${PROJECT_BINARY_DIR}")
  math(EXPR limit "${REDAN_FUZZ_SECONDS} + 120")
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${limit})
endfunction()

# redan_benchmark(NAME SOURCES file… [DEPS name…])
#
# An executable build/<preset>/bin/NAME_bench. No test, and built only when asked for:
# cmake --build --preset release --target NAME_bench.
function(redan_benchmark name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  redan_check_arguments(redan_benchmark)
  list(TRANSFORM arg_DEPS PREPEND "redan::")
  add_executable(${name}_bench EXCLUDE_FROM_ALL ${arg_SOURCES})
  target_link_libraries(${name}_bench PRIVATE ${arg_DEPS})
endfunction()

# redan_vm_test(NAME SOURCES file… [DEPS name…])
#
# An executable build/<preset>/tests/NAME_test of doctest cases that change the kernel they run on: no ctest, a test in
# tests/vm runs it in the virtual machine, from the release build: the others do not build it.
function(redan_vm_test name)
  if(REDAN_SANITIZE)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  redan_check_arguments(redan_vm_test)
  list(TRANSFORM arg_DEPS PREPEND "redan::")
  add_executable(${name}_test ${arg_SOURCES})
  target_link_libraries(${name}_test PRIVATE redan_unit_main ${arg_DEPS})
  target_include_directories(${name}_test PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  set_target_properties(${name}_test PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
endfunction()
