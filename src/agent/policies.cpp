// SPDX-License-Identifier: Apache-2.0
#include "agent/policies.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "agent/attach_hooks.h"
#include "event/hook_facts.h"

namespace redan::agent {
namespace {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return Error{ErrorCode::kConfig, fmt::format("{}: cannot be read: {}", path, ::strerror(errno))};
  return std::move(text).str();
}

metadata::FileVersion version_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return {.inode = status.st_ino,
          .changed_ns = int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec,
          .size = status.st_size};
}

/// Regular files of the directory by path; hidden ones, which editors leave about, are not policies.
std::map<std::string, metadata::FileVersion> files_in(const std::string& directory) {
  std::map<std::string, metadata::FileVersion> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    const metadata::FileVersion version = version_of(entry.path());
    if (!name.starts_with(".") && version != metadata::FileVersion()) files.emplace(entry.path(), version);
  }
  return files;
}

/// As the reference writes it (12.1), by policy::PolicyMode.
std::string_view mode_name(policy::PolicyMode mode) {
  static constexpr std::array<std::string_view, 3> kNames = {"enforce", "monitor", "monitor_only"};
  return kNames[static_cast<size_t>(mode)];
}

}  // namespace

Result<Policies> Policies::open(Parts parts) {
  REDAN_ASSIGN(Control control, Control::listen(parts.options.run_dir));
  return Policies(std::move(parts), std::move(control));
}

void Policies::begin(const Feed& feed) {
  for (const std::string& file : parts_.options.tracing_policy) add_file(file, feed);
  look(feed);
  facts_.reset();
}

void Policies::serve(const Feed& feed) {
  control_.serve([&](const Request& request) { return answer(request, feed); });
  facts_.reset();
}

void Policies::each_second(const Feed& feed) {
  look(feed);
  facts_.reset();
}

void Policies::end() { policies_.clear(); }

void Policies::look(const Feed& feed) {
  if (parts_.options.tracing_policy_dir.empty()) return;
  std::map<std::string, metadata::FileVersion> files = files_in(parts_.options.tracing_policy_dir);
  for (const auto& [path, version] : files_) {
    if (files.contains(path)) continue;
    const auto gone = std::ranges::find(policies_, path, [](const auto& loaded) { return loaded->source; });
    if (gone != policies_.end()) (void)remove((*gone)->name, feed);
  }
  for (const auto& [path, version] : files) {
    const auto before = files_.find(path);
    if (before == files_.end() || before->second != version) add_file(path, feed);
  }
  files_ = std::move(files);
}

void Policies::add_file(const std::string& path, const Feed& feed) {
  const Result<std::string> text = read_file(path);
  const Result<void> added = text ? add(*text, path, feed) : Result<void>(text.error());
  if (!added) parts_.log.error("policy {}: {}", path, added.error().message);
}

Result<void> Policies::add(std::string_view text, const std::string& source, const Feed& feed) {
  auto loaded = std::make_unique<Loaded>();
  loaded->source = loaded->name = source;
  const auto before = std::ranges::find(policies_, source, [](const auto& other) { return other->source; });
  Result<void> done;
  auto compiled = compile(text, source);
  if (!compiled) {
    done = compiled.error();
  } else {
    loaded->policy = std::move(*compiled);
    loaded->name = loaded->policy.name;
    for (const policy::Diagnostic& warning : loaded->policy.warnings)
      parts_.log.warn("policy {}", policy::format(warning, source));
    const Loaded* other = find(loaded->name);
    if (other != nullptr && other->source != source) {
      done = Error{ErrorCode::kConfig,
                   fmt::format("{}: metadata.name: '{}' is the name of the policy in {} already; delete that "
                               "one first or give this one another name",
                               source, loaded->name, other->source)};
    } else {
      done = attach(*loaded, before == policies_.end() ? nullptr : before->get(), feed);
    }
  }
  if (!done) {
    loaded->state = kLoadError;
    loaded->error = done.error().message;
    tell(*loaded, feed);
    // The one that it was to replace stays in force.
    if (before == policies_.end()) policies_.push_back(std::move(loaded));
    return done;
  }
  tell(*loaded, feed);
  if (before != policies_.end()) {
    *before = std::move(loaded);
  } else {
    policies_.push_back(std::move(loaded));
  }
  return {};
}

Result<policy::Policy> Policies::compile(std::string_view text, const std::string& source) {
  const policy::Parsed parsed = policy::parse_document(text);
  if (!parsed.document) return Error{ErrorCode::kConfig, policy::format(parsed.diagnostics, source)};
  if (facts_ == nullptr) {
    REDAN_ASSIGN(facts_, parts_.facts());
  }
  return policy::compile(*parsed.document, *facts_, {.first_id = last_hook_ + 1, .file = source});
}

/// All or nothing: every hook is loaded before the first is attached. `before` is what it replaces, if anything: in force until
/// this returns, and after it if it fails.
Result<void> Policies::attach(Loaded& loaded, const Loaded* before, const Feed& feed) {
  std::vector<std::unique_ptr<kernel::Hook>> hooks;
  for (event::HookPlan& plan : loaded.policy.hooks) {
    auto info = std::make_shared<event::HookInfo>(*plan.info);
    info->id = plan.program.id = ++last_hook_;
    plan.info = info;
    REDAN_ASSIGN(std::unique_ptr<kernel::Hook> hook, parts_.kernel.load_hook(plan));
    hooks.push_back(std::move(hook));
    feed(event::text_frame(event::kFrameHook, parts_.now(), event::facts_text(event::hook_facts(*info))));
  }
  const std::vector<event::HookPlan> no_plans;
  const std::vector<std::unique_ptr<kernel::Hook>> no_hooks;
  REDAN_TRY(attach_hooks({loaded.policy.hooks, hooks}, before == nullptr
                                                           ? HooksOfPolicy{no_plans, no_hooks}
                                                           : HooksOfPolicy{before->policy.hooks, before->hooks}));
  loaded.hooks = std::move(hooks);
  const bool partial = std::ranges::any_of(loaded.policy.statuses, [](const policy::HookStatus& status) {
    return status.state != policy::HookState::kLoaded;
  });
  loaded.state = partial ? kPartiallyEnabled : kEnabled;
  return {};
}

Result<void> Policies::remove(std::string_view name, const Feed& feed) {
  Loaded* loaded = find(name);
  if (loaded == nullptr) return Error{ErrorCode::kConfig, fmt::format("there is no policy '{}'", name)};
  loaded->hooks.clear();
  loaded->state = "deleted";
  tell(*loaded, feed);
  std::erase_if(policies_, [loaded](const auto& other) { return other.get() == loaded; });
  return {};
}

Result<void> Policies::set_enabled(std::string_view name, bool enabled, const Feed& feed) {
  Loaded* loaded = find(name);
  if (loaded == nullptr) return Error{ErrorCode::kConfig, fmt::format("there is no policy '{}'", name)};
  const bool is_enabled = loaded->state == kEnabled || loaded->state == kPartiallyEnabled;
  if (enabled == is_enabled || loaded->state == kLoadError) {
    return Error{ErrorCode::kConfig, fmt::format("the policy '{}' is {}", name, loaded->state)};
  }
  if (enabled) {
    if (const Result<void> done = attach(*loaded, nullptr, feed); !done) {
      loaded->state = kLoadError;
      loaded->error = done.error().message;
      tell(*loaded, feed);
      return done;
    }
  } else {
    loaded->hooks.clear();
    loaded->state = kDisabled;
  }
  tell(*loaded, feed);
  return {};
}

Policies::Loaded* Policies::find(std::string_view name) {
  const auto found =
      std::ranges::find(policies_, name, [](const auto& loaded) { return std::string_view(loaded->name); });
  return found == policies_.end() ? nullptr : found->get();
}

void Policies::tell(const Loaded& loaded, const Feed& feed) const {
  event::Facts facts = {{"policy", loaded.name}, {"source", loaded.source}, {"state", loaded.state}};
  if (loaded.error.empty()) facts.emplace_back("mode", mode_name(loaded.policy.mode));
  if (!loaded.error.empty()) facts.emplace_back("error", loaded.error);
  feed(event::text_frame(event::kFramePolicy, parts_.now(), event::facts_text(facts)));
  parts_.log.info("policy {}: {}", loaded.name, loaded.state);
}

/// A control request: its words, and what they do.
struct Policies::Command {
  std::string_view verb;
  size_t words;
  Result<std::string> (*run)(Policies&, const Request&, const Feed&);
};

namespace {

struct Sums {
  uint64_t posts = 0, lost = 0, unreadable = 0, memory = 0;
};

/// A line about one hook, which is added to the sums.
std::string describe(const kernel::Hook& hook, const event::HookInfo& info, Sums& sums) {
  const kernel::HookFacts& facts = hook.facts();
  const redan_hook_counters counters = hook.counters();
  const auto runs = hook.runs();
  const uint64_t posts = std::reduce(std::begin(counters.posted), std::end(counters.posted));
  sums.posts += posts;
  sums.lost += counters.lost;
  sums.unreadable += counters.unreadable;
  sums.memory += facts.map_bytes;
  return fmt::format("    {}{}{} by {}: {} instructions, {} runs, {} ns, {} skipped, {} posts, {} lost, {} undecided\n",
                     info.subsystem, info.subsystem.empty() ? "" : "/", info.name,
                     kernel::hook_attachment_name(facts.attachment), facts.instructions, runs ? runs->count : 0,
                     runs ? runs->nanoseconds : 0, runs ? runs->missed : 0, posts, counters.lost, counters.no_scratch);
}

Result<std::string> said(const Result<void>& done, std::string text) {
  if (!done) return done.error();
  return text;
}

}  // namespace

Result<std::string> Policies::answer(const Request& request, const Feed& feed) {
  static constexpr std::array kCommands = {
      Command{"add", 2,
              [](Policies& all, const Request& asked, const Feed& to) {
                return said(all.add(asked.text, asked.words[1], to), "added\n");
              }},
      Command{"delete", 2,
              [](Policies& all, const Request& asked, const Feed& to) {
                return said(all.remove(asked.words[1], to), "deleted\n");
              }},
      Command{"enable", 2,
              [](Policies& all, const Request& asked, const Feed& to) {
                return said(all.set_enabled(asked.words[1], true, to), "enabled\n");
              }},
      Command{"disable", 2,
              [](Policies& all, const Request& asked, const Feed& to) {
                return said(all.set_enabled(asked.words[1], false, to), "disabled\n");
              }},
      Command{"list", 1, [](Policies& all, const Request&, const Feed&) { return Result<std::string>(all.list()); }},
  };
  for (const Command& command : kCommands) {
    if (!request.words.empty() && request.words[0] == command.verb && request.words.size() == command.words)
      return command.run(*this, request, feed);
  }
  return Error{ErrorCode::kUsage, "a request that this agent does not know; is the command of another version?"};
}

std::string Policies::list() const {
  constexpr std::string_view kRow = "{:<32} {:<18} {:<13} {:>6} {:>10} {:>8} {:>10} {:>10}\n";
  std::string text = fmt::format(kRow, "NAME", "STATE", "MODE", "HOOKS", "POSTS", "LOST", "UNREADABLE", "MEMORY");
  for (const auto& loaded : policies_) {
    const bool is_known = loaded->error.empty();
    Sums sums;
    std::string hooks;
    for (size_t i = 0; i < loaded->hooks.size(); ++i)
      hooks += describe(*loaded->hooks[i], *loaded->policy.hooks[i].info, sums);
    text += fmt::format(kRow, loaded->name, loaded->state, is_known ? mode_name(loaded->policy.mode) : "-",
                        loaded->hooks.size(), sums.posts, sums.lost, sums.unreadable, sums.memory);
    if (!is_known) text += fmt::format("    {}\n", loaded->error);
    text += hooks;
  }
  return text;
}

}  // namespace redan::agent
