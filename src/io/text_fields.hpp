// Fields of a line of text as numbers, whatever the locale. All are local and throw LineError with the
// field's place.
#pragma once

#include <string_view>

#include "attnewton/core/types.hpp"

namespace attnewton {

/// `text` without blanks and tabs at its ends; if nothing is left, an empty view inside `text`.
std::string_view trimmed(std::string_view text);

/// Takes the blanks and then the word at the beginning of `rest`; an empty view at its end if there is none.
std::string_view take_word(std::string_view& rest);

/// LineError if `rest` has a word left: `wanted` says what the line should hold.
void require_end_of_line(std::string_view rest, std::string_view wanted);

/// True for what from_chars takes as a floating-point number, NaN and infinities and a sign '+' included.
bool is_number(std::string_view field);

/// The field as a double, the nearest one, zero for what is too small. LineError for text, an empty field,
/// NaN and infinities, what is too large for a double, and fields of more than 1024 characters.
double finite_number(std::string_view field);

/// The field as an integer in decimal; `what` names it in messages. LineError for all else and beyond 64
/// bits.
Index whole_number(std::string_view field, std::string_view what);

}  // namespace attnewton
