#include "start_options.hpp"

#include <algorithm>

namespace attnewton {
namespace {

const std::vector<std::string> rules = {"zero", "random", "least-squares"};

}  // namespace

std::vector<std::string> StartOptions::files() const {
  std::vector<std::string> files;
  for (const std::string& word : words) {
    if (std::find(rules.begin(), rules.end(), word) == rules.end()) files.push_back(word);
  }
  return files;
}

void add_start(OptionTable& table, const std::string& name, StartOptions& options,
               const std::string& default_help) {
  const std::string help =
      "The point: zero; random (scores of standard deviation about 1 and, with attention, outputs the size "
      "of "
      "B, from --seed); least-squares (attention: X zero, Y the best one for it); or the files of the "
      "unknowns. "
      "Attention's Y file is not used with projected variables; with joint ones Y is the best one for X if "
      "no "
      "file is given. ";
  table.choice_or_paths(name, "zero|random|least-squares|X.npy [Y.npy]", options.words, rules,
                        help + default_help);
}

}  // namespace attnewton
