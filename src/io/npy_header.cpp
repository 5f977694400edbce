#include "npy_header.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"

namespace attnewton {
namespace {

// Reads the one dict that the format allows; not a parser of Python.
class HeaderReader {
 public:
  HeaderReader(const std::string& path, std::string_view text) : path_(path), text_(text) {}

  NpyHeader dict() {
    expect('{', "'{'");
    while (!take('}')) {
      entry();
      if (!take(',')) {
        expect('}', "',' or '}'");
        break;
      }
    }
    skip_blanks();
    if (place_ != text_.size()) fail("nothing but blanks after '}'");
    if (!has_descr_ || !has_order_ || !has_shape_) {
      throw DataError(path_ + ": the npy header lacks one of 'descr', 'fortran_order' and 'shape': " +
                      quoted_for_message(text_));
    }
    return header_;
  }

 private:
  [[noreturn]] void fail(std::string_view expected) const {
    throw DataError(fmt::format("{}: the npy header is damaged at its byte {}: expected {}, found {}", path_,
                                place_, expected, quoted_for_message(text_.substr(place_))));
  }

  void skip_blanks() {
    while (place_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[place_]) != std::string_view::npos) {
      ++place_;
    }
  }

  bool take(char wanted) {
    skip_blanks();
    if (place_ >= text_.size() || text_[place_] != wanted) return false;
    ++place_;
    return true;
  }

  bool take_word(std::string_view word) {
    skip_blanks();
    if (!text_.substr(place_).starts_with(word)) return false;
    place_ += word.size();
    return true;
  }

  void expect(char wanted, std::string_view expected) {
    if (!take(wanted)) fail(expected);
  }

  void entry() {
    const std::string key = quoted();
    expect(':', "':'");
    bool* seen = key == "descr"           ? &has_descr_
                 : key == "fortran_order" ? &has_order_
                 : key == "shape"         ? &has_shape_
                                          : nullptr;
    if (seen == nullptr || *seen) {
      throw DataError(fmt::format("{}: the npy header has the key {} {}", path_, quoted_for_message(key),
                                  seen == nullptr ? "which the format does not know" : "twice"));
    }
    *seen = true;
    if (seen == &has_descr_) header_.descr = descr();
    if (seen == &has_order_) header_.fortran_order = boolean();
    if (seen == &has_shape_) header_.shape = tuple();
  }

  std::string quoted() {
    const char quote = take('\'') ? '\'' : '"';
    if (quote == '"') expect('"', "a quoted string");
    const auto end = text_.find(quote, place_);
    if (end == std::string_view::npos) fail("a closing quote");
    const auto content = text_.substr(place_, end - place_);
    place_ = end + 1;
    return std::string(content);
  }

  std::string descr() {
    skip_blanks();
    if (place_ < text_.size() && text_[place_] == '[') {
      throw DataError(path_ + ": holds records (a structured dtype): save each field as a file of its own");
    }
    return quoted();
  }

  bool boolean() {
    if (take_word("True")) return true;
    if (!take_word("False")) fail("True or False");
    return false;
  }

  std::vector<Index> tuple() {
    expect('(', "a tuple such as (3, 4)");
    std::vector<Index> numbers;
    while (!take(')')) {
      numbers.push_back(number());
      if (take(',')) continue;
      if (numbers.size() == 1) fail("',' as the shape is a tuple");
      expect(')', "',' or ')'");
      break;
    }
    return numbers;
  }

  Index number() {
    skip_blanks();
    const char* begin = text_.data() + place_;
    Index value = 0;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error == std::errc::invalid_argument) fail("a number");
    const std::string digits = quoted_for_message({begin, end});
    if (error == std::errc::result_out_of_range) {
      throw DataError(fmt::format("{}: the shape in the npy header overflows 64 bits: {}", path_, digits));
    }
    if (value < 0) throw DataError(fmt::format("{}: the npy header has a negative shape: {}", path_, digits));
    place_ += static_cast<std::size_t>(end - begin);
    take('L');  // as Python 2 wrote its long integers
    return value;
  }

  const std::string& path_;
  std::string_view text_;
  std::size_t place_ = 0;
  NpyHeader header_;
  bool has_descr_ = false;
  bool has_order_ = false;
  bool has_shape_ = false;
};

}  // namespace

NpyHeader parse_npy_header(const std::string& path, std::string_view text) {
  return HeaderReader(path, text).dict();
}

std::string npy_preamble(std::string_view descr, std::span<const Index> shape) {
  // Two 64-bit numbers at their longest still fit: like NumPy, a multiple of 64 bytes, and here always two.
  constexpr std::size_t total_bytes = 128;
  constexpr std::size_t dict_bytes = total_bytes - 10;
  static_assert(dict_bytes < 256, "the length is in one byte");
  std::string dict =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", descr, npy_shape_text(shape));
  require(dict.size() < dict_bytes, "npy_preamble: one or two dimensions");
  dict.resize(dict_bytes - 1, ' ');
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(dict_bytes) + '\0' + dict + '\n';
}

std::string npy_shape_text(std::span<const Index> shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

std::string quoted_for_message(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string shown(text.substr(0, longest));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return "\"" + shown + (text.size() > longest ? "...\"" : "\"");
}

}  // namespace attnewton
