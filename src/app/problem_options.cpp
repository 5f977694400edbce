#include "problem_options.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/matrix_file.hpp"

#include "option_text.hpp"

namespace attnewton {
namespace {

constexpr auto attention = ProblemKind::attention;
constexpr auto multi_softmax = ProblemKind::multi_softmax;
constexpr auto regression = ProblemKind::regression;
constexpr auto two_layer = ProblemKind::two_layer;

void add_matrices(OptionTable& table, ProblemOptions& options) {
  const std::string formats = fmt::format("Formats, by ending: {}.", matrix_endings());
  table.path("a", "FILE", options.a, "A, n × d, dense or sparse. " + formats)
      .goes_with(with_problems(options, {regression}));
  table
      .path("a1", "FILE", options.a1,
            "A1, n × d1, required: the queries' inputs, .npy of float32 or float64; with two-layer the "
            "matrix of "
            "the inner scores, in any format that --a takes.")
      .goes_with(with_problems(options, {attention, multi_softmax, two_layer}));
  table
      .path("a2", "FILE", options.a2,
            "A2, .npy: the keys' inputs, m × d2, A1 if not given; with two-layer the outer layer, m × n, "
            "required.")
      .goes_with(with_problems(options, {attention, multi_softmax, two_layer}));
  table.path("a3", "FILE", options.a3, "A3, the values' inputs: m × d3. A2 if not given.")
      .goes_with(with_problems(options, {attention}));
  table.path(
      "b", "FILE", options.b,
      "What is to be fitted. Attention: the output B, n × e, .npy; multi-softmax: B, n × m, .npy. "
      "Regression: the target b, n numbers in one column, or see --target-column; two-layer: m numbers.");
}

void add_attention_rows(OptionTable& table, ProblemOptions& options) {
  const OptionScope scope = with_problems(options, {attention});
  table
      .path("offsets", "FILE", options.offsets,
            "First query row of each sequence and, last, n: 1-D .npy of integers. One sequence if not given.")
      .goes_with(scope);
  table
      .path("key-offsets", "FILE", options.key_offsets,
            "The same for the rows of A2 and A3, where these have others than A1. Those of --offsets if not "
            "given.")
      .goes_with(scope);
  table.flag("causal", options.causal, "Query j of a sequence sees its keys up to j only.").goes_with(scope);
  table.number("scale", options.scale, {}, "Factor of the logits A1 X A2ᵀ.")
      .goes_with(with_problems(options, {attention, multi_softmax}));
}

void add_regularisers(OptionTable& table, ProblemOptions& options) {
  table.flag(
      "append-ones", options.append_ones,
      "Append a column of ones, after --standardise, to A or A1, and with queries and keys to A2 and A3: "
      "biases become unknowns (rows and columns of X and Y).");
  table.number(
      "ridge", options.ridge, {.at_least = 0},
      "λ of the regulariser ½λ‖X‖² + ½λ‖Y‖², or ½λ‖x‖². With attention X = 0 without a mask needs it: "
      "all rows then see the same mean.");
  table.number_or_path(
      "weights", options.weights, {.at_least = 0},
      "w of the weighted regulariser ½‖W A1 X A2ᵀ‖² + ½‖W A3 Y‖², or ½‖W A x‖², W = diag(w): a number for "
      "all "
      "rows, or a 1-D .npy with one for each (attention: then n = m). Multi-softmax has the first term of "
      "the "
      "two. None if not given or 0.");
}

void check_attention(const ProblemOptions& options) {
  if (options.a1.empty()) throw UsageError("--a1 FILE is missing: the queries' inputs A1 (.npy)");
  if (options.b.empty()) throw UsageError("--b FILE is missing: the output B to fit (.npy)");
  if (!options.key_offsets.empty() && options.offsets.empty())
    throw UsageError(
        "--key-offsets needs --offsets: the sequences of the queries and of the keys go together");
}

void check_two_matrices(const ProblemOptions& options) {
  if (options.a1.empty()) throw UsageError("--a1 FILE is missing: the matrix A1");
  if (options.kind == two_layer && options.a2.empty())
    throw UsageError("--a2 FILE is missing: the outer layer A2, m x n (.npy)");
  if (options.b.empty()) throw UsageError("--b FILE is missing: the target");
}

void check_regression(const ProblemOptions& options) {
  if (options.a.empty())
    throw UsageError(fmt::format("--a FILE is missing: the matrix A ({})", matrix_endings()));
  if (!options.b.empty() && !options.target_column.empty())
    throw UsageError("--b and --target-column contradict each other: both say what is b; give one of them");
  const bool has_labels = matrix_format(options.a) == MatrixFormat::libsvm;
  if (options.b.empty() && options.target_column.empty() && !has_labels)
    throw UsageError(
        "there is no target: give --b FILE, or --target-column for a column of A's file (a LIBSVM file's "
        "labels need neither)");
}

}  // namespace

const char* to_string(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::attention:
      return "attention";
    case ProblemKind::multi_softmax:
      return "multi-softmax";
    case ProblemKind::regression:
      return "regression";
    case ProblemKind::two_layer:
      break;
  }
  return "two-layer";
}

OptionScope with_problems(const ProblemOptions& options, const std::vector<ProblemKind>& kinds) {
  std::vector<std::string> names;
  names.reserve(kinds.size());
  for (const ProblemKind kind : kinds) names.emplace_back(to_string(kind));
  return {fmt::format("--problem {}", fmt::join(names, ", ")),
          [&options, kinds] { return std::find(kinds.begin(), kinds.end(), options.kind) != kinds.end(); }};
}

void add_functions(OptionTable& table, ProblemOptions& options) {
  table
      .text("link", "exp|cosh|sinh|soft-residual|power:BETA|identity", options.link,
            "φ of the scores z = A x: e^z, cosh z, sinh z, e^z + z, z^β or z.",
            [](const std::string& word) { link_named(word); })
      .goes_with(with_problems(options, {regression}));
  table
      .choice<Normalisation>(
          "normalisation", options.normalisation,
          {{"none", Normalisation::none},
           {"rescaled", Normalisation::rescaled},
           {"softmax", Normalisation::softmax}},
          "The residual of u = φ(z), α its sum: u − b (none), u − α b (rescaled) or u/α − b (softmax); with "
          "multi-softmax of each row of u = exp(scale A1 X A2ᵀ).")
      .goes_with(with_problems(options, {regression, multi_softmax}));
  table
      .choice<Activation>("activation", options.activation,
                          {{to_string(Activation::relu), Activation::relu},
                           {to_string(Activation::identity), Activation::identity},
                           {to_string(Activation::tanh), Activation::tanh},
                           {to_string(Activation::sigmoid), Activation::sigmoid}},
                          "σ of the outer layer.")
      .goes_with(with_problems(options, {two_layer}));
}

void add_columns(OptionTable& table, ProblemOptions& options) {
  const OptionScope by_rows = with_problems(options, {regression, two_layer});
  table
      .text("target-column", "NAME|N", options.target_column,
            "The column of A's file that is b, by its name in a csv header or its number from 0 (-1: the "
            "last); "
            "the others are A. Without it and --b a LIBSVM file's labels are b.",
            [](const std::string& word) {
              if (word.empty()) throw UsageError("the name is empty");
            })
      .goes_with(with_problems(options, {regression}));
  table
      .flag(
          "standardise", options.standardise,
          "Replace the columns of A, or A1, by z-scores (mean 0, standard deviation 1; constant ones become "
          "0). Means and deviations are stored with the result. Dense matrices only.")
      .goes_with(by_rows);
  table
      .choice<CsvHeader>(
          "csv-header", options.csv_header,
          {{"auto", CsvHeader::automatic}, {"yes", CsvHeader::yes}, {"no", CsvHeader::no}},
          "Whether csv files begin with a line of names; auto: if a field of the first line is no number.")
      .goes_with(by_rows);
}

void add_problem_kind(OptionTable& table, ProblemOptions& options, const std::string& help) {
  table.choice<ProblemKind>("problem", options.kind,

                            {{to_string(attention), attention},
                             {to_string(multi_softmax), multi_softmax},
                             {to_string(regression), regression},
                             {to_string(two_layer), two_layer}},
                            help);
}

void add_problem_options(OptionTable& table, ProblemOptions& options) {
  table.group("Problem");
  add_problem_kind(
      table, options,
      "What to fit: one attention layer, min ½‖softmax(scale A1 X A2ᵀ) A3 Y − B‖²; a multiple softmax "
      "regression, min ½‖softmax(scale A1 X A2ᵀ) − B‖²; a regression on one vector, min ½‖φ(A x) − b‖² and "
      "its "
      "normalised forms; or a two-layer regression, min ½‖σ(A2 softmax(A1 x)) − b‖².");
  add_matrices(table, options);
  add_functions(table, options);
  add_columns(table, options);
  add_attention_rows(table, options);
  add_regularisers(table, options);
}

void add_variables(OptionTable& table, ProblemOptions& options) {
  table
      .choice<AttentionVariables>(
          "variables", options.variables,
          {{"projected", AttentionVariables::projected}, {"joint", AttentionVariables::joint}},
          "Solve for X alone, with the best Y for each X (variable projection), or for X and Y together.")
      .goes_with(with_problems(options, {attention}));
}

void add_precision(OptionTable& table, ProblemOptions& options, const OptionScope& scope,
                   const std::string& help) {
  table
      .choice<Precision>(
          "precision", options.precision,
          {{to_string(Precision::full), Precision::full}, {to_string(Precision::mixed), Precision::mixed}},
          help)
      .goes_with(scope);
}

void check_problem_options(const ProblemOptions& options) {
  if (options.kind == attention) check_attention(options);
  if (options.kind == regression) check_regression(options);
  if (options.kind == two_layer || options.kind == multi_softmax) check_two_matrices(options);
}

LinkFunction link_named(const std::string& word) {
  const std::vector<std::string> names = {"exp", "cosh", "sinh", "soft-residual", "identity"};
  constexpr std::string_view power = "power:";
  if (word.starts_with(power)) {
    const auto exponent = parse_number(std::string_view(word).substr(power.size()));
    if (!exponent) throw UsageError(fmt::format("'{}': after 'power:' stands a number, as in power:2", word));
    return {Link::power, *exponent};
  }
  for (const Link link : {Link::exp, Link::cosh, Link::sinh, Link::soft_residual, Link::identity}) {
    if (word == to_string(link)) return {link};
  }
  throw UsageError(fmt::format("'{}' is not one of its values: {}, power:BETA{}", word,
                               fmt::join(names, ", "), did_you_mean(word, names)));
}

std::vector<std::pair<std::string, std::string>> problem_files(const ProblemOptions& options) {
  std::vector<std::pair<std::string, std::string>> files;
  const auto add = [&files](const char* option, const std::string& path) {
    if (!path.empty()) files.emplace_back(option, path);
  };
  add("a", options.a);
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
