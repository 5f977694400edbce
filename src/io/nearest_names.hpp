// What someone may have meant who gave a name that is not there.
#pragma once

#include <string>
#include <vector>

namespace attnewton {

/// "did you mean A, B or C?": up to three of `names`, those that contain `word` or differ from it in at most
/// a third of its letters, nearest first; if none does, the first few of all. For messages: names are cut and
/// made printable.
std::string nearest_names_text(const std::string& word, const std::vector<std::string>& names);

}  // namespace attnewton
