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

#include "event/hook_facts.h"
#include "policy/compile.h"

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

}  // namespace

Result<Policies> Policies::open(Parts parts) {
  REDAN_ASSIGN(Control control, Control::listen(parts.options.run_dir));
  return Policies(std::move(parts), std::move(control));
}

void Policies::begin(const Feed& feed) {
  for (const std::string& file : parts_.options.tracing_policy) add_file(file, feed);
  look(feed);
}

void Policies::serve(const Feed& feed) {
  control_.serve([&](const Request& request) { return answer(request, feed); });
}

void Policies::each_second(const Feed& feed) { look(feed); }

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
  auto compiled = policy::compile(text, source, parts_.facts);
  if (!compiled) {
    done = compiled.error();
  } else {
    loaded->policy = std::move(*compiled);
    loaded->name = loaded->policy.name;
    for (const policy::Diagnostic& warning : loaded->policy.warnings) parts_.log.warn("policy {}", warning.text(source));
    const Loaded* other = find(loaded->name);
    if (other != nullptr && other->source != source) {
      done = Error{ErrorCode::kConfig, fmt::format("{}: metadata.name: '{}' is the name of the policy in {} already; delete that "
                                                   "one first or give this one another name",
                                                   source, loaded->name, other->source)};
    } else {
      done = attach(*loaded, feed);
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

Result<void> Policies::attach(Loaded& loaded, const Feed& feed) {
  std::vector<std::unique_ptr<kernel::Hook>> hooks;
  bool partial = loaded.policy.partial;
  for (event::HookPlan& plan : loaded.policy.hooks) {
    auto info = std::make_shared<event::HookInfo>(*plan.info);
    info->id = plan.program.id = ++last_hook_;
    plan.info = info;
    feed(event::text_frame(event::kFrameHook, parts_.now(), event::facts_text(event::hook_facts(*info))));
    auto hook = parts_.kernel.attach_hook(plan);
    if (!hook) return hook.error();
    hooks.push_back(std::move(*hook));
  }
  loaded.hooks = std::move(hooks);
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
    if (const Result<void> done = attach(*loaded, feed); !done) {
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
  const auto found = std::ranges::find(policies_, name, [](const auto& loaded) { return std::string_view(loaded->name); });
  return found == policies_.end() ? nullptr : found->get();
}

void Policies::tell(const Loaded& loaded, const Feed& feed) const {
  event::Facts facts = {{"policy", loaded.name}, {"source", loaded.source}, {"state", loaded.state}};
  if (!loaded.mode.empty()) facts.emplace_back("mode", loaded.mode);
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
  std::string text = fmt::format("{:<32} {:<18} {:<13} {:>6} {:>10} {:>10} {:>10} {:>10}\n", "NAME", "STATE", "MODE", "HOOKS",
                                 "POSTS", "LOST", "UNREADABLE", "MEMORY");
  for (const auto& loaded : policies_) {
    uint64_t posts = 0, lost = 0, unreadable = 0, memory = 0;
    std::string hooks;
    for (size_t i = 0; i < loaded->hooks.size(); ++i) {
      const auto facts = loaded->hooks[i]->facts();
      if (!facts) continue;
      const redan_hook_counters& counters = facts->counters;
      const uint64_t posted = std::reduce(std::begin(counters.posted), std::end(counters.posted));
      hooks += fmt::format("    {} as {}: {} runs, {} ns, {} instructions, {} posts, {} lost, {} undecided\n",
                           loaded->policy.hooks[i].info->name, facts->attached_as, facts->runs, facts->run_ns,
                           facts->instructions, posted, counters.lost, counters.no_scratch);
      posts += posted;
      lost += counters.lost;
      unreadable += counters.unreadable;
      memory += facts->memory;
    }
    text += fmt::format("{:<32} {:<18} {:<13} {:>6} {:>10} {:>10} {:>10} {:>10}\n", loaded->name, loaded->state, loaded->mode,
                        loaded->hooks.size(), posts, lost, unreadable, memory);
    if (!loaded->error.empty()) text += fmt::format("    {}\n", loaded->error);
    text += hooks;
  }
  return text;
}

}  // namespace redan::agent
