#include "check/name_numbers.h"

#include <charconv>
#include <system_error>

#include "base/text.h"

namespace shardwright {

std::vector<NameNumber> numbers_of(std::string_view name) {
  std::vector<NameNumber> numbers;
  std::size_t begin = 0;
  for (const std::string_view part : split(name, '.')) {
    std::int32_t value = 0;
    const char* last = part.data() + part.size();
    const auto [end, error] = std::from_chars(part.data(), last, value);
    const bool plain = part.size() == 1 || !part.starts_with('0');
    if (error == std::errc{} && end == last && value >= 0 && plain) {
      numbers.push_back({begin, begin + part.size(), value});
    }
    begin += part.size() + 1;
  }
  return numbers;
}

std::string with_number(std::string_view name, const NameNumber& number, std::int64_t value) {
  std::string changed(name);
  changed.replace(number.begin, number.end - number.begin, std::to_string(value));
  return changed;
}

std::string without_numbers(std::string_view name) {
  std::string folded;
  std::size_t from = 0;
  for (const NameNumber& number : numbers_of(name)) {
    folded.append(name.substr(from, number.begin - from)).push_back('*');
    from = number.end;
  }
  return folded.append(name.substr(from));
}

}  // namespace shardwright
