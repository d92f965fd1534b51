# SPDX-License-Identifier: Apache-2.0
"""Which events belong to which life of which process."""
import collections

from shapes.check import NOT_KEPT, decode_exec_id


def body_of(process):
    """A process as other events show it."""
    return {key: value for key, value in process.items() if key not in NOT_KEPT}


class Ledger:
    """All exec and exit events of a run, in order, by pid; each is handed out once."""

    def __init__(self, records):
        self.waiting = collections.defaultdict(collections.deque)  # by pid: (kind, record)
        self.parents = {}  # exec_id -> parent_exec_id, of every process that occurs anywhere
        for record in records:
            for kind in ("process_exec", "process_exit"):
                if kind in record:
                    self._enter(kind, record)

    def _enter(self, kind, record):
        event = record[kind]
        self.waiting[event.get("process", {}).get("pid")].append((kind, record))
        for process in (event.get("process"), event.get("parent"), *event.get("ancestors", [])):
            if process and "parent_exec_id" in process:
                self.parents[process.get("exec_id")] = process["parent_exec_id"]

    def take_first(self, pid):
        """The first event of a process that stays: the test itself."""
        kind, record = self.waiting[pid].popleft()
        return record if kind == "process_exec" else None

    def take_life(self, life):
        """The events of a life: (exec records, exit record), or a reason. Fills in what its images are to others."""
        queue, taken = self.waiting[life.pid], []
        while queue:
            taken.append(queue.popleft())
            if taken[-1][0] == "process_exit":
                break
        images = life.images_with_exec
        wanted = ["process_exec"] * len(images) + ["process_exit"]
        got = [kind for kind, _ in taken]
        if got != wanted:
            names = ", ".join(image.who for image in life.images)
            return None, f"pid {life.pid} ({names}): {_count(got)} instead of {_count(wanted)}{_summary(taken)}"
        *execs, exit_record = [record for _, record in taken]
        for image, record in zip(images, execs):
            process = record["process_exec"]["process"]
            image.exec_id, image.body = process.get("exec_id"), body_of(process)
        if not images:
            process = exit_record["process_exit"]["process"]
            life.last.exec_id, life.last.body = process.get("exec_id"), body_of(process)
        return (execs, exit_record), None

    def ancestors(self, exec_id):
        """Ids of the ancestors that an event with the parent `exec_id` shows: the parent's parent up to pid 1 or 2."""
        result = []
        while exec_id and decode_exec_id(exec_id)[2] not in (1, 2):
            exec_id = self.parents.get(exec_id)
            if exec_id:
                result.append(exec_id)
        return result

    def descendants_left(self, root, ignored_pids):
        """Events that nobody took, of processes that descend from `root`."""
        for pid, queue in self.waiting.items():
            for kind, record in queue:
                if pid not in ignored_pids and root in self._lineage(record[kind].get("process", {})):
                    yield kind, record

    def _lineage(self, process):
        exec_id, seen = process.get("parent_exec_id"), []
        while exec_id and exec_id not in seen:
            seen.append(exec_id)
            exec_id = self.parents.get(exec_id)
        return seen


def _count(kinds):
    execs, exits = kinds.count("process_exec"), kinds.count("process_exit")
    return f"{execs} exec and {exits} exit events"


def _summary(taken):
    result = ""
    for kind, record in taken:
        process = record[kind]["process"]
        result += f"; {kind} {process.get('binary')} {process.get('arguments', '')[:60]}"
    return result


def learn_forked_images(exec_records):
    """Yields forked children that went on to call exec. As such they have no event; what they forked names them as its
    parent.
    """
    for image, record in exec_records:
        creator = image.creator
        if creator.kind == "fork" and creator.exec_id is None:
            creator.exec_id = record["process_exec"]["process"].get("parent_exec_id")
            yield creator
