# SPDX-License-Identifier: Apache-2.0
"""Children that call the kernel as a test wants it, without a program to start: forked from the test, one for each step."""
import ctypes
import mmap
import os

LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {"read": 0, "write": 1, "lseek": 8, "dup2": 33, "fdatasync": 75, "rmdir": 84, "getpgid": 121, "capget": 125,
           "capset": 126, "unshare": 272}
I386_RMDIR = 40
UNSHARE_UTS, UNSHARE_IPC, UNSHARE_PID = 0x04000000, 0x08000000, 0x20000000
NET_RAW, SYS_TIME = 13, 25


def call(name, *arguments):
    """A system call with integers, bytes (a pointer to them) or buffers; its result, or a negative errno."""
    result = LIBC.syscall(ctypes.c_long(NUMBERS[name]), *(
        ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments))
    return result if result >= 0 else -ctypes.get_errno()


def child(*steps):
    """Forks a process that takes the steps, waits for its end and returns its pid."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for step in steps:
                step()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"a step of child {pid} failed: status {status}")
    return pid


def seek(offset):
    """A step: lseek of a descriptor that there is not, so that nothing but the call happens."""
    return lambda: call("lseek", -1, offset, 0)


def rmdir(path):
    return lambda: call("rmdir", path)


def rmdir_i386(path):
    """The same by the 32-bit entry: int 0x80 from a page below 4 GiB."""
    def step():
        map_32bit = 0x40
        area = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | map_32bit,
                         mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        address = ctypes.addressof(ctypes.c_char.from_buffer(area))
        area[256:256 + len(path) + 1] = path + b"\0"
        # push rbx; mov ebx, PATH; mov eax, NUMBER; int 0x80; pop rbx; ret
        code = (b"\x53\xbb" + (address + 256).to_bytes(4, "little") + b"\xb8" + I386_RMDIR.to_bytes(4, "little") +
                b"\xcd\x80\x5b\xc3")
        area[0:len(code)] = code
        ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    return step


def set_effective(capability, on):
    """A step: one capability in or out of the effective set."""
    def step():
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        data = (ctypes.c_uint32 * 6)()
        if call("capget", header, data) < 0:
            raise OSError("capget")
        bit = 1 << (capability % 32)
        data[3 * (capability // 32)] = data[3 * (capability // 32)] | bit if on else data[3 * (capability // 32)] & ~bit
        if call("capset", header, data) < 0:
            raise OSError("capset")
    return step


def unshare(flags):
    def step():
        if call("unshare", flags) < 0:
            raise OSError("unshare")
    return step
