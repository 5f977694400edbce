// Options of methods and Hessians where they make no sense: refused by name, before anything is read.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "planted_attention.hpp"

namespace attnewton::cli {
namespace {

struct Refusal {
  Words words;
  Words parts;  // of the message
};

const Words attention = {"solve", "--a1", "a.npy", "--b", "b.npy"};
const Words regression = {"solve", "--problem", "regression", "--a", "a.npy", "--b", "b.npy"};
const Words two_layer = {"solve", "--problem", "two-layer", "--a1", "a.npy",
                         "--a2",  "a2.npy",    "--b",       "b.npy"};

class CliScope : public CliTest {
 protected:
  void expect_refusals(const Words& problem, const std::vector<Refusal>& refusals) const {
    for (const Refusal& refusal : refusals)
      expect_error(run(2, joined(joined(problem, {"--out", path("out")}), refusal.words)), 2, refusal.parts,
                   path("out"));
  }
};

TEST_F(CliScope, OptionsOfAMethodNeedIt) {
  expect_refusals(
      attention,
      {{{"--hessian", "exact"}, {"--hessian", "--method newton"}},
       {{"--method", "lbfgs", "--hessian", "exact"}, {"--hessian", "--method newton"}},
       {{"--method", "newton", "--preconditioner", "none"},
        {"--preconditioner", "--method newton-cg, lbfgs"}},
       {{"--preconditioner", "exact"}, {"--preconditioner", "--method newton-cg, lbfgs"}},
       {{"--method", "newton", "--lbfgs-memory", "5"}, {"--lbfgs-memory", "--method auto, lbfgs"}},
       {{"--method", "lbfgs", "--initial-shift", "1"},
        {"--initial-shift", "--method auto, newton, newton-cg"}},
       {{"--method", "lbfgs", "--max-trials", "5"}, {"--max-trials", "newton-cg"}},
       {{"--method", "newton", "--max-products", "5"}, {"--max-products", "--method auto, newton-cg"}},
       {{"--method", "lbfgs", "--largest-forcing", "0.1"}, {"--largest-forcing", "newton-cg"}},
       {{"--method", "newton", "--keep-preconditioner", "2"}, {"--keep-preconditioner", "newton-cg"}},
       {{"--method", "lbfgs", "--precision", "mixed"}, {"--precision", "--method auto, newton, newton-cg"}}});
}

TEST_F(CliScope, OptionsOfSketchesNeedOne) {
  expect_refusals(
      joined(attention, {"--method", "newton"}),
      {{{"--sketch-rows", "100"}, {"--sketch-rows", "a sampled or sketched Hessian"}},
       {{"--sketch-rows", "auto"}, {"--sketch-rows", "a sampled or sketched Hessian"}},
       {{"--hessian", "gauss-newton", "--sampling", "norm"}, {"--sampling", "a sampled Hessian"}},
       {{"--hessian", "tensor-srht", "--sampling", "norm"}, {"--sampling", "a sampled Hessian"}},
       {{"--hessian", "tensor-srht", "--fixed-sample"}, {"--fixed-sample", "a sampled Hessian"}},
       {{"--hessian", "kronecker", "--sketch-distortion", "1"}, {"--sketch-distortion", "sketched"}},
       {{"--hessian", "sampled", "--sketch-rows", "9", "--sketch-distortion", "1"},
        {"--sketch-distortion", "--sketch-rows auto"}},
       {{"--hessian", "tensor-sparse", "--sketch-distortion", "2"},
        {"--sketch-distortion is 2", "--hessian tensor-sparse", "at most 1"}},
       {{"--hessian", "kronecker", "--precision", "mixed"}, {"--precision mixed", "--hessian kronecker"}}});
  expect_refusals(attention,
                  {{{"--method", "newton-cg", "--sketch-rows", "9"}, {"--sketch-rows", "sketched Hessian"}},
                   {{"--method", "lbfgs", "--sketch-rows", "9"}, {"--sketch-rows", "sketched Hessian"}}});
}

TEST_F(CliScope, APreconditionerMustFitTheMethodAndTheVariables) {
  for (const char* kind : {"sampled", "exact", "y-block", "tensor-srht"})
    expect_refusals(attention,
                    {{{"--method", "lbfgs", "--preconditioner", kind}, {"--preconditioner", kind, "lbfgs"}}});
  expect_refusals(attention, {{{"--method", "newton-cg", "--preconditioner", "y-block"},
                               {"--preconditioner y-block", "--variables joint"}}});
}

TEST_F(CliScope, RegressionsHaveFewerHessians) {
  for (const char* kind : {"kronecker", "tensor-srht", "tensor-sparse"}) {
    const Words parts = {kind, "--problem attention"};
    expect_refusals(regression, {{{"--method", "newton", "--hessian", kind}, parts},
                                 {{"--method", "newton-cg", "--preconditioner", kind}, parts}});
  }
  expect_refusals(
      regression,
      {{{"--method", "newton-cg", "--preconditioner", "y-block"}, {"--preconditioner y-block", "attention"}},
       {{"--method", "lbfgs", "--preconditioner", "kronecker"}, {"--preconditioner kronecker", "attention"}},
       {{"--sampling", "norm"}, {"--sampling", "a sampled Hessian"}},
       {{"--method", "newton", "--hessian", "sampled", "--fixed-sample"}, {"--fixed-sample", "attention"}},
       {{"--method", "newton", "--hessian", "sampled", "--sampled-form", "exact"},
        {"--sampled-form", "attention"}},
       {{"--method", "newton", "--hessian", "sampled", "--sketch-distortion", "1"},
        {"--sketch-distortion", "attention"}}});
  expect_refusals(two_layer,
                  {{{"--method", "newton", "--hessian", "sampled"}, {"--hessian sampled", "regression"}},
                   {{"--method", "newton-cg", "--preconditioner", "sampled"},
                    {"--preconditioner sampled", "regression"}}});
}

TEST_F(CliScope, ValuesOutOfRangeAreNamed) {
  expect_refusals(attention, {{{"--method", "bfgs"}, {"--method", "'bfgs'", "did you mean 'lbfgs'?"}},
                              {{"--lbfgs-memory", "0"}, {"--lbfgs-memory", "0", "at least 1"}},
                              {{"--largest-forcing", "1"}, {"--largest-forcing", "at most 0.99"}},
                              {{"--max-products", "0"}, {"--max-products", "at least 1"}},
                              {{"--sketch-rows", "0"}, {"--sketch-rows", "at least 1"}},
                              {{"--sketch-rows", "many"}, {"--sketch-rows", "'many'", "auto"}},
                              {{"--sketch-distortion", "0"}, {"--sketch-distortion", "above 0"}},
                              {{"--keep-preconditioner", "-1"}, {"--keep-preconditioner", "at least 0"}}});
}

}  // namespace
}  // namespace attnewton::cli
