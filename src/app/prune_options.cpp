#include "prune_options.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/safetensors.hpp"

#include "run_setup.hpp"

namespace attnewton {
namespace {

constexpr double default_ratio = 0.5;

bool is_asked_for(const PruneOptions& options, PruningMethod method) {
  return std::find(options.methods.begin(), options.methods.end(), method) != options.methods.end();
}

OptionScope with_method(const PruneOptions& options, PruningMethod method) {
  return {"--method " + to_string(method), [&options, method] { return is_asked_for(options, method); }};
}

OptionScope with_factors(const PruneOptions& options) {
  return {"--wq and --wk", [&options] { return !options.wq.empty() || !options.wk.empty(); }};
}

void add_inputs(OptionTable& table, PruneOptions& options) {
  const OptionScope factors = with_factors(options);
  table.group("Layer");
  table.path("x", "FILE", options.x, "X, the layer's inputs: n x d, an npy file. Required.");
  table.path("offsets", "FILE", options.offsets,
             "First row of each sequence in X and, last, the number of rows; one sequence if not given.");
  table.path("wq", "FILE", options.wq,
             "Query weights of all heads, outputs x inputs as models store them (q = x Wq^T + bq): npy, or "
             "MODEL.safetensors:NAME.");
  table.path(
      "wk", "FILE", options.wk,
      "Key weights likewise; fewer heads than queries have are shared by them in order (grouped-query).");
  table
      .path("bq", "FILE", options.bq,
            "Query biases, kept as they are. Key biases do not change a softmax and are not asked for.")
      .goes_with(factors);
  table.integer("heads", options.heads, {.at_least = 1}, "Query heads that Wq holds.").goes_with(factors);
  table.path("w", "FILE", options.w,
             "Fused weights W = Wq Wk^T of one head, d x d (inputs x inputs), in place of --wq and --wk.");
  table.flag("causal", options.causal, "Query j of a sequence sees its keys up to j only.");
  table.number("scale", options.scale, {.at_least = 0, .above_least = true},
               "Factor of the logits; 1/sqrt(head width) with --wq and --wk, 1 with --w, if not given.");
}

void add_heldout(OptionTable& table, PruneOptions& options) {
  table.group("Held-out inputs");
  table.path("heldout", "FILE", options.heldout,
             "Inputs that no method sees and errors are measured on as well.");
  table.path("heldout-offsets", "FILE", options.heldout_offsets, "Their sequences, as --offsets.")
      .goes_with({"--heldout", [&options] { return !options.heldout.empty(); }});
  table.number("heldout-fraction", options.heldout_fraction, {.at_least = 0, .at_most = 1},
               "Share of X's sequences, spread evenly, that is held out instead.");
}

void add_methods(OptionTable& table, PruneOptions& options) {
  table.group("Method");
  table.choices<PruningMethod>(
      "method", options.methods,
      {{"refit", PruningMethod::refit},
       {"attention", PruningMethod::attention},
       {"magnitude", PruningMethod::magnitude},
       {"wanda", PruningMethod::wanda},
       {"sparsegpt", PruningMethod::sparsegpt}},
      "refit: the support by ADMM on the attention maps, the weights that stay fitted to them by Newton-CG; "
      "attention: a learned mask (2410.11261); magnitude, wanda (2306.11695), sparsegpt (2301.00774): the "
      "projections alone. Several make a table.");
  table
      .choice<PrunedForm>(
          "form", options.form, {{"factors", PrunedForm::factors}, {"fused", PrunedForm::fused}},
          "What is pruned: Wq and Wk, which a model stores and runs, or W = Wq Wk^T of each head.")
      .goes_with(with_factors(options));
  table.numbers("ratio", options.ratios, {.at_least = 0, .at_most = 1},
                fmt::format("Shares of the weights that go, below 1; {} or the pattern's if not given.",
                            default_ratio));
  table.text("pattern", "PATTERN", options.pattern,
             "unstructured, or N:M: N of every M consecutive inputs of an output stay (2:4, 4:8).",
             [](const std::string& word) { parse_pattern(word); });
}

void add_refit(OptionTable& table, PruneOptions& options) {
  const OptionScope refit = with_method(options, PruningMethod::refit);
  PruningOptions& pruning = options.pruning;
  table.group("Refit");
  table
      .number(
          "ridge", pruning.refit.ridge, {.at_least = 0},
          "Pull of the weights towards the dense ones, against a Hessian of diagonal 1 (docs/pruning.md).")
      .goes_with(refit);
  table
      .number("prior", pruning.refit.prior, {.at_least = 0},
              "Pull likewise, but of the logits of all pairs of inputs: what the calibration does not show.")
      .goes_with(refit);
  table
      .integer("search-iterations", pruning.search.iterations, {.at_least = 0, .at_most = 100000},
               "Of ADMM in search of the support; 0: the largest weights in units of the Hessian's diagonal.")
      .goes_with(refit);
  table
      .number("penalty", pruning.search.first_penalty, {.at_least = 0, .above_least = true},
              "First penalty of ADMM, against a Hessian of diagonal 1.")
      .goes_with(refit);
  table
      .number("penalty-growth", pruning.search.penalty_growth, {.at_least = 1},
              "Factor of the penalty an iteration.")
      .goes_with(refit);
  table
      .number("tolerance", pruning.refit.tolerance, {.at_least = 0, .at_most = 1, .above_least = true},
              "The refit ends when its gradient has fallen to this share.")
      .goes_with(refit);
  table
      .integer("max-iterations", pruning.refit.max_iterations, {.at_least = 0},
               "Newton steps of the refit at most.")
      .goes_with(refit);
}

void add_mask_learning(OptionTable& table, PruneOptions& options) {
  const OptionScope attention = with_method(options, PruningMethod::attention);
  MaskLearningOptions& learning = options.pruning.mask_learning;
  table.group("Learned mask");
  table.number("lambda", learning.ridge, {.at_least = 0}, "lambda of 1/2 lambda |M|^2.").goes_with(attention);
  table
      .number("momentum", learning.momentum, {.at_least = 0, .at_most = 0.999},
              "Of the gradient descent on M.")
      .goes_with(attention);
  table
      .choice<MaskStep>(
          "mask-step", learning.step,
          {{"backtracking", MaskStep::backtracking}, {"lipschitz", MaskStep::lipschitz}},
          "Step length: found by backtracking, or 1/L of the gradient's Lipschitz constant (fused).")
      .goes_with(attention);
  table.integer("mask-iterations", learning.max_iterations, {.at_least = 0}, "Steps of the descent at most.")
      .goes_with(attention);
  table
      .choice<MaskScores>("scores", options.pruning.scores,
                          {{"mask-weight", MaskScores::mask_weight}, {"mask", MaskScores::mask}},
                          "What weights are ordered by: |M o W|, or M as published.")
      .goes_with(attention);
}

void add_sparsegpt(OptionTable& table, PruneOptions& options) {
  const OptionScope sparsegpt = with_method(options, PruningMethod::sparsegpt);
  SparseGptOptions& fields = options.pruning.sparsegpt;
  table.group("SparseGPT");
  table
      .number("sparsegpt-damping", fields.damping, {.at_least = 0, .above_least = true},
              "Added to the diagonal of X^T X, as a share of its mean.")
      .goes_with(sparsegpt);
  table.integer("sparsegpt-block", fields.block, {.at_least = 1}, "Inputs whose mask is chosen together.")
      .goes_with(sparsegpt);
}

void add_running(OptionTable& table, PruneOptions& options) {
  table.group("Running and output");
  table.path("out", "DIR", options.out,
             "Folder for masks and weights, result.json and effective.ini; with several methods or ratios "
             "each has a "
             "folder METHOD-RATIO in it.");
  table.path("safetensors", "FILE", options.safetensors,
             "Copy of the model's file that --wq and --wk name, with the pruned weights in place of theirs.");
  add_config(table, options.config);
  add_threads(table, options.threads);
  table.flag("quiet", options.quiet, "Print warnings and errors only.");
  table.flag("verbose", options.verbose,
             "Print every iteration, the heads' errors, and where the time went.");
}

}  // namespace

void add_prune_options(OptionTable& table, PruneOptions& options) {
  add_inputs(table, options);
  add_heldout(table, options);
  add_methods(table, options);
  add_refit(table, options);
  add_mask_learning(table, options);
  add_sparsegpt(table, options);
  add_running(table, options);
}

void check_prune_options(const PruneOptions& options) {
  if (options.x.empty()) throw UsageError("--x FILE is missing: the layer's inputs");
  const bool has_factors = !options.wq.empty() || !options.wk.empty();
  if (options.w.empty() && !has_factors) throw UsageError("give the weights: --wq and --wk, or --w");
  if (!options.w.empty() && has_factors)
    throw UsageError("--w and --wq, --wk exclude each other: give one of them");
  if (has_factors && (options.wq.empty() || options.wk.empty()))
    throw UsageError("--wq and --wk go together: give both");
  if (!options.heldout.empty() && options.heldout_fraction > 0)
    throw UsageError("--heldout and --heldout-fraction exclude each other: give one of them");
  if (options.heldout_fraction >= 1)
    throw UsageError("--heldout-fraction is 1: no sequence would be left to see");
  if (options.quiet && options.verbose)
    throw UsageError("--quiet and --verbose contradict each other: give one of them");
  const bool is_fused = !options.w.empty() || options.form == PrunedForm::fused;
  if (!is_fused && options.pruning.mask_learning.step == MaskStep::lipschitz)
    throw UsageError("--mask-step lipschitz goes with --form fused alone: no constant is known for factors");
  const auto runs = runs_of(options);
  if (options.safetensors.empty()) return;
  const auto query = split_tensor_path(options.wq);
  const auto key = split_tensor_path(options.wk);
  if (!query || !key || query->file != key->file)
    throw UsageError(
        "--safetensors copies a model's file: --wq and --wk must name tensors of one, "
        "MODEL.safetensors:NAME");
  if (is_fused) throw UsageError("--safetensors goes with --form factors: a model's file holds Wq and Wk");
  if (runs.size() > 1) throw UsageError("--safetensors takes one --method and one --ratio");
}

std::vector<PruningOptions> runs_of(const PruneOptions& options) {
  const Pattern pattern = parse_pattern(options.pattern);
  std::vector<std::optional<double>> ratios(options.ratios.begin(), options.ratios.end());
  if (ratios.empty()) {
    ratios.push_back(pattern.kind == PatternKind::unstructured ? std::optional<double>(default_ratio)
                                                               : std::nullopt);
  }
  std::vector<PruningOptions> runs;
  for (const PruningMethod method : options.methods) {
    for (const auto& ratio : ratios) {
      PruningOptions run = options.pruning;
      run.method = method;
      run.pattern = pattern;
      run.ratio = removed_share(pattern, ratio);
      run.search.ridge = run.refit.ridge;
      run.search.prior = run.refit.prior;
      runs.push_back(run);
    }
  }
  return runs;
}

}  // namespace attnewton
