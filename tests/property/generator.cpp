// SPDX-License-Identifier: Apache-2.0
#include "property/generator.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "policy/names.h"
#include "property/words.h"

namespace redan::test {

using policy::ArgTypeInfo;
using policy::Observation;
using policy::Observed;
using policy::OperatorFamily;
using policy::OperatorInfo;

namespace {

constexpr size_t kMostFilters = 5;
// Numbers at which something may go wrong.
constexpr std::array<uint64_t, 18> kEdges = {0,
                                             1,
                                             2,
                                             3,
                                             7,
                                             127,
                                             128,
                                             255,
                                             256,
                                             0x7fff,
                                             0x8000,
                                             0xffff,
                                             0x7fffffff,
                                             0x80000000,
                                             0xffffffff,
                                             ~uint64_t{0},
                                             ~uint64_t{0} >> 1,
                                             uint64_t{1} << 63};

bool is_narrow_type(const ArgTypeInfo& type) { return type.size <= 4; }

std::string flow(const std::vector<std::string>& items) { return fmt::format("[{}]", fmt::join(items, ", ")); }

std::vector<std::string> quoted(const std::vector<std::string>& items) {
  std::vector<std::string> out;
  for (const std::string& item : items) out.push_back(yaml_quoted(item));
  return out;
}

}  // namespace

std::vector<const OperatorInfo*> operators_of(const ArgTypeInfo& type) {
  std::vector<const OperatorInfo*> fitting;
  for (const OperatorInfo& op : policy::operators()) {
    const bool is_there = op.family != OperatorFamily::kSubString && op.family != OperatorFamily::kExpression;
    if (is_there && (op.matching & type.matching) != 0) fitting.push_back(&op);
  }
  return fitting;
}

uint64_t widened(const ArgTypeInfo& type, uint64_t number) {
  if (type.extraction == REDAN_ARG_SYSCALL) return static_cast<uint32_t>(number);
  if (type.extraction == REDAN_ARG_CAP_SET || type.size == 8 || type.size == 0) return number;
  const unsigned shift = 64 - 8U * type.size;
  if (!type.is_signed) return number << shift >> shift;
  return static_cast<uint64_t>(static_cast<int64_t>(number << shift) >> shift);
}

// --- policies ---

std::string Generator::policy(const Shape& shape, const OperatorInfo* first) {
  shape_ = shape;
  prepare_pools();
  std::vector<std::string> args, selectors;
  for (const ShapeArg& arg : shape.args) {
    const std::string size = arg.size == 0 ? "" : fmt::format(", sizeArgIndex: {}", arg.size);
    args.push_back(fmt::format("{{index: {}, type: {}{}}}", arg.index, arg.type->name, size));
  }
  const uint64_t dice = below(20);
  const size_t count = dice < 11 ? 1 : dice < 15 ? 2 : dice < 19 ? 3 : 5;
  for (size_t i = 0; i < count; ++i) selectors.push_back(selector(i == 0 ? first : nullptr));
  if (first == nullptr && one_in(50)) selectors.clear();
  std::string text = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: generated}\nspec:\n";
  text += shape.head;
  if (shape.returned)
    text += fmt::format("    return: true\n    returnArg: {{index: 0, type: {}}}\n", shape.returned->name);
  text += fmt::format("    args: {}\n", flow(args));
  if (!selectors.empty()) text += "    selectors:\n";
  for (const std::string& each : selectors) text += "    - " + each + "\n";
  return text + shape.tail;
}

// Filters come near what is known to be there.
void Generator::prepare_pools() {
  pools_.assign(shape_.args.size() + 1, {});
  process_pool_ = {};
  for (size_t i = 0; i < shape_.args.size(); ++i) {
    for (const Observed& choice : shape_.args[i].choices) remember(shape_.args[i], choice, pools_[i]);
    for (const auto& values : shape_.scenarios) remember(shape_.args[i], values[i], pools_[i]);
  }
  if (shape_.result) remember({.type = shape_.returned}, *shape_.result, pools_.back());
  if (shape_.process && shape_.process->binary) process_pool_.texts.push_back(*shape_.process->binary);
}

void Generator::remember(const ShapeArg& arg, const Observed& value, Pool& pool) {
  const policy::ObservedSocket& socket = value.socket;
  const bool is_value = arg.type->is_number() || arg.type->extraction == REDAN_ARG_CAP_SET;
  if (is_value) pool.numbers[REDAN_FIELD_VALUE].push_back(value.number);
  pool.numbers[REDAN_FIELD_FILE_TYPE].push_back(value.file_type);
  pool.numbers[REDAN_FIELD_FAMILY].push_back(socket.family);
  pool.numbers[REDAN_FIELD_PROTOCOL].push_back(socket.protocol);
  pool.numbers[REDAN_FIELD_STATE].push_back(socket.state);
  pool.numbers[REDAN_FIELD_SPORT].push_back(socket.sport);
  pool.numbers[REDAN_FIELD_DPORT].push_back(socket.dport);
  pool.texts.push_back(value.text);
  for (const auto& address : {socket.saddr, socket.daddr}) (socket.family == 10 ? pool.v6 : pool.v4).push_back(address);
}

std::string Generator::selector(const OperatorInfo* first) {
  std::vector<std::string> parts, filters;
  if (!shape_.everywhere.empty()) parts.push_back(shape_.everywhere);
  if (first) filters.push_back(arg_filter(0, *first));
  const uint64_t dice = below(10);
  const size_t wanted = dice < 5 ? 1 : dice < 8 ? 2 : dice < 9 ? 3 : 5;
  while (filters.size() < std::min(wanted, kMostFilters)) {
    const size_t position = below(shape_.args.size());
    const auto fitting = operators_of(*shape_.args[position].type);
    if (fitting.empty()) break;
    filters.push_back(arg_filter(position, *pick(fitting)));
  }
  if (!filters.empty() && (first || !one_in(20))) parts.push_back("matchArgs: " + flow(filters));
  if (shape_.returned && !one_in(3)) parts.push_back(fmt::format("matchReturnArgs: [{}]", return_filter()));
  if (shape_.filters_processes) parts.push_back(process_filters());
  if (one_in(6)) parts.push_back("matchActions: [{action: NoPost}]");
  std::erase(parts, "");
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

std::string Generator::arg_filter(size_t position, const OperatorInfo& op) {
  if (op.family == OperatorFamily::kGained) {
    std::vector<size_t> sets;
    for (size_t i = 0; i < shape_.args.size(); ++i)
      if ((shape_.args[i].type->matching & policy::kMatchCapabilities) != 0) sets.push_back(i);
    return fmt::format("{{args: [{}, {}], operator: {}}}", pick(sets), pick(sets), op.name);
  }
  const Values values = values_of(*shape_.args[position].type, op, pools_[position]);
  const std::string where =
      one_in(3) ? fmt::format("args: [{}]", position) : fmt::format("index: {}", shape_.args[position].index);
  return fmt::format("{{{}, operator: {}, values: {}}}", where, op.name, flow(quoted(values)));
}

std::string Generator::return_filter() {
  const OperatorInfo& op = *pick(operators_of(*shape_.returned));
  const Values values = values_of(*shape_.returned, op, pools_.back());
  return fmt::format("{{index: 0, operator: {}, values: {}}}", op.name, flow(quoted(values)));
}

size_t Generator::how_many() {
  const uint64_t dice = below(20);
  if (dice == 0) return 0;
  return dice < 9 ? 1 : dice < 16 ? 2 + below(3) : 5 + below(8);
}

Generator::Values Generator::values_of(const ArgTypeInfo& type, const OperatorInfo& op, Pool& pool) {
  Values values;
  if (op.family == OperatorFamily::kPrivileged) return values;
  const size_t count = how_many();
  // Beyond four ranges their members are listed one by one; a list may bring some.
  const bool is_narrow = count > 4 || (op.family == OperatorFamily::kMap && type.extraction == REDAN_ARG_SYSCALL);
  for (size_t i = 0; i < count; ++i) values.push_back(value_of(type, op, pool, is_narrow));
  return values;
}

std::string Generator::value_of(const ArgTypeInfo& type, const OperatorInfo& op, Pool& pool, bool is_narrow) {
  const bool is_text = (type.matching & policy::kMatchText) != 0;
  const bool is_capabilities = (type.matching & policy::kMatchCapabilities) != 0;
  switch (op.family) {
    case OperatorFamily::kEqual:
      if (is_text) return text_value(type, REDAN_OP_TEXT, pool);
      [[fallthrough]];
    case OperatorFamily::kNumber:
      return is_capabilities ? capabilities_text(pool) : number_text(type, filter_number(type, pool), false);
    case OperatorFamily::kRange: return range_text(type, pool, false, is_narrow);
    case OperatorFamily::kMap:
      if (type.extraction == REDAN_ARG_SYSCALL && !shape_.tail.empty() && one_in(4)) return "list:calls";
      return one_in(2) ? number_text(type, filter_number(type, pool), true) : range_text(type, pool, true, is_narrow);
    case OperatorFamily::kText: return text_value(type, op.op, pool);
    case OperatorFamily::kAddress: return address_value(pool);
    case OperatorFamily::kPort:
    case OperatorFamily::kNamed: return small_value(op.family, op.field, pool);
    case OperatorFamily::kFileType: return file_type_value(pool);
    case OperatorFamily::kPrivileged:
    case OperatorFamily::kGained:
    case OperatorFamily::kSubString:
    case OperatorFamily::kExpression: break;
  }
  return "";
}

// --- values of filters ---

uint64_t Generator::number_near(std::vector<uint64_t>& pool) {
  if (pool.empty() || one_in(4)) return one_in(2) ? pick(kEdges) : below(20);
  return pick(pool) + below(3) - 1;
}

uint64_t Generator::filter_number(const ArgTypeInfo& type, Pool& pool) {
  auto& numbers = pool.numbers[REDAN_FIELD_VALUE];
  uint64_t number = number_near(numbers);
  if (type.is_signed && one_in(4)) number = uint64_t{0} - below(20);
  // What is written must fit 32 bits, which may be more than the argument has.
  if (is_narrow_type(type))
    number = type.is_signed ? static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(number)))
                            : static_cast<uint32_t>(number);
  numbers.push_back(number);
  return number;
}

std::string Generator::number_text(const ArgTypeInfo& type, uint64_t number, bool is_decimal) {
  const bool is_negative = type.is_signed && static_cast<int64_t>(number) < 0;
  const std::string sign = is_negative ? "-" : "";
  const uint64_t magnitude = is_negative ? uint64_t{0} - number : number;
  switch (is_decimal ? 0 : below(8)) {
    case 4: return sign + fmt::format("{:#x}", magnitude);
    case 5: return sign + fmt::format("0{:o}", magnitude);
    case 6: return sign + fmt::format("0o{:o}", magnitude);
    case 7: return sign + fmt::format("{:#b}", magnitude);
    default: return sign + fmt::format("{}", magnitude);
  }
}

std::string Generator::range_text(const ArgTypeInfo& type, Pool& pool, bool is_decimal, bool is_narrow) {
  const uint64_t flip = type.is_signed ? uint64_t{1} << 63 : 0;
  uint64_t low = filter_number(type, pool), high = filter_number(type, pool);
  if (is_narrow) {
    const uint64_t limit = is_narrow_type(type) ? (type.is_signed ? 0x7fffffff : 0xffffffff)
                                                : (type.is_signed ? ~uint64_t{0} >> 1 : ~uint64_t{0});
    const uint64_t room = (limit ^ flip) - (low ^ flip);
    high = low + std::min<uint64_t>(below(40), room);
    pool.numbers[REDAN_FIELD_VALUE].push_back(high);
  }
  const bool is_reversed = (low ^ flip) > (high ^ flip);
  if (is_reversed != one_in(8)) std::swap(low, high);
  return number_text(type, low, is_decimal) + ":" + number_text(type, high, is_decimal);
}

std::string Generator::capabilities_text(Pool& pool) {
  auto& numbers = pool.numbers[REDAN_FIELD_VALUE];
  uint64_t mask = 0;
  if (one_in(2)) {
    mask = number_near(numbers);
    numbers.push_back(mask);
    return fmt::format("{:#x}", mask);
  }
  std::vector<std::string> names;
  for (uint64_t i = 0; i <= below(3); ++i) {
    const policy::NamedNumber& capability = pick(policy::capability_names());
    mask |= uint64_t{1} << capability.number;
    names.emplace_back(capability.name);
  }
  numbers.push_back(mask);
  return fmt::format("{}", fmt::join(names, ","));
}

std::string Generator::small_value(OperatorFamily family, redan_field field, Pool& pool) {
  auto& numbers = pool.numbers[field];
  const uint64_t most = family == OperatorFamily::kPort ? 65535 : field == REDAN_FIELD_PROTOCOL ? 300 : 60;
  const auto names = field == REDAN_FIELD_PROTOCOL ? policy::protocol_names()
                     : field == REDAN_FIELD_FAMILY ? policy::family_names()
                                                   : policy::state_names();
  if (family == OperatorFamily::kNamed && one_in(2)) {
    const policy::NamedNumber& named = pick(names);
    numbers.push_back(named.number);
    return std::string(named.name);
  }
  const auto number = [&] {
    numbers.push_back(std::min(one_in(3) ? number_near(numbers) : below(most), most));
    return numbers.back();
  };
  const uint64_t first = number();
  return one_in(2) ? fmt::format("{}", first) : fmt::format("{}:{}", first, number());
}

std::string Generator::file_type_value(Pool& pool) {
  const policy::NamedNumber& named = pick(policy::file_type_names());
  pool.numbers[REDAN_FIELD_FILE_TYPE].push_back(named.number);
  return std::string(named.name);
}

std::string Generator::address_value(Pool& pool) {
  const bool is_v6 = one_in(2);
  const auto address = this->address(is_v6 ? 10 : 2, pool);
  (is_v6 ? pool.v6 : pool.v4).push_back(address);
  const std::string text = address_text(address, is_v6);
  return one_in(3) ? text : fmt::format("{}/{}", text, below(is_v6 ? 129 : 33));
}

std::string Generator::changed(std::string text) {
  const size_t at = text.empty() ? 0 : below(text.size());
  switch (below(6)) {
    case 0: return text.substr(0, at);
    case 1: return text.substr(at);
    case 2: return text + static_cast<char>('a' + below(3));
    case 3: return static_cast<char>('a' + below(3)) + text;
    case 4:
      if (!text.empty()) text[at] = static_cast<char>('a' + below(4));
      return text;
    default: return text;
  }
}

std::string Generator::fresh_text(redan_arg_type type) {
  constexpr std::array<size_t, 16> kLengths = {0, 1, 2, 3, 5, 8, 14, 15, 16, 107, 126, 128, 251, 253, 255, 300};
  const bool is_path = is_path_type(type);
  std::string text(pick(kLengths), 'a');
  for (char& c : text) c = static_cast<char>('a' + below(3));
  if (is_path)
    for (size_t i = 0; i < text.size(); i += 1 + below(30)) text[i] = '/';
  if (is_path && one_in(8)) text += " (deleted)";
  if (is_rare(10)) make_long(text);
  const bool has_nul = type == REDAN_ARG_BYTES || type == REDAN_ARG_SOCKADDR_UN;
  if (has_nul && !text.empty() && one_in(4)) text[one_in(2) ? 0 : below(text.size())] = '\0';
  return text;
}

// So long that it is compared in pieces.
void Generator::make_long(std::string& text) {
  constexpr std::array<size_t, 12> kLengths = {REDAN_PIECE,
                                               REDAN_EQUAL_SHORT,
                                               REDAN_EQUAL_SHORT + 1,
                                               REDAN_PIECE + 2,
                                               2 * REDAN_PIECE - 1,
                                               2 * REDAN_PIECE,
                                               2 * REDAN_PIECE + 1,
                                               3 * REDAN_PIECE - 1,
                                               3 * REDAN_PIECE,
                                               1000,
                                               2047,
                                               4000};
  const size_t length = kLengths[rare_() % kLengths.size()];
  // Some repeat themselves, so that only the order of the pieces tells them apart.
  const bool repeats = is_rare(3) && !text.empty();
  for (size_t i = 0; text.size() < length; ++i)
    text += repeats ? text[i] : i % 100 == 99 ? '/' : static_cast<char>('a' + rare_() % 3);
}

std::string Generator::text_near(redan_arg_type type, Pool& pool) {
  if (one_in(12)) return "";
  if (pool.texts.empty() || one_in(4)) return fresh_text(type);
  return changed(pick(pool.texts));
}

std::string Generator::text_value(const ArgTypeInfo& type, redan_op op, Pool& pool) {
  std::string text = text_near(type.extraction, pool);
  if (type.extraction == REDAN_ARG_SOCKADDR_UN && text.starts_with('\0')) {  // as it will be seen, or its beginning
    if (op == REDAN_OP_TEXT)
      text.resize(text.find_last_not_of('\0') == std::string::npos ? 1 : text.find_last_not_of('\0') + 1);
  }
  const size_t most = op == REDAN_OP_TEXT     ? &pool == &process_pool_ ? REDAN_EQUAL_SHORT : REDAN_EQUAL_MAX
                      : op == REDAN_OP_PREFIX ? REDAN_PREFIX_MAX
                                              : REDAN_POSTFIX_MAX;
  if (text.size() > most) text = op == REDAN_OP_POSTFIX ? text.substr(text.size() - most) : text.substr(0, most);
  const bool trims =
      type.extraction != REDAN_ARG_BYTES && (op == REDAN_OP_POSTFIX || type.extraction == REDAN_ARG_STRING);
  if (trims && op != REDAN_OP_PREFIX) {
    text.resize(text.find_last_not_of('\0') + 1);
    if (text.empty() && op == REDAN_OP_POSTFIX) text = "a";
  }
  pool.texts.push_back(text);
  if (trims && op != REDAN_OP_PREFIX && !text.empty() && text.size() < most && one_in(10)) text += '\0';
  return text;
}

// --- filters of the process ---

std::string Generator::process_filters() {
  std::vector<std::string> parts;
  if (one_in(6)) parts.push_back(binary_filter());
  const bool has_pids = shape_.everywhere.find("matchPIDs") != std::string::npos;
  if (!has_pids && one_in(6)) parts.push_back(pid_filter());
  if (one_in(8)) parts.push_back(namespace_filter());
  if (one_in(8)) parts.push_back(capability_filter());
  if (shape_.filters_changes && is_rare(4)) parts.push_back(change_filters());
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string Generator::binary_filter() {
  struct Row {
    std::string_view name;
    redan_op op;
  };
  constexpr std::array kRows = {Row{"In", REDAN_OP_TEXT},         Row{"NotIn", REDAN_OP_TEXT},
                                Row{"Prefix", REDAN_OP_PREFIX},   Row{"NotPrefix", REDAN_OP_PREFIX},
                                Row{"Postfix", REDAN_OP_POSTFIX}, Row{"NotPostfix", REDAN_OP_POSTFIX}};
  const Row& row = pick(kRows);
  Values values;
  for (uint64_t i = 0; i <= below(4); ++i)
    values.push_back(text_value(*policy::find_arg_type("file"), row.op, process_pool_));
  return fmt::format("matchBinaries: [{{operator: {}, values: {}}}]", row.name, flow(quoted(values)));
}

std::string Generator::pid_filter() {
  std::vector<std::string> entries;
  for (uint64_t n = 0; n <= below(2); ++n) {
    std::vector<std::string> values;
    for (size_t i = how_many(); i > 0; --i) {
      const bool is_known = shape_.process && one_in(2);
      values.push_back(std::to_string(is_known ? pick(shape_.process->levels).pid : below(9)));
    }
    entries.push_back(fmt::format("{{operator: {}, followForks: {}, isNamespacePID: {}, values: {}}}",
                                  one_in(2) ? "In" : "NotIn", one_in(2), one_in(2), flow(values)));
  }
  return "matchPIDs: " + flow(entries);
}

std::string Generator::namespace_filter() {
  constexpr std::array<std::string_view, 10> kNames = {
      "Uts", "Ipc", "Mnt", "Pid", "PidForChildren", "Net", "Time", "TimeForChildren", "Cgroup", "User"};
  std::vector<std::string> entries;
  for (uint64_t n = 0; n <= below(2); ++n) {
    Values values;
    for (uint64_t i = 0; i <= below(4); ++i) {
      const bool is_known = shape_.process && one_in(2);
      const uint64_t inode = is_known ? pick(shape_.process->namespaces.inum) : 1 + below(6);
      values.push_back(one_in(3) ? "host_ns" : std::to_string(inode));
    }
    entries.push_back(fmt::format("{{namespace: {}, operator: {}, values: {}}}", pick(kNames),
                                  one_in(2) ? "In" : "NotIn", flow(quoted(values))));
  }
  return "matchNamespaces: " + flow(entries);
}

std::string Generator::capability_filter() {
  constexpr std::array<std::string_view, 3> kSets = {"Effective", "Inheritable", "Permitted"};
  Values values;
  for (uint64_t i = 0; i <= below(3); ++i) values.emplace_back(pick(policy::capability_names()).name);
  return fmt::format("matchCapabilities: [{{type: {}, operator: {}, isNamespaceCapability: {}, values: {}}}]",
                     pick(kSets), one_in(2) ? "In" : "NotIn", one_in(3), flow(values));
}

std::string Generator::change_filters() {
  constexpr std::array<std::string_view, 10> kNames = {
      "Uts", "Ipc", "Mnt", "Pid", "PidForChildren", "Net", "Time", "TimeForChildren", "Cgroup", "User"};
  constexpr std::array<std::string_view, 3> kSets = {"Effective", "Inheritable", "Permitted"};
  const auto op = [&] { return is_rare(2) ? "In" : "NotIn"; };
  std::vector<std::string> parts;
  Values namespaces, capabilities;
  for (uint64_t i = 0; i <= rare_() % 4; ++i) namespaces.emplace_back(kNames[rare_() % kNames.size()]);
  for (uint64_t i = 0; i <= rare_() % 4; ++i)
    capabilities.emplace_back(policy::capability_names()[rare_() % policy::capability_names().size()].name);
  const bool is_of_namespaces = is_rare(2);
  if (is_of_namespaces)
    parts.push_back(fmt::format("matchNamespaceChanges: [{{operator: {}, values: {}}}]", op(), flow(namespaces)));
  if (!is_of_namespaces || is_rare(4))
    parts.push_back(
        fmt::format("matchCapabilityChanges: [{{type: {}, operator: {}, isNamespaceCapability: {}, values: {}}}]",
                    kSets[rare_() % kSets.size()], op(), is_rare(3), flow(capabilities)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

// --- calls ---

Observation Generator::call() {
  Observation call;
  call.process = shape_.process ? *shape_.process : process();
  if (shape_.scenarios.empty()) {
    for (size_t i = 0; i < shape_.args.size(); ++i) call.args.push_back(value(shape_.args[i], pools_[i]));
  } else {
    scenario_ = below(shape_.scenarios.size());
    call.args = shape_.scenarios[scenario_];
  }
  if (shape_.returned) call.returned = shape_.result ? *shape_.result : value({.type = shape_.returned}, pools_.back());
  call.host = shape_.host;
  return call;
}

Observed Generator::value(const ShapeArg& arg, Pool& pool) {
  const ArgTypeInfo& type = *arg.type;
  if (!arg.choices.empty()) return pick(arg.choices);
  Observed value;
  const bool is_number = type.is_number() || type.extraction == REDAN_ARG_SYSCALL;
  // What is in a register or in a tracepoint's record is always there.
  value.is_readable = is_number || type.extraction == REDAN_ARG_DATA_LOC || !one_in(12);
  value.number = widened(type, number_near(pool.numbers[REDAN_FIELD_VALUE]));
  if (!is_number && one_in(3)) value.number |= number_near(pool.numbers[REDAN_FIELD_VALUE]);  // a capability set
  const auto& types = pool.numbers[REDAN_FIELD_FILE_TYPE];
  value.file_type = types.empty() || one_in(2) ? static_cast<uint32_t>(below(13)) : static_cast<uint32_t>(pick(types));
  value.socket = socket(type.extraction, pool);
  value.text = possible_text(type.extraction, text_near(type.extraction, pool));
  if (type.extraction == REDAN_ARG_PATH && value.text.empty()) value.file_type = 4;  // the root
  if (type.extraction == REDAN_ARG_SOCKADDR_UN && value.socket.family != 1) value.text.clear();
  if (type.extraction == REDAN_ARG_BYTES && value.text.empty()) value.is_readable = true;  // nothing is read
  return value;
}

std::array<uint8_t, 16> Generator::address(uint32_t family, Pool& pool) {
  const auto& known = family == 10 ? pool.v6 : pool.v4;
  const size_t bytes = family == 10 ? 16 : 4;
  std::array<uint8_t, 16> address{};
  if (known.empty() || one_in(4)) {
    for (size_t i = 0; i < bytes; ++i) address[i] = static_cast<uint8_t>(one_in(2) ? below(3) : below(256));
    return address;
  }
  address = pick(known);
  if (one_in(3)) return address;
  const uint64_t bit = below(8 * bytes);
  address[bit / 8] ^= static_cast<uint8_t>(0x80U >> (bit % 8));
  return address;
}

policy::ObservedSocket Generator::socket(redan_arg_type type, Pool& pool) {
  const auto near = [&](redan_field field, uint64_t end) {
    return static_cast<uint32_t>(number_near(pool.numbers[field]) % end);
  };
  policy::ObservedSocket socket;
  constexpr std::array<uint32_t, 6> kFamilies = {2, 2, 10, 10, 1, 16};
  socket.family = one_in(6) ? near(REDAN_FIELD_FAMILY, 46) : pick(kFamilies);
  if (type == REDAN_ARG_SOCKADDR_UN && !one_in(4)) socket.family = 1;
  const bool is_ip = socket.family == 2 || socket.family == 10;
  if (type == REDAN_ARG_SKB && !is_ip) return {};
  socket.protocol = near(REDAN_FIELD_PROTOCOL, type == REDAN_ARG_SKB ? 256 : 300);
  // Others are headers that a packet's protocol stands behind.
  constexpr std::array<uint32_t, 5> kHeaders = {0, 43, 44, 51, 60};
  const bool is_header = std::ranges::find(kHeaders, socket.protocol) != kHeaders.end();
  if (type == REDAN_ARG_SKB && (is_header || one_in(2))) socket.protocol = one_in(2) ? 6 : 17;
  socket.state = near(REDAN_FIELD_STATE, 13);
  if (!is_ip) return socket;
  socket.sport = near(REDAN_FIELD_SPORT, 65536);
  socket.dport = near(REDAN_FIELD_DPORT, 65536);
  if (type == REDAN_ARG_SKB && socket.protocol != 6 && socket.protocol != 17) socket.sport = socket.dport = 0;
  socket.saddr = address(socket.family, pool);
  socket.daddr = address(socket.family, pool);
  return socket;
}

policy::ObservedProcess Generator::process() {
  policy::ObservedProcess process;
  const uint64_t levels = 1 + below(4), in_namespace = one_in(2) ? 0 : below(levels + 1);
  for (uint64_t i = 0; i < levels; ++i) {
    const auto ns_pid = i < in_namespace ? 1 + below(8) : 0;
    process.levels.push_back({static_cast<uint32_t>(1 + below(8)), static_cast<uint32_t>(ns_pid)});
  }
  process.levels.push_back({0, 0});  // the idle task
  std::string binary = possible_text(REDAN_ARG_FILE, text_near(REDAN_ARG_FILE, process_pool_));
  if (!binary.empty() && !one_in(8)) process.binary = std::move(binary);
  process.effective = random_() & random_();
  process.inheritable = random_() & random_() & random_();
  process.permitted = process.effective | random_();
  process.is_in_other_user_ns = one_in(2);
  for (__u32& inode : process.namespaces.inum) inode = static_cast<__u32>(1 + below(10));
  change(process);
  return process;
}

void Generator::change(policy::ObservedProcess& process) {
  for (unsigned ns = 0; ns < REDAN_NS_COUNT; ++ns)
    if (is_rare(5)) process.namespace_changes |= uint64_t{1} << ns;
  for (uint64_t* set : {&process.effective_changes, &process.inheritable_changes, &process.permitted_changes})
    if (!is_rare(3)) *set = rare_() & rare_() & rare_() & 0x1ffffffffff;
}

}  // namespace redan::test
