// SPDX-License-Identifier: Apache-2.0
#include "kernel/follow.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "abi/hook.h"
#include "base/fd.h"
#include "generated/follow.skel.h"
#include "kernel/libbpf_messages.h"

namespace redan::kernel {
namespace {

constexpr int kMarks = 64;
/// More than the processes of any tree are deep; each pass covers at least one generation.
constexpr int kMostPasses = 1000;

struct DestroySkeleton {
  void operator()(follow* skeleton) const { follow__destroy(skeleton); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { ::bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, DestroyLink>;

redan_text_key key_of(const std::string& path) {
  redan_text_key key{};
  key.len = static_cast<uint32_t>(path.size());
  std::memcpy(key.bytes, path.data(), path.size());
  return key;
}

Error load_error(int error_number, const LibbpfMessages& messages) {
  return Error{error_number == EPERM ? ErrorCode::kPrivilege : ErrorCode::kKernel,
               fmt::format("the kernel did not take what followChildren needs: {} ({})", messages.summary(),
                           std::strerror(error_number))};
}

}  // namespace

/// The programs in the kernel. Members are destroyed in reverse order.
struct FollowedBinaries::Sensor {
  std::unique_ptr<follow, DestroySkeleton> skeleton;
  Link scan, fork, exec;
  uint64_t used = 0;   ///< bits
  uint64_t stale = 0;  ///< bits that processes may still be marked with
  int last = -1;       ///< bit that was given last

  static Result<std::shared_ptr<Sensor>> load(int counters, const redan_settings& settings, const std::string& btf);

  /// 0: all are used. Those that were free for longest come first.
  uint64_t take_mark();
  Result<void> start();
  Result<void> pass() const;
  Result<void> forget(uint64_t mark);
  Result<void> name(const std::string& path, uint64_t mark) const;
  void unname(const std::string& path, uint64_t mark) const;
  Result<void> settle() const;

  std::atomic_ref<__u64> active() const { return std::atomic_ref<__u64>(skeleton->data_follow->follow_active); }
  int binaries() const { return ::bpf_map__fd(skeleton->maps.follow_binaries); }
};

Result<std::shared_ptr<FollowedBinaries::Sensor>> FollowedBinaries::Sensor::load(int counters,
                                                                                 const redan_settings& settings,
                                                                                 const std::string& btf) {
  const LibbpfMessages messages;
  auto sensor = std::make_shared<Sensor>();
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.btf_custom_path = btf.empty() ? nullptr : btf.c_str();
  sensor->skeleton.reset(follow__open_opts(&options));
  if (sensor->skeleton == nullptr) return load_error(errno, messages);
  follow& skeleton = *sensor->skeleton;
  // The skeleton types .rodata as constant, which it becomes when it is loaded.
  const_cast<redan_settings&>(skeleton.rodata->settings) = settings;
  if (const int error = ::bpf_map__reuse_fd(skeleton.maps.bss, counters); error != 0)
    return load_error(-error, messages);
  if (const int error = follow__load(&skeleton); error != 0) return load_error(-error, messages);
  return sensor;
}

uint64_t FollowedBinaries::Sensor::take_mark() {
  for (int i = 0; i < kMarks; ++i) {
    last = (last + 1) % kMarks;
    const uint64_t mark = uint64_t{1} << last;
    if ((used & mark) != 0) continue;
    used |= mark;
    return mark;
  }
  return 0;
}

Result<void> FollowedBinaries::Sensor::start() {
  if (exec != nullptr) return {};
  const LibbpfMessages quiet;
  // What a process hands on comes before what it is marked with.
  fork.reset(::bpf_program__attach_trace(skeleton->progs.follow_fork));
  if (fork != nullptr) scan.reset(::bpf_program__attach_iter(skeleton->progs.follow_scan, nullptr));
  if (scan != nullptr) exec.reset(::bpf_program__attach_trace(skeleton->progs.follow_exec));
  return exec != nullptr ? Result<void>() : errno_error("attach what followChildren needs");
}

Result<void> FollowedBinaries::Sensor::pass() const {
  const Fd fd(::bpf_iter_create(::bpf_link__fd(scan.get())));
  if (!fd) return errno_error("open the iterator of followChildren");
  std::array<char, 64> nothing{};
  while (true) {
    const ssize_t got = ::read(fd.get(), nothing.data(), nothing.size());
    if (got == 0) return {};
    if (got < 0 && errno != EAGAIN && errno != EINTR) return errno_error("read the iterator of followChildren");
  }
}

Result<void> FollowedBinaries::Sensor::forget(uint64_t mark) {
  std::atomic_ref<__u64> wish(skeleton->data_follow->follow_forget);
  wish.store(mark, std::memory_order_seq_cst);
  Result<void> done = pass();
  wish.store(0, std::memory_order_seq_cst);
  if (done) stale &= ~mark;
  return done;
}

Result<void> FollowedBinaries::Sensor::name(const std::string& path, uint64_t mark) const {
  const redan_text_key key = key_of(path);
  uint64_t marks = 0;
  (void)::bpf_map_lookup_elem(binaries(), &key, &marks);
  marks |= mark;
  if (::bpf_map_update_elem(binaries(), &key, &marks, BPF_ANY) == 0) return {};
  return errno_error("note a binary of followChildren");
}

void FollowedBinaries::Sensor::unname(const std::string& path, uint64_t mark) const {
  const redan_text_key key = key_of(path);
  uint64_t marks = 0;
  if (::bpf_map_lookup_elem(binaries(), &key, &marks) != 0) return;
  marks &= ~mark;
  // What is left behind is not in `active`, and taken up again when the bit is.
  if (marks != 0) {
    (void)::bpf_map_update_elem(binaries(), &key, &marks, BPF_ANY);
  } else {
    (void)::bpf_map_delete_elem(binaries(), &key);
  }
}

/// A process that is forked meanwhile has its mark from its parent, so what is without one grows less with each pass.
Result<void> FollowedBinaries::Sensor::settle() const {
  const std::atomic_ref<__u64> news(skeleton->data_follow->follow_news);
  for (int i = 0; i < kMostPasses; ++i) {
    const uint64_t before = news.load(std::memory_order_seq_cst);
    REDAN_TRY(pass());
    if (news.load(std::memory_order_seq_cst) == before) return {};
  }
  return Error{ErrorCode::kKernel,
               "followChildren: the processes of this machine change faster than they can be listed"};
}

FollowedBinaries::FollowedBinaries(std::shared_ptr<Sensor> sensor, BinaryPaths paths, uint64_t mark)
    : sensor_(std::move(sensor)), paths_(std::move(paths)), mark_(mark) {}

FollowedBinaries::~FollowedBinaries() {
  for (const std::string& path : paths_) sensor_->unname(path, mark_);
  sensor_->active().fetch_and(~mark_, std::memory_order_seq_cst);
  sensor_->used &= ~mark_;
  sensor_->stale |= mark_;
}

int FollowedBinaries::marks_fd() const { return ::bpf_map__fd(sensor_->skeleton->maps.follow_marks); }

Result<void> FollowedBinaries::cover() {
  if (is_covered_) return {};
  REDAN_TRY(sensor_->start());
  if ((sensor_->stale & mark_) != 0) REDAN_TRY(sensor_->forget(mark_));
  for (const std::string& path : paths_) REDAN_TRY(sensor_->name(path, mark_));
  sensor_->active().fetch_or(mark_, std::memory_order_seq_cst);
  REDAN_TRY(sensor_->settle());
  is_covered_ = true;
  return {};
}

Result<std::shared_ptr<FollowedBinaries>> Follower::follow(BinaryPaths paths) {
  for (const std::string& path : paths) {
    if (path.size() <= REDAN_EQUAL_SHORT) continue;
    return Error{ErrorCode::kConfig,
                 fmt::format("'{}…' is longer than {} bytes", path.substr(0, 40), REDAN_EQUAL_SHORT)};
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  std::erase_if(sets_, [](const auto& set) { return set.second.expired(); });
  if (const auto found = sets_.find(paths); found != sets_.end()) return found->second.lock();

  std::shared_ptr<FollowedBinaries::Sensor> sensor = sensor_.lock();
  if (sensor == nullptr) {
    REDAN_ASSIGN(sensor, FollowedBinaries::Sensor::load(counters_, settings_, btf_));
    sensor_ = sensor;
  }
  const uint64_t mark = sensor->take_mark();
  if (mark == 0) {
    return Error{ErrorCode::kKernel, fmt::format("{} different lists of binaries with followChildren are in force, "
                                                 "which is the most; delete a policy or use a list twice",
                                                 kMarks)};
  }
  std::shared_ptr<FollowedBinaries> made(new FollowedBinaries(std::move(sensor), paths, mark));
  sets_.emplace(std::move(paths), made);
  return made;
}

}  // namespace redan::kernel
