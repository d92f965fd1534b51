#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes seeds of hook records for the decoder's fuzz target; run it again when bpf/abi/hook.h changes:

    tests/fuzz/make_hook_seeds.py tests/fuzz/seeds/decode

One seed for each section of a policy. It holds arguments of all types, six in a record, each once whole and once flagged.
"""
import pathlib
import struct
import sys

KIND_HOOK, SECTIONS, TYPES, SLOTS = 4, 5, 32, 6
UNREADABLE, CUT, UNRESOLVED, DELETED, NO_PATH = (1 << n for n in range(5))
TEXTS = {2: b"eth0", 6: b"/etc/passwd", 17: b"\0abstract\0\0", 28: b"lo", 29: b"text"}  # by enum redan_arg_type
BUFFERS = {3: b"some bytes", 4: b"\0\1\2", 5: b"", 30: struct.pack("<6Q", 1, 2, 3, 4, 5, 1 << 63)}
FILES = range(7, 13)
STRUCTS = {18: 80, 19: 16, 22: 32, 23: 32, 24: 32, 25: 152, 26: 80, 27: 80}
SOCKETS = range(13, 17)


def socket(kind):
    family = (2, 10, 1, 16)[kind % 4]
    return struct.pack("<Q5HBxII16s16s5I", 1 << 63, family, 1, 6, 4321, 443, 1, 7, 0, b"\x7f\0\0\1", b"\x20\1\r\xb8", 1, 60, 0, 0, 0)


def content(kind):
    if kind in SOCKETS:
        return socket(kind)
    if kind in FILES:
        return b"/etc/passwd"
    if kind in STRUCTS:
        return b"name".ljust(STRUCTS[kind], b"\1")
    return TEXTS.get(kind) or BUFFERS.get(kind, struct.pack("<Q", 21))


def argument(kind, slot, flags):
    data = content(kind)
    aux = 9000 if flags & CUT else 0o100644
    return struct.pack("<BBHIII", kind, slot, flags, aux, len(data), 0) + data + bytes(-len(data) % 8)


def record(hook, arguments):
    body = b"".join(arguments)
    header = struct.pack("<HHIQQQII", KIND_HOOK, 0, 0, 0, 2_000_000_000, 1_000_000_000, 100, 101)
    owner = struct.pack("<QII", 0, 0, 0)
    frame = header + struct.pack("<IBBBB", hook, 0, 1, 0, len(arguments)) + owner + struct.pack("<II", 0, len(body)) + body
    return struct.pack("<H", len(frame)) + frame


def main():
    folder = pathlib.Path(sys.argv[1])
    for hook in range(SECTIONS):
        seed = bytes([0x7f])
        for flags in (0, UNREADABLE if hook % 2 else CUT | UNRESOLVED | DELETED, NO_PATH):
            kinds = list(range(1, TYPES))
            while kinds:
                seed += record(hook, [argument(kind, slot, flags) for slot, kind in enumerate(kinds[:SLOTS])])
                del kinds[:SLOTS]
        (folder / f"hook-{hook}").write_bytes(seed)


if __name__ == "__main__":
    main()
