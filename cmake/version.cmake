# SPDX-License-Identifier: Apache-2.0
# redan::version: the header generated/version.h with REDAN_VERSION and REDAN_COMMIT. The commit is looked up at every
# build, and the header only rewritten when it changed, so that nothing is compiled again without need.

set(REDAN_GENERATED_DIR "${PROJECT_BINARY_DIR}/include/generated")

add_custom_target(redan_version_header
  COMMAND ${CMAKE_COMMAND}
    -D "REDAN_VERSION=${PROJECT_VERSION}"
    -D "REDAN_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    -D "REDAN_OUTPUT=${REDAN_GENERATED_DIR}/version.h"
    -P "${PROJECT_SOURCE_DIR}/cmake/write_version.cmake"
  BYPRODUCTS "${REDAN_GENERATED_DIR}/version.h"
  COMMENT "Commit of this checkout"
  VERBATIM)

add_library(redan_version INTERFACE)
add_library(redan::version ALIAS redan_version)
add_dependencies(redan_version redan_version_header)
target_include_directories(redan_version INTERFACE "${PROJECT_BINARY_DIR}/include")
