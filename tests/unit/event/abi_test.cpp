// SPDX-License-Identifier: Apache-2.0
// The bytes between sensor, agent and recordings. A change here is a new REDAN_ABI_VERSION.

#include <array>
#include <cstddef>

#include <doctest/doctest.h>

#include "abi/record.h"
#include "event/frame.h"

namespace redan::event {
namespace {

struct Place {
  const char* field;
  size_t found;
  size_t wanted;
};

template <size_t N>
void check_places(const Place (&places)[N]) {
  for (const Place& place : places) {
    CAPTURE(place.field);
    CHECK(place.found == place.wanted);
  }
}

// clang-format off
#define AT(type, field, wanted) Place{#type "." #field, offsetof(type, field), wanted}
#define INDEX(name, wanted) Place{#name, name, wanted}
#define SIZE(type, wanted) Place{#type, sizeof(type), wanted}
// clang-format on

}  // namespace

TEST_CASE("the version of the bytes is the one that these tests pin") { check_places({INDEX(REDAN_ABI_VERSION, 2)}); }

TEST_CASE("the header of every record has its fields where recordings have them") {
  check_places({AT(redan_record, kind, 0), AT(redan_record, flags, 2), AT(redan_record, cpu, 4),
                AT(redan_record, seq, 8), AT(redan_record, time, 16), AT(redan_record, image_time, 24),
                AT(redan_record, tgid, 32), AT(redan_record, tid, 36), SIZE(redan_record, 40)});
}

TEST_CASE("the parts of records have their fields where recordings have them") {
  check_places({AT(redan_image, time, 0), AT(redan_image, tgid, 8), AT(redan_image, flags, 12), SIZE(redan_image, 16)});
  check_places({AT(redan_credentials, uid, 0), AT(redan_credentials, gid, 4), AT(redan_credentials, euid, 8),
                AT(redan_credentials, egid, 12), AT(redan_credentials, suid, 16), AT(redan_credentials, sgid, 20),
                AT(redan_credentials, fsuid, 24), AT(redan_credentials, fsgid, 28),
                AT(redan_credentials, securebits, 32), AT(redan_credentials, auid, 36),
                AT(redan_credentials, permitted, 40), AT(redan_credentials, effective, 48),
                AT(redan_credentials, inheritable, 56), SIZE(redan_credentials, 64)});
  check_places({INDEX(REDAN_NS_UTS, 0), INDEX(REDAN_NS_IPC, 1), INDEX(REDAN_NS_MNT, 2), INDEX(REDAN_NS_PID, 3),
                INDEX(REDAN_NS_PID_FOR_CHILDREN, 4), INDEX(REDAN_NS_NET, 5), INDEX(REDAN_NS_TIME, 6),
                INDEX(REDAN_NS_TIME_FOR_CHILDREN, 7), INDEX(REDAN_NS_CGROUP, 8), INDEX(REDAN_NS_USER, 9),
                INDEX(REDAN_NS_COUNT, std::size(redan_namespaces{}.inum)), SIZE(redan_namespaces, 40)});
}

TEST_CASE("the sensor's records have their fields where recordings have them") {
  check_places({INDEX(REDAN_KIND_EXEC, 1), INDEX(REDAN_KIND_FORK, 2), INDEX(REDAN_KIND_EXIT, 3)});
  check_places({AT(redan_exec, hdr, 0), AT(redan_exec, previous, 40), AT(redan_exec, creator, 56),
                AT(redan_exec, cred, 72), AT(redan_exec, ns, 136), AT(redan_exec, exe_dev, 176),
                AT(redan_exec, exe_nlink, 180), AT(redan_exec, exe_ino, 184), AT(redan_exec, cgroup_id, 192),
                AT(redan_exec, start_time, 200), AT(redan_exec, args_total, 208), AT(redan_exec, env_total, 212),
                AT(redan_exec, cwd_len, 216), AT(redan_exec, filename_len, 220), AT(redan_exec, cgroup_name_len, 224),
                AT(redan_exec, args_len, 228), AT(redan_exec, env_len, 232), AT(redan_exec, pad0, 236),
                SIZE(redan_exec, 240)});
  check_places({AT(redan_fork, hdr, 0), AT(redan_fork, creator, 40), AT(redan_fork, real_parent_tgid, 56),
                AT(redan_fork, pad0, 60), SIZE(redan_fork, 64)});
  check_places({AT(redan_exit, hdr, 0), AT(redan_exit, start_time, 40), AT(redan_exit, code, 48),
                AT(redan_exit, pad0, 52), SIZE(redan_exit, 56)});
}

TEST_CASE("flags keep their bits") {
  check_places({INDEX(REDAN_EXEC_CWD_ROOT, 1), INDEX(REDAN_EXEC_CWD_DELETED, 2), INDEX(REDAN_EXEC_CWD_UNRESOLVED, 4),
                INDEX(REDAN_EXEC_CWD_UNREADABLE, 8), INDEX(REDAN_EXEC_FILENAME_UNREADABLE, 16),
                INDEX(REDAN_EXEC_ARGS_UNREADABLE, 32), INDEX(REDAN_EXEC_ENV_UNREADABLE, 64),
                INDEX(REDAN_EXEC_CGROUP_NAME_UNREADABLE, 128), INDEX(REDAN_EXEC_SETUID, 256),
                INDEX(REDAN_EXEC_SETGID, 512), INDEX(REDAN_EXEC_FILE_CAPS, 1024), INDEX(REDAN_EXEC_BY_THREAD, 2048),
                INDEX(REDAN_EXEC_BACKFILL, 4096), INDEX(REDAN_EXEC_KTHREAD, 8192), INDEX(REDAN_EXEC_NS_INIT, 16384)});
  check_places({INDEX(REDAN_IMAGE_FORKED, 1), INDEX(REDAN_IMAGE_LEARNT, 2), INDEX(REDAN_FORK_NS_INIT, 1),
                INDEX(REDAN_FORK_KTHREAD, 2), INDEX(REDAN_EXIT_KTHREAD, 1), INDEX(REDAN_TASK_KTHREAD, 1),
                INDEX(REDAN_TASK_ENDED, 2)});
}

TEST_CASE("what sensor and agent share beside records keeps its layout") {
  check_places({AT(redan_counters, seq, 0), AT(redan_counters, wakeup, 8), AT(redan_counters, lost, 16),
                SIZE(redan_counters, 64), INDEX(REDAN_LOSS_COUNT, std::size(redan_counters{}.lost))});
  check_places({AT(redan_task, image, 0), AT(redan_task, creator, 16), AT(redan_task, cred, 32), AT(redan_task, ns, 96),
                AT(redan_task, start_time, 136), AT(redan_task, cgroup_id, 144), AT(redan_task, exe_ino, 152),
                AT(redan_task, exe_dev, 160), AT(redan_task, exe_nlink, 164), AT(redan_task, flags, 168),
                AT(redan_task, comm, 172), AT(redan_task, cgroup_name, 188), AT(redan_task, pad0, 316),
                SIZE(redan_task, 320)});
  check_places({AT(redan_settings, kernel_reads, 0), AT(redan_settings, environment, 4),
                AT(redan_settings, args_max, 8), AT(redan_settings, wakeup_level, 12), SIZE(redan_settings, 16)});
}

TEST_CASE("the agent's own frames have their fields where recordings have them") {
  check_places({INDEX(kFrameStart, 0x100), INDEX(kFrameReady, 0x101), INDEX(kFrameClock, 0x102),
                INDEX(kFrameTick, 0x103), INDEX(kFrameCounters, 0x104), INDEX(kFrameUsers, 0x105),
                INDEX(kFrameScanBegin, 0x106), INDEX(kFrameScanEnd, 0x107), INDEX(kFrameStop, 0x108),
                INDEX(kFrameHook, 0x109), INDEX(kFramePolicy, 0x10A), INDEX(kFrameHookLoss, 0x10B)});
  check_places({AT(ClockFrame, hdr, 0), AT(ClockFrame, wall_offset_ns, 40), SIZE(ClockFrame, 48)});
  check_places({AT(CountersFrame, hdr, 0), AT(CountersFrame, counters, 40), SIZE(CountersFrame, 104)});
  check_places({AT(TextFrame, hdr, 0), AT(TextFrame, length, 40), AT(TextFrame, pad0, 44), SIZE(TextFrame, 48)});
}

}  // namespace redan::event
