# SPDX-License-Identifier: Apache-2.0
# BPF C → one object per file → one linked object → skeleton header.

find_program(REDAN_BPF_CLANG NAMES clang clang-14 REQUIRED)
find_program(REDAN_BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

set(REDAN_BPF_FLAGS
  -g
  -O2
  -target bpf
  -mcpu=v3
  -std=gnu11
  -D__TARGET_ARCH_x86
  -DREDAN_BPF
  -Wall
  -Wextra
  -Werror
  -Wtype-limits
  -Wconditional-uninitialized
  # Parameters are dictated by the attach point, and BPF_PROG() adds a ctx that is seldom used.
  -Wno-unused-parameter
  # Source lines in BTF (verifier logs, loss counters) read bpf/probes/x.bpf.c:N on every machine.
  "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/="
  -fdebug-compilation-dir=.
  -I "${PROJECT_SOURCE_DIR}/bpf")

# redan_bpf_skeleton(NAME SOURCES file.bpf.c…)
#
# Compiles each file by itself (build/<preset>/bpf/FILE.bpf.o), links them to build/<preset>/bpf/NAME.linked.o and makes
# "generated/NAME.skel.h" (functions NAME__open() …). redan::NAME_skeleton gives its include path; whoever links it is
# compiled after the header was made.
function(redan_bpf_skeleton name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  redan_check_arguments(redan_bpf_skeleton)

  set(object_dir "${PROJECT_BINARY_DIR}/bpf")
  file(MAKE_DIRECTORY "${object_dir}")
  set(objects)
  foreach(source IN LISTS arg_SOURCES)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" NORMALIZE)
    cmake_path(GET source STEM LAST_ONLY stem)
    set(object "${object_dir}/${stem}.o")
    add_custom_command(
      OUTPUT "${object}"
      COMMAND
        "${REDAN_BPF_CLANG}" ${REDAN_BPF_FLAGS} -MMD -MF "${object}.d" -MT "${object}" -c "${source}" -o "${object}"
      DEPENDS "${source}"
      DEPFILE "${object}.d"
      COMMENT "BPF ${stem}"
      VERBATIM)
    list(APPEND objects "${object}")
  endforeach()

  set(linked "${object_dir}/${name}.linked.o")
  add_custom_command(
    OUTPUT "${linked}"
    COMMAND "${REDAN_BPFTOOL}" gen object "${linked}" ${objects}
    DEPENDS ${objects}
    COMMENT "BPF link ${name}"
    VERBATIM)

  set(skeleton "${REDAN_GENERATED_DIR}/${name}.skel.h")
  file(MAKE_DIRECTORY "${REDAN_GENERATED_DIR}")
  add_custom_command(
    OUTPUT "${skeleton}"
    COMMAND
      sh -c "exec \"$0\" gen skeleton \"$1\" name \"$2\" > \"$3\""
      "${REDAN_BPFTOOL}" "${linked}" "${name}" "${skeleton}"
    DEPENDS "${linked}"
    COMMENT "BPF skeleton ${name}"
    VERBATIM)

  add_custom_target(redan_${name}_skeleton_header DEPENDS "${skeleton}")
  add_library(redan_${name}_skeleton INTERFACE)
  add_library(redan::${name}_skeleton ALIAS redan_${name}_skeleton)
  add_dependencies(redan_${name}_skeleton redan_${name}_skeleton_header)
  # SYSTEM: generated C is not held to our C++ warnings.
  target_include_directories(redan_${name}_skeleton SYSTEM INTERFACE "${PROJECT_BINARY_DIR}/include")
  target_link_libraries(redan_${name}_skeleton INTERFACE redan::libbpf)
endfunction()
