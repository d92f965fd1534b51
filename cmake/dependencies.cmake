# SPDX-License-Identifier: Apache-2.0
# What comes from the distribution. Libraries are linked statically, fmt and spdlog are used header-only (Debian ships
# no archives of them), so that the binary needs nothing but libc and libm at run time.

# redan_find_static(VARIABLE FILE PACKAGE): the path of an archive, or a message that names the Debian package.
function(redan_find_static variable file package)
  find_library(${variable} NAMES ${file})
  if(NOT ${variable})
    message(FATAL_ERROR "${file} not found: install the Debian package ${package}")
  endif()
  mark_as_advanced(${variable})
endfunction()

# redan_find_header(HEADER PACKAGE): checks that a header exists, with a message that names the Debian package.
function(redan_find_header header package)
  string(MAKE_C_IDENTIFIER "REDAN_HEADER_${header}" variable)
  find_path(${variable} "${header}")
  if(NOT ${variable})
    message(FATAL_ERROR "<${header}> not found: install the Debian package ${package}")
  endif()
  mark_as_advanced(${variable})
endfunction()

# redan_dependency(NAME …): declares redan::NAME, an interface library with what follows as its link interface.
function(redan_dependency name)
  add_library(redan_${name} INTERFACE)
  add_library(redan::${name} ALIAS redan_${name})
  target_link_libraries(redan_${name} INTERFACE ${ARGN})
endfunction()

redan_find_header(bpf/libbpf.h libbpf-dev)
redan_find_static(REDAN_LIBBPF libbpf.a libbpf-dev)
redan_find_static(REDAN_LIBELF libelf.a libelf-dev)
redan_find_static(REDAN_LIBZ libz.a zlib1g-dev)
redan_dependency(zlib "${REDAN_LIBZ}")
redan_dependency(libbpf "${REDAN_LIBBPF}" "${REDAN_LIBELF}" redan::zlib)

redan_find_header(yaml-cpp/yaml.h libyaml-cpp-dev)
redan_find_static(REDAN_LIBYAML_CPP libyaml-cpp.a libyaml-cpp-dev)
redan_dependency(yaml "${REDAN_LIBYAML_CPP}")

redan_find_header(fmt/format.h libfmt-dev)
redan_dependency(fmt)
target_compile_definitions(redan_fmt INTERFACE FMT_HEADER_ONLY)

redan_find_header(spdlog/spdlog.h libspdlog-dev)
redan_dependency(spdlog redan::fmt Threads::Threads)
target_compile_definitions(redan_spdlog INTERFACE SPDLOG_HEADER_ONLY SPDLOG_FMT_EXTERNAL)

redan_find_header(doctest/doctest.h doctest-dev)
redan_dependency(doctest)
