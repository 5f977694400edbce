#include <fmt/format.h>

#include "attnewton/core/error.hpp"

#include "attention_input.hpp"
#include "option_text.hpp"

namespace attnewton {

void add_attention_input(OptionTable& table, AttentionInputOptions& options) {
  table.group("Problem");
  table.choice<ProblemKind>("problem", options.kind, {{"attention", ProblemKind::attention}},
                            "What to fit: one attention layer, min ½‖softmax(scale A1 X A2ᵀ) A3 Y − B‖².");
  table.path("a1", "FILE", options.a1,
             "A1, the queries' inputs: n × d1, .npy of float32 or float64. Required.");
  table.path("a2", "FILE", options.a2, "A2, the keys' inputs: m × d2. A1 if not given.");
  table.path("a3", "FILE", options.a3, "A3, the values' inputs: m × d3. A2 if not given.");
  table.path("b", "FILE", options.b, "B, the output to fit: n × e. Required.");
  table.path(
      "offsets", "FILE", options.offsets,
      "First query row of each sequence and, last, n: 1-D .npy of integers. One sequence if not given.");
  table.path("key-offsets", "FILE", options.key_offsets,
             "The same for the rows of A2 and A3, where these have others than A1. Those of --offsets if not "
             "given.");
  table.flag("append-ones", options.append_ones,
             "Append a column of ones to A1, A2 and A3: biases become rows and columns of X and Y.");
  table.flag("causal", options.causal, "Query j of a sequence sees its keys up to j only.");
  table.number("scale", options.scale, {}, "Factor of the logits A1 X A2ᵀ.");
  table.number("ridge", options.ridge, {.at_least = 0},
               "λ of the regulariser ½λ‖X‖² + ½λ‖Y‖². X = 0 without a mask needs it: all rows then see the "
               "same mean.");
  table.number_or_path(
      "weights", options.weights, {.at_least = 0},
      "w of the weighted regulariser ½‖W A1 X A2ᵀ‖² + ½‖W A3 Y‖², W = diag(w): a number for all "
      "rows, or a 1-D .npy with one for each (then n = m). None if not given or 0.");
}

void check_attention_input(const AttentionInputOptions& options) {
  if (options.a1.empty()) throw UsageError("--a1 FILE is missing: the queries' inputs A1 (.npy)");
  if (options.b.empty()) throw UsageError("--b FILE is missing: the output B to fit (.npy)");
  if (!options.key_offsets.empty() && options.offsets.empty())
    throw UsageError(
        "--key-offsets needs --offsets: the sequences of the queries and of the keys go together");
}

std::vector<std::pair<std::string, std::string>> attention_files(const AttentionInputOptions& options) {
  std::vector<std::pair<std::string, std::string>> files;
  const auto add = [&files](const char* option, const std::string& path) {
    if (!path.empty()) files.emplace_back(option, path);
  };
  add("a1", options.a1);
  add("a2", options.a2);
  add("a3", options.a3);
  add("b", options.b);
  add("offsets", options.offsets);
  add("key-offsets", options.key_offsets);
  if (!parse_number(options.weights)) add("weights", options.weights);
  return files;
}

}  // namespace attnewton
