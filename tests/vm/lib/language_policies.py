# SPDX-License-Identifier: Apache-2.0
"""The policies of test_language.py, by name: the spec as a function of the test's own process id."""


def entry(operator, *values, **where):
    """One entry of matchArgs: on argument 0 unless index= or args= says another."""
    return {"index": 0, "operator": operator, "values": list(values)} | where


def match(*entries, **more):
    return {"matchArgs": list(entries)} | more


def syscall(name, args, *selectors, **more):
    hook = {"call": f"sys_{name}", "args": args, "selectors": list(selectors)} | more
    return lambda _pid: {"kprobes": [hook]}


PATH = [{"index": 0, "type": "string"}]
SEEK = [{"index": 0, "type": "int"}, {"index": 1, "type": "int64"}]
RMDIR_NOT = ("/no/a", "/no/b")
POST, NO_POST = {"action": "Post"}, {"action": "NoPost"}
LENGTHS = (1, 23, 24, 25, 48, 72, 96, 120, 143, 144, 145, 255, 256, 257, 510, 512, 513, 768, 1024, 2048, 4000, 4095)

FOREBEAR = "/tmp/language-forebear"
LONG_PATHS = tuple("/tmp/language-paths" + "/d" * 100 + f"/{'f' * length}" for length in (35, 36, 37, 38, 200))


def at(low, high=None, more=(), **filters):
    """A selector for lseek offsets."""
    return match(entry("InRange", f"{low}:{high or low}", index=1), *more, **filters)


def limited(low, high, scope):
    return at(low, high, matchActions=[{"action": "Post", "rateLimit": "10m", "rateLimitScope": scope}])


def tracepoint(event, args, *selectors, subsystem="syscalls", **more):
    hook = {"subsystem": subsystem, "event": event, "args": args, "selectors": list(selectors)} | more
    return lambda _pid: {"tracepoints": [hook]}


def forks(pid):
    pids = [{"operator": "In", "values": [pid], "followForks": True}]
    return {"kprobes": [{"call": "sys_lseek", "args": SEEK, "selectors": [at(7000, 7001, matchPIDs=pids)]}]}


def descent(operator):
    return [{"operator": operator, "followChildren": True, "values": ["/no/such", FOREBEAR]}]


POLICIES = {
    "first-match": syscall("rmdir", PATH, match(entry("Equal", "/no/secret"), matchActions=[NO_POST]),
                           match(entry("Prefix", "/no"), matchActions=[POST])),
    "not-equal": syscall("rmdir", PATH, match(entry("NotEqual", *RMDIR_NOT))),
    "not-prefix": syscall("rmdir", PATH, match(entry("NotPrefix", "/no/", "/else"))),
    "not-postfix": syscall("rmdir", PATH, match(entry("NotPostfix", "/a", "/b"))),
    "not-prefix-path": syscall("fdatasync", [{"index": 0, "type": "fd"}], match(entry("NotPrefix", "/etc", "/var"))),
    "by-field": tracepoint("sys_enter_lseek", [{"index": 7}, {"index": 6, "type": "int64"}],
                           match(entry("Equal", "8100", index=6), entry("Equal", "0", index=7))),
    "by-position": tracepoint("sys_enter_lseek", [{"index": 7, "type": "int32"}, {"index": 6, "type": "int64"}],
                              match(entry("Equal", "8101", index=1))),
    "hidden-size": tracepoint("sys_enter_write", [{"index": 6, "type": "char_buf", "sizeArgIndex": 8}],
                              match(entry("Prefix", "hidden size", index=6))),
    "sized-bytes": syscall("write", [{"index": 0, "type": "int"}, {"index": 1, "type": "char_buf", "sizeArgIndex": 3},
                                     {"index": 2, "type": "size_t"}], match(entry("Prefix", "sized", index=1))),
    "return-copy": syscall("read", [{"index": 0, "type": "int"}, {"index": 1, "type": "char_buf", "returnCopy": True}],
                           match(entry("Equal", "777")), **{"return": True, "returnArg": {"index": 0, "type": "int"}}),
    "entry-return": syscall("lseek", SEEK, at(5002, matchActions=[NO_POST]),
                            at(5000, 5001, matchReturnArgs=[entry("Equal", "5001")]),
                            **{"return": True, "returnArg": {"index": 0, "type": "int64"}}),
    "rate": syscall("lseek", SEEK, limited(6000, 6009, "thread"), limited(6010, 6019, "process"),
                    limited(6020, 6029, "global")),
    "forks": forks,
    "forks-in-namespace": syscall("lseek", SEEK, at(7010, matchPIDs=[
        {"operator": "In", "values": [1], "followForks": True, "isNamespacePID": True}])),
    "children": syscall("lseek", SEEK, at(7300, 7309, matchBinaries=descent("In")),
                        at(7310, 7319, matchBinaries=descent("NotIn"))),
    "many-pids": syscall("lseek", SEEK, at(7020, matchPIDs=[{"operator": "NotIn", "values": [1, 2, 3, 4, 5, 6, 7, 8, 9]}])),
    "changes": syscall(
        "lseek", SEEK, at(7100, matchNamespaceChanges=[{"operator": "In", "values": ["Uts", "Mnt"]}]),
        at(7101, matchNamespaceChanges=[{"operator": "NotIn", "values": ["Uts"]}]),
        at(7102, matchCapabilityChanges=[{"operator": "In", "values": ["CAP_NET_RAW"]}]),
        at(7103, matchCapabilityChanges=[{"type": "Effective", "operator": "NotIn", "values": ["CAP_NET_RAW"]}])),
    "identity": syscall(
        "lseek", SEEK, at(7200, matchNamespaces=[{"namespace": "Uts", "operator": "In", "values": ["host_ns"]}]),
        at(7201, matchNamespaces=[{"namespace": "Uts", "operator": "NotIn", "values": ["host_ns", "1"]}]),
        at(7202, matchCapabilities=[{"operator": "In", "values": ["CAP_NET_RAW"]}]),
        at(7203, matchCapabilities=[{"operator": "NotIn", "values": ["CAP_NET_RAW"]}])),
    "lengths": syscall("rmdir", PATH, match(entry("Equal", *("/" + "l" * (length - 1) for length in LENGTHS)))),
    "long-paths": syscall("fdatasync", [{"index": 0, "type": "fd"}], match(entry("Equal", *LONG_PATHS))),
    "sockets": lambda _pid: {"kprobes": [{
        "call": "tcp_connect", "syscall": False, "args": [{"index": 0, "type": "sock"}], "selectors": [
            match(entry("DPort", "4400:4401"), entry("DAddr", "127.0.0.0/8")),
            match(entry("DPort", "4402"), entry("NotDAddr", "::1")),
            match(entry("DPort", "4403"), entry("State", "TCP_SYN_SENT"), entry("Family", "AF_INET6")),
            match(entry("DPort", "4404"), entry("DAddr", "::/0")),
            match(entry("DPort", "4405"), entry("Protocol", "IPPROTO_TCP"), {"index": 0, "operator": "NotSportPriv"})]}]},
    # One parameter as several types; all but the first are named by their position.
    "numbers": syscall("lseek", [{"index": 1, "type": kind} for kind in ("int64", "uint64", "int16", "int8")],
                       match(entry("Equal", "-5", index=1)),
                       match(entry("InRange", "0xfffffffffffffff0:0xfffffffffffffff8", args=[1])),
                       match(entry("LT", "-30000", args=[2]), entry("LT", "65536", index=1), entry("GT", "0", index=1)),
                       match(entry("Equal", "-7", args=[3]), entry("InRange", "0x1000:0x1fff", index=1))),
    "operators": syscall("lseek", [{"index": 1, "type": "int64"}],
                         at(9000, 9007, more=[entry("Mask", "0b1", index=1)]),
                         match(entry("InMap", "9100", "9110:9108", "1", "3", "5", "7", index=1),
                               entry("NotInMap", "9108:9109", index=1)),
                         at(9008, 9020, more=[entry("NotInRange", "9000:9100", index=1)])),
    "user-address": tracepoint("sys_enter_connect", [{"index": 6, "type": "sockaddr"}], match(entry("SPort", "4499", index=6))),
    "raw-tracepoint": tracepoint("task_rename", [{"index": 1, "type": "string"}], match(entry("Prefix", "language", index=1)),
                                 subsystem="task", raw=True),
    "fentry": lambda _pid: {"fentries": [{"call": "sys_getpgid", "args": [{"index": 0, "type": "int"}],
                                          "selectors": [match(entry("Equal", "12345678"))]}]},
    # BTF knows this function by another name.
    "no-parameters": lambda pid: {"kprobes": [{
        "call": "sys_getppid", "return": True, "returnArg": {"index": 0, "type": "int"},
        "selectors": [{"matchPIDs": [{"operator": "In", "values": [pid], "followForks": True}]}]}]},
    "lsm": lambda _pid: {"lsmhooks": [{"hook": "inode_rmdir", "args": [{"index": 1, "type": "dentry"}],
                                       "selectors": [match(entry("Postfix", "/inner", index=1))]}]},
    "binprm": lambda _pid: {"kprobes": [{"call": "security_bprm_check", "syscall": False,
                                         "args": [{"index": 0, "type": "linux_binprm"}],
                                         "selectors": [match(entry("Postfix", "/true"))]}]},
    "syscall-list": lambda _pid: {
        "lists": [{"name": "both", "type": "syscalls", "values": ["sys_rmdir", "i386/sys_rmdir"]}],
        "kprobes": [{"call": "list:both", "args": PATH, "selectors": [match(entry("Prefix", "/list/"))]}]},
    "told": syscall("rmdir", [{"index": 0, "type": "string", "label": "the path"}], match(entry("Prefix", "/told/")),
                    message='a "quoted"\nmessage', tags=["first tag", "observability.filesystem"]),
    "missing": lambda _pid: {
        "lists": [{"name": "some", "values": ["no_such_function", "security_path_no_such"]}],
        "kprobes": [{"call": "list:some", "syscall": False, "ignore": {"callNotFound": True}},
                    {"call": "sys_getpgid", "args": [{"index": 0, "type": "int"}],
                     "selectors": [match(entry("Equal", "1"))]}]},
}
