// SPDX-License-Identifier: Apache-2.0
#include "kernel/symbols.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fmt/format.h>

#include "kernel/libbpf_messages.h"

namespace redan::kernel {
namespace {

constexpr const char* kModuleTypes = "/sys/kernel/btf";
constexpr std::array kTracefs = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

struct FreeBtf {
  void operator()(btf* types) const { ::btf__free(types); }
};
using Types = std::unique_ptr<btf, FreeBtf>;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string tracefs_file(const std::string& name) {
  for (const char* root : kTracefs) {
    if (std::string text = read_file(fmt::format("{}/{}", root, name)); !text.empty()) return text;
  }
  return "";
}

/// `type` as C would write it, without a name: "const struct file *".
std::string type_name(const btf* types, uint32_t id) {
  std::string stars;
  std::string qualifiers;
  while (true) {
    const btf_type* type = ::btf__type_by_id(types, id);
    if (type == nullptr) return "?";
    const char* own = ::btf__name_by_offset(types, type->name_off);
    const std::string name = own != nullptr && *own != '\0' ? own : "?";
    const auto whole = [&](std::string_view keyword) {
      return fmt::format("{}{}{}{}{}", qualifiers, keyword, name, stars.empty() ? "" : " ", stars);
    };
    switch (btf_kind(type)) {
      case BTF_KIND_UNKN: return fmt::format("{}void{}{}", qualifiers, stars.empty() ? "" : " ", stars);
      case BTF_KIND_PTR: stars.insert(0, "*"); break;
      case BTF_KIND_CONST: qualifiers += "const "; break;
      case BTF_KIND_VOLATILE: qualifiers += "volatile "; break;
      case BTF_KIND_RESTRICT:
      case BTF_KIND_TYPE_TAG: break;
      case BTF_KIND_STRUCT: return whole("struct ");
      case BTF_KIND_UNION: return whole("union ");
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64: return whole("enum ");
      case BTF_KIND_FWD: return whole(btf_kflag(type) ? "union " : "struct ");
      case BTF_KIND_FUNC_PROTO: return "(*)()";
      case BTF_KIND_ARRAY: {
        stars.insert(0, "*");
        id = btf_array(type)->type;
        continue;
      }
      default: return whole("");
    }
    id = type->type;
  }
}

/// Between `before` and the next `after` in `line`; empty if it is not there.
std::string_view between(std::string_view line, std::string_view before, std::string_view after) {
  const size_t begin = line.find(before);
  if (begin == std::string_view::npos) return "";
  const size_t end = line.find(after, begin + before.size());
  if (end == std::string_view::npos) return "";
  return line.substr(begin + before.size(), end - begin - before.size());
}

uint16_t number(std::string_view text) {
  uint16_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// "const char * name", "char comm[16]", "__data_loc char[] name": type and name.
std::optional<RecordField> parse_declaration(std::string_view text) {
  const size_t space = text.find_last_of(" *");
  if (space == std::string_view::npos) return std::nullopt;
  RecordField field;
  field.name = text.substr(space + 1);
  field.type = text.substr(0, space + 1);
  while (!field.type.empty() && field.type.back() == ' ') field.type.pop_back();
  // An array's length belongs to the type.
  if (const size_t bracket = field.name.find('['); bracket != std::string::npos) {
    field.type += field.name.substr(bracket);
    field.name.resize(bracket);
  }
  return field;
}

template <typename Function>
void for_each_line(std::string_view text, Function&& call) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    call(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::vector<RecordField> parse_record_format(std::string_view text) {
  std::vector<RecordField> fields;
  for_each_line(text, [&](std::string_view line) {
    std::optional<RecordField> field = parse_declaration(between(line, "field:", ";"));
    if (!field) return;
    field->offset = number(between(line, "offset:", ";"));
    field->size = number(between(line, "size:", ";"));
    field->is_signed = between(line, "signed:", ";") == "1";
    fields.push_back(std::move(*field));
  });
  return fields;
}

namespace {

std::vector<std::string> sorted_once(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

std::vector<std::string> parse_filter_functions(std::string_view text) {
  std::vector<std::string> names;
  for_each_line(text, [&](std::string_view line) { names.emplace_back(line.substr(0, line.find(' '))); });
  return sorted_once(std::move(names));
}

std::vector<std::string> parse_functions(std::string_view text) {
  std::vector<std::string> names;
  for_each_line(text, [&](std::string_view line) {
    line.remove_prefix(std::min(line.find(' '), line.size()));
    const bool is_function = line.size() > 3 && std::string_view("TtWw").find(line[1]) != std::string_view::npos;
    if (is_function) names.emplace_back(line.substr(3, line.find('\t') - 3));
  });
  return sorted_once(std::move(names));
}

struct KernelSymbols::State {
  struct Function {
    const btf* types = nullptr;
    const btf_type* prototype = nullptr;
  };

  Types kernel;
  bool is_running_kernel = true;  ///< `kernel` is what runs, not some file
  Types running;                  ///< else read when asked for
  std::vector<Types> modules;
  std::vector<std::string> module_names;  ///< of `modules`
  bool modules_read = false;

  /// Null, with errno, if there is none.
  const btf* running_kernel() {
    if (is_running_kernel) return kernel.get();
    if (running == nullptr) running.reset(::btf__load_vmlinux_btf());
    return running.get();
  }

  void read_modules() {
    if (modules_read) return;
    modules_read = true;
    const LibbpfMessages quiet;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(kModuleTypes, none)) {
      const std::string name = entry.path().filename();
      if (name == "vmlinux") continue;
      if (Types types(::btf__load_module_btf(name.c_str(), kernel.get())); types != nullptr) {
        modules.push_back(std::move(types));
        module_names.push_back(name);
      }
    }
  }

  static std::optional<Function> function_in(const btf* types, const std::string& name) {
    const int id = ::btf__find_by_name_kind(types, name.c_str(), BTF_KIND_FUNC);
    if (id <= 0) return std::nullopt;
    const btf_type* function = ::btf__type_by_id(types, static_cast<uint32_t>(id));
    return Function{.types = types, .prototype = ::btf__type_by_id(types, function->type)};
  }

  std::optional<Function> find(std::string_view function) {
    const std::string name(function);
    if (auto found = function_in(kernel.get(), name)) return found;
    read_modules();
    for (const Types& types : modules) {
      if (auto found = function_in(types.get(), name)) return found;
    }
    return std::nullopt;
  }
};

KernelSymbols::KernelSymbols(std::unique_ptr<State> state) : state_(std::move(state)) {}
KernelSymbols::KernelSymbols(KernelSymbols&&) noexcept = default;
KernelSymbols& KernelSymbols::operator=(KernelSymbols&&) noexcept = default;
KernelSymbols::~KernelSymbols() = default;

Result<KernelSymbols> KernelSymbols::load(const std::string& btf) {
  const LibbpfMessages quiet;
  auto state = std::make_unique<State>();
  state->is_running_kernel = btf.empty();
  state->kernel.reset(btf.empty() ? ::btf__load_vmlinux_btf() : ::btf__parse(btf.c_str(), nullptr));
  if (state->kernel == nullptr) {
    return Error{ErrorCode::kKernel, fmt::format("{}: no BTF (the kernel's types): {}",
                                                 btf.empty() ? "/sys/kernel/btf/vmlinux" : btf, std::strerror(errno))};
  }
  return KernelSymbols(std::move(state));
}

std::optional<int> KernelSymbols::parameters(std::string_view function) const {
  const auto found = state_->find(function);
  if (!found) return std::nullopt;
  return btf_vlen(found->prototype);
}

std::vector<std::string> KernelSymbols::signature(std::string_view function) const {
  std::vector<std::string> names;
  const auto found = state_->find(function);
  if (!found) return names;
  const btf_param* params = btf_params(found->prototype);
  for (int i = 0; i < btf_vlen(found->prototype); ++i) names.push_back(type_name(found->types, params[i].type));
  names.push_back(type_name(found->types, found->prototype->type));
  return names;
}

namespace {

/// The BTF that the kernel holds of a module.
Fd module_btf(const std::string& module) {
  for (uint32_t id = 0; ::bpf_btf_get_next_id(id, &id) == 0;) {
    Fd fd(::bpf_btf_get_fd_by_id(id));
    char name[64]{};
    bpf_btf_info info{};
    info.name = reinterpret_cast<uintptr_t>(name);
    info.name_len = sizeof(name);
    uint32_t size = sizeof(info);
    if (fd && ::bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 && info.kernel_btf != 0 && module == name)
      return fd;
  }
  return Fd();
}

}  // namespace

Result<AttachType> KernelSymbols::attach_type(const std::string& function) const {
  const LibbpfMessages quiet;
  const btf* running = state_->running_kernel();
  if (running == nullptr) return errno_error("/sys/kernel/btf/vmlinux: no BTF (the kernel's types)");
  int id = ::btf__find_by_name_kind(running, function.c_str(), BTF_KIND_FUNC);
  if (id > 0) return AttachType{.id = static_cast<uint32_t>(id), .module = Fd()};
  state_->read_modules();
  for (size_t i = 0; i < state_->modules.size(); ++i) {
    id = ::btf__find_by_name_kind(state_->modules[i].get(), function.c_str(), BTF_KIND_FUNC);
    if (id <= 0) continue;
    Fd module = module_btf(state_->module_names[i]);
    if (module) return AttachType{.id = static_cast<uint32_t>(id), .module = std::move(module)};
  }
  return Error{ErrorCode::kKernel, fmt::format("'{}' is not in the running kernel's BTF", function)};
}

bool KernelSymbols::has_lsm_hook(std::string_view hook) const {
  return State::function_in(state_->kernel.get(), fmt::format("bpf_lsm_{}", hook)).has_value();
}

std::optional<std::vector<RecordField>> KernelSymbols::tracepoint(std::string_view subsystem,
                                                                  std::string_view event) const {
  const std::string text = tracefs_file(fmt::format("events/{}/{}/format", subsystem, event));
  if (text.empty()) return std::nullopt;
  return parse_record_format(text);
}

std::optional<uint32_t> KernelSymbols::tracepoint_id(std::string_view subsystem, std::string_view event) const {
  const std::string text = tracefs_file(fmt::format("events/{}/{}/id", subsystem, event));
  uint32_t id = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), id).ec != std::errc()) return std::nullopt;
  return id;
}

std::vector<std::string> KernelSymbols::traceable_functions() const {
  return parse_filter_functions(tracefs_file("available_filter_functions"));
}

std::vector<std::string> KernelSymbols::all_functions() const {
  std::ifstream file("/proc/kallsyms", std::ios::binary);
  return parse_functions(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace redan::kernel
