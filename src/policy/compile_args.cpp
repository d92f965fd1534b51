// SPDX-License-Identifier: Apache-2.0
// Arguments: where each is found, how it is read, how events show it.
#include <algorithm>
#include <array>

#include "base/quote.h"
#include "policy/hook_compiler.h"
#include "policy/unsupported.h"

namespace redan::policy {
namespace {

constexpr uint32_t kMostArgs = 5;
constexpr uint32_t kHighestSizeIndex = 15;
constexpr uint32_t kPointerSize = 8;

// Functions other than system calls with parameters that point to user memory.
struct UserParameter {
  std::string_view function;
  uint32_t index;
};
constexpr std::array kUserParameters = {
    UserParameter{"vfs_read", 1},     UserParameter{"vfs_write", 1},         UserParameter{"ksys_read", 1},
    UserParameter{"ksys_write", 1},   UserParameter{"do_sys_open", 1},       UserParameter{"do_sys_openat2", 1},
    UserParameter{"tty_write", 1},    UserParameter{"ksys_pread64", 1},      UserParameter{"ksys_pwrite64", 1},
    UserParameter{"getname", 0},      UserParameter{"getname_flags", 0},     UserParameter{"user_path_at_empty", 1},
    UserParameter{"user_path_at", 1}, UserParameter{"strncpy_from_user", 1},
};

bool is_one_of(std::string_view text, std::string_view list) {
  while (!list.empty()) {
    const size_t end = std::min(list.find('|'), list.size());
    if (list.substr(0, end) == text) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

bool is_buffer(const ArgTypeInfo& type) {
  return type.extraction == REDAN_ARG_BYTES || type.extraction == REDAN_ARG_IOVEC;
}

// What can lie in user memory.
bool is_pointer(const ArgTypeInfo& type) {
  return type.extraction == REDAN_ARG_STRING || is_buffer(type) || type.extraction == REDAN_ARG_SOCKADDR ||
         type.extraction == REDAN_ARG_SOCKADDR_UN;
}

class ArgsCompiler {
 public:
  ArgsCompiler(const CompileContext& context, const Hook& hook, const Target& target, event::HookPlan& plan,
               event::HookInfo& info)
      : context_(context), hook_(hook), target_(target), plan_(plan), info_(info) {
    if (context.kernel && hook.section != Section::kTracepoints && !plan.syscall)
      signature_ = context.kernel->signature(target.symbol);
  }

  Slots run() {
    if (!hook_.data.empty()) not_supported(context_.diagnostics, hook_.data[0].place, Feature::kData);
    if (hook_.args.size() > kMostArgs) {
      error(hook_.args[kMostArgs].place,
            "found " + std::to_string(hook_.args.size()) + " arguments, allowed: " + std::to_string(kMostArgs));
      return slots_;
    }
    for (const Arg& arg : hook_.args) add(arg);
    for (size_t i = 0; i < hook_.args.size(); ++i) set_size(i);
    add_returned();
    return slots_;
  }

 private:
  void error(const Place& place, std::string message) { context_.diagnostics.error(place, std::move(message)); }
  void warning(const Place& place, std::string message) { context_.diagnostics.warning(place, std::move(message)); }

  static const Place& place_of(const Place& own, const Place& parent) { return own.line != 0 ? own : parent; }

  void check_common(const Arg& arg) {
    if (arg.resolve.is_given() && !arg.resolve.value.empty())
      not_supported(context_.diagnostics, arg.resolve.place, Feature::kResolve);
    if (arg.source.is_given() && !arg.source.value.empty())
      error(arg.source.place, "found " + in_quotes(*arg.source) + ", allowed: nothing, for this is an argument");
    if (*arg.max_data)
      warning(arg.max_data.place, "has no effect yet: of longer data the first 4095 bytes are reported");
    if (*arg.size_arg_index > kHighestSizeIndex)
      error(arg.size_arg_index.place, "found " + std::to_string(*arg.size_arg_index) +
                                          ", allowed: 1 to 15, the number of the parameter that holds the size");
  }

  bool check_type(const Arg& arg) {
    const ArgTypeInfo& type = **arg.type;
    if (type.sections & type_section(hook_)) return true;
    const std::string name(type.name);
    const Place& place = place_of(arg.type.place, arg.place);
    if (type.is_auto())
      error(place, "found the type auto" + std::string(arg.type.is_given() ? "" : " (no type is given)") +
                       ", allowed: a type such as int, string or file; only classic tracepoints know their own");
    else if (type.sections == 0)
      error(place, "found the type " + name + ", allowed: any other; arrays of tracepoints have the type auto");
    else
      error(place, "found the type " + name + ", allowed: types that a " + hook_title(hook_) + " can have");
    return false;
  }

  void add(const Arg& arg) {
    check_common(arg);
    const auto number = static_cast<uint8_t>(slots_.args.size());
    redan_hook_arg& plan = plan_.program.args[number];
    Slot slot;
    const bool is_valid = check_type(arg);
    if (is_valid) {
      slot.type = *arg.type;
      const bool is_field = hook_.section == Section::kTracepoints && !*hook_.raw;
      if (is_field)
        find_field(arg, slot, plan);
      else
        find_parameter(arg, slot, plan);
      fill(slot, plan);
      if (*arg.return_copy) set_return_copy(arg, slot, plan);
    }
    info_.args.push_back({.slot = number,
                          .type = slot.type->type,
                          // Events of classic tracepoints have no labels.
                          .label = hook_.section == Section::kTracepoints && !*hook_.raw ? "" : *arg.label});
    slots_.args.push_back(slot);
  }

  static void fill(Slot& slot, redan_hook_arg& plan) {
    plan.type = static_cast<__u8>(slot.is_readable ? slot.type->extraction : REDAN_ARG_NONE);
    if (slot.size == 0) slot.size = slot.type->size;
    slot.is_signed = slot.type->is_signed;
    if (plan.size == 0) plan.size = slot.size;
    if (slot.is_signed) plan.options |= REDAN_ARG_SIGNED;
  }

  void find_parameter(const Arg& arg, Slot& slot, redan_hook_arg& plan) {
    const uint32_t index = *arg.index;
    if (index >= kMostArgs) {
      error(arg.index.place, "found " + std::to_string(index) + ", allowed: 0 to 4");
      return;
    }
    plan.index = static_cast<__u8>(index);
    plan.source = plan_.syscall ? REDAN_SOURCE_SYSCALL : REDAN_SOURCE_PARAMETER;
    if (target_.is_i386 && plan_.syscall) plan.options |= REDAN_ARG_COMPAT;
    if (is_user_memory(index, *slot.type)) plan.options |= REDAN_ARG_USER;
    if (!target_.parameters || plan_.syscall) return;
    if (index >= static_cast<uint32_t>(*target_.parameters)) {
      slot.is_readable = false;
      warning(arg.index.place,
              in_quotes(target_.symbol) + " has " + std::to_string(*target_.parameters) +
                  " parameters, counted from 0: this argument stays empty, and filters on it never match");
      return;
    }
    if (index >= signature_.size() || slot.type->kernel_types.empty()) return;
    const std::string& declared = signature_[index];
    if (!is_one_of(declared, slot.type->kernel_types))
      warning(place_of(arg.type.place, arg.place), "the type " + std::string(slot.type->name) +
                                                       " does not fit parameter " + std::to_string(index) + " of " +
                                                       in_quotes(target_.symbol) + ", which is " + in_quotes(declared));
  }

  bool is_user_memory(uint32_t index, const ArgTypeInfo& type) const {
    if (!is_pointer(type)) return false;
    if (plan_.syscall) return true;
    if (index < signature_.size() && signature_[index].find("__user") != std::string::npos) return true;
    return std::ranges::any_of(
        kUserParameters, [&](const UserParameter& p) { return p.function == target_.symbol && p.index == index; });
  }

  void find_field(const Arg& arg, Slot& slot, redan_hook_arg& plan) {
    plan.source = REDAN_SOURCE_FIELD;
    if (!target_.fields) return;  // not known without the kernel
    if (*arg.index >= target_.fields->size()) {
      error(arg.index.place, "found " + std::to_string(*arg.index) + ", allowed: 0 to " +
                                 std::to_string(target_.fields->size() - 1) +
                                 ", the fields of the tracepoint's format");
      return;
    }
    const TracepointField& field = (*target_.fields)[*arg.index];
    plan.index = static_cast<__u8>(*arg.index);
    plan.offset = field.offset;
    if (slot.type->is_auto()) derive_type(arg, field, slot);
    const bool is_sized = slot.type->is_number() || slot.type->extraction == REDAN_ARG_SYSCALL;
    if (is_sized) plan.size = slot.size = static_cast<__u8>(std::min<uint32_t>(slot.type->size, field.size));
    if (slot.type->extraction == REDAN_ARG_ARRAY) set_array(arg, field, plan);
    const bool is_syscall = hook_.subsystem.value == "syscalls";
    if (is_syscall && is_pointer(*slot.type)) plan.options |= REDAN_ARG_USER;
    if (slot.type->extraction == REDAN_ARG_SYSCALL) plan.size = 4;
  }

  void set_array(const Arg& arg, const TracepointField& field, redan_hook_arg& plan) {
    constexpr uint16_t kMost = 248;  // what a byte can say, in whole words
    if (field.size > kMost)
      warning(arg.place, "of the " + std::to_string(field.size) + " bytes of this array the first 248 are reported");
    plan.size = static_cast<__u8>(std::min(field.size, kMost));
  }

  // Events show arrays of long only.
  std::string_view array_type(const Arg& arg, const TracepointField& field) {
    if (field.type.find("long") != std::string::npos) return "const_buf";
    warning(arg.place, "the field " + in_quotes(field.type + " " + field.name) +
                           " is left out of events: of arrays only those of long are shown");
    return "nop";
  }

  void derive_type(const Arg& arg, const TracepointField& field, Slot& slot) {
    struct Integer {
      uint16_t size;
      bool is_signed;
      std::string_view type;
    };
    constexpr std::array kIntegers = {Integer{4, true, "int32"}, Integer{4, false, "uint32"}, Integer{8, true, "int64"},
                                      Integer{8, false, "uint64"}};
    const bool is_address = field.type.find('*') != std::string::npos;
    const bool is_char_pointer = is_address && field.type.find("char") != std::string::npos;
    std::string_view type;
    if (field.type.find("__data_loc") != std::string::npos)
      type = "data_loc";
    else if (field.type.find('[') != std::string::npos || field.name.find('[') != std::string::npos)
      type = array_type(arg, field);
    else if (is_char_pointer)
      type = "char_buf";
    else if (field.type == "size_t")
      type = "size_t";
    for (const Integer& integer : kIntegers)
      if (type.empty() && !is_address && integer.size == field.size && integer.is_signed == field.is_signed)
        type = integer.type;
    const bool needs_size = type == "char_buf" && *arg.size_arg_index == 0 && !*arg.return_copy;
    if (type.empty() || needs_size) {
      error(arg.place,
            "the field " + in_quotes(field.type + " " + field.name) +
                (needs_size ? " needs sizeArgIndex, the number of the field that holds its size, or type: string"
                            : " has no type of its own; give it one"));
      return;
    }
    slot.type = find_arg_type(type);
  }

  void set_return_copy(const Arg& arg, const Slot& slot, redan_hook_arg& plan) {
    if (!is_buffer(*slot.type)) {
      error(arg.return_copy.place, "found true, allowed: true with the types char_buf and char_iovec only");
    } else if (hook_.section != Section::kKprobes && hook_.section != Section::kFentries) {
      error(arg.return_copy.place, "found true, allowed: true in kprobes and fentries only");
    } else {
      plan.options |= REDAN_ARG_RETURN_COPY;
      plan_.program.options |= REDAN_HOOK_RETURNS;
    }
  }

  // The slot that holds the size of a buffer: one of the policy's, or a hidden one.
  void set_size(size_t number) {
    const Arg& arg = hook_.args[number];
    redan_hook_arg& plan = plan_.program.args[number];
    const uint32_t wanted = *arg.size_arg_index;
    if (!is_buffer(*slots_.args[number].type) || wanted == 0 || wanted > kHighestSizeIndex) return;
    const bool is_field = hook_.section == Section::kTracepoints && !*hook_.raw;
    if (!is_field && wanted > kMostArgs) return;  // read as a size of 0
    for (size_t i = 0; i < hook_.args.size(); ++i) {
      if (*hook_.args[i].index != wanted - 1 || !slots_.args[i].type->is_number()) continue;
      plan.size_slot = static_cast<__u8>(i + 1);
      return;
    }
    const size_t hidden = slots_.args.size();
    if (hidden >= kMostArgs) {
      error(
          arg.size_arg_index.place,
          "the size of this argument needs a sixth one, allowed: 5 with those for sizes; list the size as an argument "
          "in place of another");
      return;
    }
    redan_hook_arg& size = plan_.program.args[hidden];
    size = {.type = REDAN_ARG_NUMBER, .source = plan.source, .index = static_cast<__u8>(wanted - 1), .size = 8};
    size.options = static_cast<__u8>(REDAN_ARG_HIDDEN | (plan.options & REDAN_ARG_COMPAT));
    if (is_field && target_.fields) {
      if (wanted > target_.fields->size()) {
        error(arg.size_arg_index.place, "found " + std::to_string(wanted) + ", allowed: 1 to " +
                                            std::to_string(target_.fields->size()) + ", the fields of the format");
        return;
      }
      const TracepointField& field = (*target_.fields)[wanted - 1];
      size.offset = field.offset;
      size.size = static_cast<__u8>(std::min<uint32_t>(field.size, kPointerSize));
    }
    plan.size_slot = static_cast<__u8>(hidden + 1);
    slots_.args.push_back({.type = find_arg_type("uint64"), .size = size.size});
  }

  void add_returned() {
    if (*hook_.returns && !hook_.return_arg)
      error(hook_.returns.place,
            "found true without a returnArg, allowed: true with one, for the returned value's type");
    if (!*hook_.returns || !hook_.return_arg) return;
    const Arg& arg = *hook_.return_arg;
    check_common(arg);
    plan_.program.options |= REDAN_HOOK_RETURNS;
    if (!check_type(arg)) return;
    redan_hook_arg& plan = plan_.program.args[REDAN_HOOK_SLOT_RETURN];
    Slot slot{.type = *arg.type};
    plan.source = REDAN_SOURCE_RETURN;
    fill(slot, plan);
    if (!signature_.empty() && signature_.back() == "void")
      warning(arg.place, in_quotes(target_.symbol) + " returns nothing; what is reported has no meaning");
    info_.args.push_back(
        {.slot = REDAN_HOOK_SLOT_RETURN, .type = slot.type->type, .label = *arg.label, .is_return = true});
    slots_.returned = slot;
  }

  const CompileContext& context_;
  const Hook& hook_;
  const Target& target_;
  event::HookPlan& plan_;
  event::HookInfo& info_;
  std::vector<std::string> signature_;
  Slots slots_;
};

}  // namespace

uint8_t type_section(const Hook& hook) {
  switch (hook.section) {
    case Section::kKprobes:
    case Section::kFentries: return kInFunctions;
    case Section::kTracepoints: return *hook.raw ? kInRaw : kInTracepoints;
    case Section::kLsmHooks: return kInLsm;
    case Section::kUprobes:
    case Section::kUsdts: break;
  }
  return kInUser;
}

std::string hook_title(const Hook& hook) {
  switch (hook.section) {
    case Section::kKprobes:
    case Section::kFentries: return "function";
    case Section::kTracepoints: return *hook.raw ? "raw tracepoint" : "tracepoint";
    case Section::kLsmHooks: return "LSM hook";
    case Section::kUprobes:
    case Section::kUsdts: break;
  }
  return "user program";
}

Slots compile_args(const CompileContext& context, const Hook& hook, const Target& target, event::HookPlan& plan,
                   event::HookInfo& info) {
  return ArgsCompiler(context, hook, target, plan, info).run();
}

}  // namespace redan::policy
