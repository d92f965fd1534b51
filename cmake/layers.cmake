# SPDX-License-Identifier: Apache-2.0
# Folder = layer = static library. What a layer may include is checked by scripts/check-layers.

# redan_layer(NAME SOURCES file… [DEPS name…] [PRIVATE_DEPS name…])
#
# Declares redan::NAME from the .cpp files of src/NAME (listed by name). DEPS and PRIVATE_DEPS are layers or
# dependencies without their "redan::"; DEPS are those that the layer's headers include, PRIVATE_DEPS only its .cpp
# files. Without sources the layer is headers only.
function(redan_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;PRIVATE_DEPS")
  redan_check_arguments(redan_layer)
  list(TRANSFORM arg_DEPS PREPEND "redan::")
  list(TRANSFORM arg_PRIVATE_DEPS PREPEND "redan::")
  if(arg_SOURCES)
    add_library(redan_${name} STATIC ${arg_SOURCES})
    set(public PUBLIC)
    target_link_libraries(redan_${name} PRIVATE ${arg_PRIVATE_DEPS})
  else()
    add_library(redan_${name} INTERFACE)
    set(public INTERFACE)
  endif()
  add_library(redan::${name} ALIAS redan_${name})
  target_include_directories(redan_${name} ${public} "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/bpf")
  target_link_libraries(redan_${name} ${public} ${arg_DEPS})
endfunction()

# redan_executable(NAME SOURCES file… DEPS name…): build/<preset>/bin/NAME.
function(redan_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  redan_check_arguments(redan_executable)
  list(TRANSFORM arg_DEPS PREPEND "redan::")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
endfunction()

# Fails on arguments that the calling function's cmake_parse_arguments did not recognise.
macro(redan_check_arguments function)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function}: unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
endmacro()
