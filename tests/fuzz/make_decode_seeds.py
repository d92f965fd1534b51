#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the decoder's fuzz target from a real recording; run it again when the records change:

    build/release/bin/redan record /tmp/r --duration 3s &  (as root, in a virtual machine; meanwhile start some programs)
    tests/fuzz/make_decode_seeds.py /tmp/r tests/fuzz/seeds/decode

Each seed is a byte of options and a dozen frames (decode_fuzz.cpp). Start frames and listed user processes stay out: they
describe the machine.
"""
import pathlib
import struct
import sys

FILE_HEADER, FRAME_HEADER = 16, struct.Struct("<II")
EXEC, KTHREAD, BACKFILL = 1, 1 << 13, 1 << 12
FRAME_START, FRAME_USERS = 0x100, 0x105
FRAMES, MOST = 12, 8


def frames(data):
    at = FILE_HEADER
    while at + FRAME_HEADER.size <= len(data):
        length, _ = FRAME_HEADER.unpack_from(data, at)
        at += FRAME_HEADER.size
        yield data[at:at + length]
        at += length


def describes_the_machine(frame):
    kind, flags = struct.unpack_from("<HH", frame)
    return kind in (FRAME_START, FRAME_USERS) or (kind == EXEC and flags & BACKFILL and not flags & KTHREAD)


def main():
    recording, folder = map(pathlib.Path, sys.argv[1:])
    kept = [frame for frame in frames(recording.read_bytes()) if not describes_the_machine(frame) and len(frame) < 4096]
    for index in range(min(MOST, len(kept) // FRAMES)):
        step = len(kept) // min(MOST, len(kept) // FRAMES)
        chosen = kept[index * step:index * step + FRAMES]
        body = b"".join(struct.pack("<H", len(frame)) + frame for frame in chosen)
        (folder / f"recorded-{index}").write_bytes(bytes([0x3f | (index & 1) << 6]) + body)
    print(f"{len(kept)} frames, seeds of {FRAMES} in {folder}")


if __name__ == "__main__":
    main()
