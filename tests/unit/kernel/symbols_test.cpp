// SPDX-License-Identifier: Apache-2.0
#include "kernel/symbols.h"

#include <doctest/doctest.h>

using namespace redan::kernel;

TEST_CASE("fields of a tracepoint's format file") {
  const auto fields = parse_record_format("name: some\nID: 7\nformat:\n"
                                          "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
                                          "\n"
                                          "\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:1;\n"
                                          "\tfield:const char * name;\toffset:16;\tsize:8;\tsigned:0;\n"
                                          "\tfield:unsigned long args[6];\toffset:24;\tsize:48;\tsigned:0;\n"
                                          "\nprint fmt: \"field: %s\", REC->name\n");
  REQUIRE(fields.size() == 4);
  CHECK(fields[0].type == "unsigned short");
  CHECK(fields[0].name == "common_type");
  CHECK(fields[0].size == 2);
  CHECK_FALSE(fields[0].is_signed);
  CHECK(fields[1].type == "__data_loc char[]");
  CHECK(fields[1].name == "filename");
  CHECK(fields[1].offset == 8);
  CHECK(fields[1].is_signed);
  CHECK(fields[2].type == "const char *");
  CHECK(fields[2].name == "name");
  CHECK(fields[3].type == "unsigned long[6]");
  CHECK(fields[3].name == "args");
  CHECK(fields[3].size == 48);
}

TEST_CASE("functions that can be traced: up to the first space, sorted, each once") {
  CHECK(parse_filter_functions("vfs_read\nnf_hook [nf_tables]\nvfs_read\nacct\n") ==
        std::vector<std::string>{"acct", "nf_hook", "vfs_read"});
  CHECK(parse_filter_functions("").empty());
}

TEST_CASE("functions of /proc/kallsyms") {
  CHECK(parse_functions("ffffffff81000000 T vfs_read\n"
                        "ffffffff81000000 t do_it\n"
                        "ffffffffa0000000 t nf_hook\t[nf_tables]\n"
                        "ffffffff82000000 D jiffies\n"
                        "ffffffff81000000 W vfs_read\n"
                        "broken\n") == std::vector<std::string>{"do_it", "nf_hook", "vfs_read"});
  CHECK(parse_functions("").empty());
}
