/* SPDX-License-Identifier: Apache-2.0 */
/* Argument vectors. Each shape is a fork and an exec of the witness with the arguments that the name says. */
#include <string.h>

#include "shape.h"

enum {
  MANY = 2000,
  KEPT_WHOLE = 65536,       /* bytes of an argument vector, NULs and argv[0] included, that must not be cut */
  NOT_SEPARATE = 1024 - 56, /* below, arguments and file name together are not flagged as sent separately */
  AWAY = 150,               /* distance that the shapes keep from that boundary */
};

static void with(char* const* argv) { run_plan(&(struct plan){.who = "image", .file = witness(), .argv = argv}); }

static void none(void) { with(ARGV("witness")); }
static void argc_0(void) { with((char*[]){NULL}); }
static void lone_empty(void) { with(ARGV("witness", "")); }
static void empty_first(void) { with(ARGV("witness", "", "x")); }
static void empty_middle(void) { with(ARGV("witness", "a", "", "b")); }
static void empty_last(void) { with(ARGV("witness", "a", "")); }
static void three_empty(void) { with(ARGV("witness", "", "", "")); }
static void empty_spaced(void) { with(ARGV("witness", "", "two words", "", "x")); }
static void spaced(void) { with(ARGV("witness", "two words")); }
static void spaced_later(void) { with(ARGV("witness", "-c", "echo  one   two", "three", " ", " lead", "trail ")); }
static void only_space(void) { with(ARGV("witness", " ")); }
static void quoted(void) {
  with(ARGV("witness", "\"", "''", "a\"b", "back\\slash", "\\\"", "say \"hi there\"", "'sing le'", "$HOME", "`id`",
            "*"));
}
static void multi_line(void) { with(ARGV("witness", "one\ntwo\n", "\n", "a\r\nb", "last line\nwith spaces")); }
static void tabs(void) { with(ARGV("witness", "tab\there", "\t", "v\vf\fb\b")); }
static void control(void) {
  char all[34] = {0};
  size_t length = 0;
  for (int c = 1; c < 0x20; c++) all[length++] = (char)c;
  all[length] = 0x7f;
  with(ARGV("witness", all, "\x1b[31mred\x1b[0m", "\x7f"));
}
static void markup(void) {
  with(ARGV("witness", "<a href=\"x\">&amp;</a>", "\xe2\x80\xa8\xe2\x80\xa9", "{\"json\":[1]}", "\\u0041"));
}
static void utf8(void) {
  with(ARGV("witness", "caf\xc3\xa9", "\xe6\xbc\xa2\xe5\xad\x97", "\xf0\x9f\xa6\x80", "e\xcc\x81", "\xef\xbf\xbd",
            "\xef\xbb\xbf"
            "bom",
            "\xf4\x8f\xbf\xbf", "\xc2\xa0nbsp", "na\xc3\xafve text"));
}
static void invalid_utf8(void) {
  with(ARGV("witness", "bad\xff\xfe", "\x80", "a\xc3", "\xe2\x82z", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
            "\xf8\x88\x80\x80\x80", "\xff\xef\xbf\xbd\xff", "\xffok\xff\xff\xffok\xff", "sp ace\xff"));
}
static void argv0(void) { with(ARGV("two words \"argv0\" \xff", "x")); }
static void argv0_empty(void) { with(ARGV("", "x")); }
static void argv0_long(void) { with(ARGV(repeated('z', 3000), "x")); }

static void numbered(size_t count, size_t each, char* argv[]) {
  argv[0] = "witness";
  for (size_t i = 1; i <= count; i++) {
    char* argument = text("%05zu%s", i, repeated('n', each - 6));
    argv[i] = argument;
  }
  argv[count + 1] = NULL;
}

static void many(void) {
  static char* argv[MANY + 2];
  numbered(MANY, 7, argv);
  with(argv);
}
static void many_empty(void) {
  static char* argv[302];
  argv[0] = "witness";
  for (int i = 1; i <= 300; i++) argv[i] = "";
  with(argv);
}
static void kib_32_one(void) { with(ARGV("witness", repeated('A', 32 * 1024), "after")); }
static void kib_32_many(void) {
  static char* argv[2048 + 2];
  numbered(2048, 16, argv);
  with(argv);
}
static void kib_32_spaced(void) {
  char* words = repeated(' ', 32 * 1024);
  for (size_t i = 0; i < 32 * 1024; i += 2) words[i] = 'w';
  with(ARGV("witness", words));
}
static void kept_whole_one(void) { with(ARGV("witness", repeated('B', KEPT_WHOLE - 1 - sizeof "witness"))); }
static void kept_whole_many(void) {
  static char* argv[4096 + 1];
  numbered(4095, 16, argv); /* with argv[0]: KEPT_WHOLE - 8 */
  with(argv);
}
static void cut_one(void) { with(ARGV("witness", repeated('C', 100 * 1024), "after")); }
static void cut_many(void) {
  static char* argv[6400 + 2];
  numbered(6400, 16, argv);
  with(argv);
}
static void cut_argv0(void) { with(ARGV(repeated('D', 100 * 1024), "hidden", "behind")); }

static void not_separate(void) { with(ARGV("witness", repeated('s', NOT_SEPARATE - strlen(witness()) - AWAY))); }
static void separate(void) { with(ARGV("witness", repeated('S', NOT_SEPARATE - strlen(witness()) + AWAY))); }

const struct shape args_shapes[] = {
    {"args-none", none},
    {"args-argc-0", argc_0},
    {"args-lone-empty", lone_empty},
    {"args-empty-first", empty_first},
    {"args-empty-middle", empty_middle},
    {"args-empty-last", empty_last},
    {"args-three-empty", three_empty},
    {"args-empty-and-spaced", empty_spaced},
    {"args-spaced", spaced},
    {"args-spaced-later", spaced_later},
    {"args-only-space", only_space},
    {"args-quoted", quoted},
    {"args-multi-line", multi_line},
    {"args-tabs", tabs},
    {"args-control", control},
    {"args-markup", markup},
    {"args-utf8", utf8},
    {"args-invalid-utf8", invalid_utf8},
    {"args-argv0-odd", argv0},
    {"args-argv0-empty", argv0_empty},
    {"args-argv0-3000-bytes", argv0_long},
    {"args-2000", many},
    {"args-300-empty", many_empty},
    {"args-32-kib-in-one", kib_32_one},
    {"args-32-kib-in-many", kib_32_many},
    {"args-32-kib-of-spaces", kib_32_spaced},
    {"args-64-kib-in-one", kept_whole_one},
    {"args-64-kib-in-many", kept_whole_many},
    {"args-100-kib-in-one-cut", cut_one},
    {"args-100-kib-in-many-cut", cut_many},
    {"args-100-kib-argv0-cut", cut_argv0},
    {"args-below-separate", not_separate},
    {"args-above-separate", separate},
    {0},
};
