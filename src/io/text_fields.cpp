#include "text_fields.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include <fmt/format.h>

#include "line_reader.hpp"
#include "npy_header.hpp"

namespace attnewton {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::size_t longest_number = 1024;  // the digits of any double written out in full

// from_chars knows no '+'.
std::string_view without_plus(std::string_view field) {
  const bool plus = field.size() > 1 && field[0] == '+' && field[1] != '-' && field[1] != '+';
  return plus ? field.substr(1) : field;
}

struct Parsed {
  double value = 0;
  bool whole_field = false;
  bool out_of_range = false;
};

Parsed parse(std::string_view field) {
  const auto digits = without_plus(field);
  const auto* const end = digits.data() + digits.size();
  Parsed parsed;
  const auto [stop, error] = std::from_chars(digits.data(), end, parsed.value);
  parsed.out_of_range = error == std::errc::result_out_of_range;
  parsed.whole_field = stop == end && (error == std::errc{} || parsed.out_of_range);
  return parsed;
}

[[noreturn]] void refuse_text(std::string_view field) {
  if (field.empty()) throw LineError(field, "a number is missing here");
  const bool comma = field.find(',') != std::string_view::npos;
  throw LineError(
      field, quoted_for_message(field) + " is not a number" + (comma ? ": the decimal sign is a point" : ""));
}

// A number whose exponent is negative is out of range because it is too small.
bool vanishes(std::string_view field) {
  const auto exponent = field.find_first_of("eE");
  return exponent != std::string_view::npos && field.substr(exponent + 1).starts_with('-');
}

void refuse_overlong(std::string_view field) {
  if (field.size() <= longest_number) return;
  throw LineError(field, fmt::format("a field of {} characters, {}: a number has at most {}", field.size(),
                                     quoted_for_message(field), longest_number));
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  const auto word = rest.substr(0, rest.find_first_of(blanks));
  rest.remove_prefix(word.size());
  return word;
}

void require_end_of_line(std::string_view rest, std::string_view wanted) {
  const auto word = take_word(rest);
  if (word.empty()) return;
  throw LineError(word, fmt::format("{} follows where the line should end: it holds {}",
                                    quoted_for_message(word), wanted));
}

bool is_number(std::string_view field) {
  return field.size() <= longest_number && parse(field).whole_field;
}

double finite_number(std::string_view field) {
  refuse_overlong(field);
  const Parsed parsed = parse(field);
  if (!parsed.whole_field) refuse_text(field);
  if (parsed.out_of_range && vanishes(field)) return 0;
  const bool digits = field.find_first_of("0123456789") != std::string_view::npos;
  if (parsed.out_of_range || (std::isinf(parsed.value) && digits)) {
    throw LineError(field, quoted_for_message(field) + " is outside the range of a double");
  }
  if (!std::isfinite(parsed.value)) {
    throw LineError(field, quoted_for_message(field) + ": only finite numbers are taken");
  }
  return parsed.value;
}

Index whole_number(std::string_view field, std::string_view what) {
  refuse_overlong(field);
  const auto digits = without_plus(field);
  const auto* const end = digits.data() + digits.size();
  Index value = 0;
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error == std::errc::result_out_of_range) {
    throw LineError(field, fmt::format("the {} {} overflows 64 bits", what, quoted_for_message(field)));
  }
  if (error != std::errc{} || stop != end) {
    throw LineError(field, fmt::format("the {} {} is not a whole number", what, quoted_for_message(field)));
  }
  return value;
}

}  // namespace attnewton
