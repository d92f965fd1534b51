# SPDX-License-Identifier: Apache-2.0
"""How the event format writes down what a process is: pure functions from bytes and numbers to values of JSON fields.

Written from the format's description, not from the agent, so that a mistake would have to be made twice.
"""
import re

KEPT_ARGUMENTS = 65536  # bytes of an argument vector, with argv[0] and all NULs, that are never cut
SEPARATE_FROM = 1024 - 56  # arguments of that many bytes, less the file name, are flagged as sent separately
LONG_FILE_NAME = 256

FLAG_ORDER = """
    execve procFS errorEnvs truncArgs miss errorFilename errorArgs nocwd rootcwd errorCWD clone errorCgroupName
    errorCgroupID errorCgroupSubsysCgrp errorCgroupSubsys errorCgroups errorPathResolutionCwd dataFilename
    dataArgs inInitTree
""".split()

PROCESS_KEYS = """
    exec_id pid uid cwd binary arguments flags start_time auid pod docker parent_exec_id refcnt cap ns tid
    process_credentials binary_properties user in_init_tree environment_variables
""".split()

CAPABILITIES = """
    CAP_CHOWN DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP
    CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK
    CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN
    CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE
    CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND
    CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE
""".split()

SECURE_BITS = """
    SecBitNoRoot SecBitNoRootLocked SecBitNoSetUidFixup SecBitNoSetUidFixupLocked SecBitKeepCaps
    SecBitKeepCapsLocked SecBitNoCapAmbientRaise SecBitNoCapAmbientRaiseLocked
""".split()

SIGNALS = """
    HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG
    XCPU XFSZ VTALRM PROF WINCH IO PWR SYS
""".split()

PRIVILEGES = {
    "CAP": "PRIVILEGES_RAISED_EXEC_FILE_CAP",
    "SETUID": "PRIVILEGES_RAISED_EXEC_FILE_SETUID",
    "SETGID": "PRIVILEGES_RAISED_EXEC_FILE_SETGID",
}


def to_text(raw):
    """Bytes as the text of a JSON string: each run of bytes that are not UTF-8 becomes one U+FFFD."""
    return re.sub("[\udc80-\udcff]+", "\ufffd", raw.decode("utf-8", "surrogateescape"))


def join_arguments(arguments):
    """argv without argv[0] as one text: separated by spaces; an argument with a space in it is quoted and always has a
    space before it.
    """
    text = b""
    for position, argument in enumerate(arguments):
        if b" " in argument:
            text += b' "' + argument + b'"'
        else:
            text += (b" " if position else b"") + argument
    return to_text(text)


def clean_path(path):
    """An absolute path without empty, `.` and `..` components, by its text alone."""
    kept = []
    for component in path.split(b"/"):
        if component == b"..":
            del kept[-1:]
        elif component not in (b"", b"."):
            kept.append(component)
    return b"/" + b"/".join(kept)


def binary_path(file, cwd):
    """What the event calls the binary: an absolute file name as given, a relative one joined to the cwd."""
    return file if file.startswith(b"/") else clean_path(cwd + b"/" + file)


def argument_bytes(argv):
    """Size of the arguments after argv[0], with their NULs."""
    return sum(len(argument) + 1 for argument in argv[1:])


def is_cut(argv):
    return argument_bytes(argv) + len(argv[0]) + 1 > KEPT_ARGUMENTS if argv else False


def flag_words(words):
    """Flags as the event writes them."""
    return " ".join(word for word in FLAG_ORDER if word in words)


def capability_names(mask):
    return [CAPABILITIES[bit] if bit < len(CAPABILITIES) else bit for bit in range(64) if mask >> bit & 1]


def without_empty(fields):
    """A message as JSON leaves out what is empty."""
    return {key: value for key, value in fields.items() if value not in ("", [], None)}


def capabilities(permitted, effective, inheritable):
    sets = {"permitted": permitted, "effective": effective, "inheritable": inheritable}
    return without_empty({name: capability_names(mask) for name, mask in sets.items()})


def credentials(uids, gids, securebits):
    """From real, effective, saved and file-system ids."""
    result = {}
    for position, kind in enumerate(("", "e", "s", "fs")):
        result.update({kind + "uid": uids[position], kind + "gid": gids[position]})
    result["securebits"] = [name for bit, name in enumerate(SECURE_BITS) if securebits >> bit & 1]
    return without_empty(result)


def namespaces(numbers, host):
    """Inode numbers by name, and those of pid 1, as the event has them."""
    return {name: {"inum": number, **({"is_host": True} if number == host.get(name) else {})}
            for name, number in numbers.items() if number}


def binary_properties(raised, inode, links):
    """From the words of a plan (setuid=0,SETUID) and the file that runs; None when there is nothing to tell."""
    words = [word for word in raised.split(",") if word]
    result = {}
    for kind in ("setuid", "setgid"):
        result.update({kind: int(word.split("=")[1]) for word in words if word.startswith(kind + "=")})
    changed = [PRIVILEGES[word] for word in ("CAP", "SETUID", "SETGID") if word in words]
    if changed:
        result["privileges_changed"] = changed
    if links == 0:
        result["file"] = {"inode": {"number": str(inode), "links": 0}}
    return result or None


def signal_name(number):
    """None for those that have no name: the real-time signals."""
    return "SIG" + SIGNALS[number - 1] if 1 <= number <= len(SIGNALS) else None


def environment(strings):
    """Environment strings as {Key, Value}; a string without an equals sign has the key `invalid`."""
    result = []
    for string in strings:
        key, equals, value = string.partition(b"=")
        if equals:
            result.append(without_empty({"Key": to_text(key), "Value": to_text(value)}))
        else:
            result.append({"Key": "invalid"})
    return result
