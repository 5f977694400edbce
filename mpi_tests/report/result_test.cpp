#include "attnewton/report/result.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace attnewton {
namespace {

using Json = nlohmann::json;

SolveResult example_result() {
  SolveSummary summary;
  summary.status = SolveStatus::max_iterations;
  summary.reason = "the limit was reached";
  summary.iterations = 7;
  summary.initial_loss = 100;
  summary.initial_gradient_norm = 10;
  summary.gradient_norm = std::nan("");
  summary.seconds = 1.5;
  summary.point = std::make_unique<Point>(Vector::Zero(2), Objective{3, 2, 0.5});
  SolveResult result = result_of(summary);
  result.last_method = "newton-cg";
  result.problem = "attention";
  result.sizes = {{"rows", 12}, {"unknowns", 4}};
  result.peak_memory_bytes = 1024;
  result.ranks = 2;
  result.threads_per_rank = 3;
  result.options = {{"tolerance", 1e-8, true},
                    {"causal", true, false},
                    {"max-iterations", Index{100}, false},
                    {"init", std::vector<std::string>{"x.npy", "y.npy"}, true},
                    {"out", std::string("results \xff"), false}};
  result.timing = {"total", {1, 1, 1}, {1, 2, 3}, {{"load", {0, 0.5, 1}, {0, 1, 2}, {}}}};
  result.provenance.hosts = {"a", "b"};
  result.provenance.inputs = {{"a1", "a1.npy", "xxh3:0123456789abcdef"}};
  return result;
}

TEST(Result, HasWhatTheSummaryTells) {
  const Json json = Json::parse(result_json(example_result()));
  EXPECT_EQ(json["status"], "max_iterations");
  EXPECT_EQ(json["reason"], "the limit was reached");
  EXPECT_EQ(json["problem"], "attention");
  EXPECT_EQ(json["iterations"], 7);
  EXPECT_EQ(json["last_method"], "newton-cg");
  EXPECT_EQ(json["loss"], 3.0);
  EXPECT_EQ(json["data_loss"], 2.0);
  EXPECT_EQ(json["relative_residual"], 0.5);
  EXPECT_EQ(json["initial_loss"], 100.0);
  EXPECT_EQ(json["gradient_norm"], "nan");
  EXPECT_EQ(json["initial_gradient_norm"], 10.0);
  EXPECT_EQ(json["seconds"], 1.5);
  EXPECT_EQ(json["peak_memory_bytes"], 1024);
  EXPECT_EQ(json["ranks"], 2);
  EXPECT_EQ(json["threads_per_rank"], 3);
  EXPECT_EQ(json["sizes"]["unknowns"], 4);
}

TEST(Result, OptionsKeepTheirTypesAndSayWhichWereGiven) {
  const Json options = Json::parse(result_json(example_result()))["options"];
  EXPECT_EQ(options["used"].size(), 5U);
  EXPECT_EQ(options["given"].size(), 2U);
  EXPECT_TRUE(options["used"]["causal"].is_boolean());
  EXPECT_TRUE(options["used"]["max-iterations"].is_number_integer());
  EXPECT_EQ(options["given"]["tolerance"], 1e-8);
  EXPECT_EQ(options["given"]["init"], Json::array({"x.npy", "y.npy"}));
}

TEST(Result, TimingIsATreeWithMinMeanAndMax) {
  const Json timing = Json::parse(result_json(example_result()))["timing"];
  EXPECT_EQ(timing["name"], "total");
  EXPECT_EQ(timing["seconds"]["mean"], 2.0);
  EXPECT_EQ(timing["phases"][0]["name"], "load");
  EXPECT_EQ(timing["phases"][0]["calls"]["min"], 0.0);
  EXPECT_TRUE(timing["phases"][0]["phases"].empty());
}

TEST(Result, ReferenceIsThereOnlyWhenCompared) {
  SolveResult result = example_result();
  EXPECT_FALSE(Json::parse(result_json(result)).contains("reference"));
  result.reference = ReferenceReport{
      {{"x_error", 1}, {"x_error_seen", 2}, {"logit_error", 3}, {"y_error", 4}, {"y_error_seen", 5}}, ""};
  const Json reference = Json::parse(result_json(result))["reference"];
  EXPECT_EQ(reference["x_error"], 1.0);
  EXPECT_EQ(reference["x_error_seen"], 2.0);
  EXPECT_EQ(reference["logit_error"], 3.0);
  EXPECT_EQ(reference["y_error"], 4.0);
  EXPECT_EQ(reference["y_error_seen"], 5.0);
}

TEST(Result, ProvenanceKnowsBuildLibrariesAndHosts) {
  const Provenance provenance = collect_provenance(Communicator::world());
  EXPECT_FALSE(provenance.build.version.empty());
  EXPECT_FALSE(provenance.mpi_library.empty());
  EXPECT_FALSE(provenance.blas.empty());
  EXPECT_EQ(provenance.utc_time.size(), std::string("2024-01-01T00:00:00Z").size());
  ASSERT_EQ(provenance.hosts.size(), 1U);  // the tests run on one host
  EXPECT_EQ(provenance.hosts[0], host_name());
  const Json json = Json::parse(result_json(example_result()))["provenance"];
  for (const char* key : {"version", "git_commit", "compiler", "build_type", "mpi", "blas", "hosts",
                          "utc_time", "command", "seed", "inputs"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["inputs"]["a1"]["hash"], "xxh3:0123456789abcdef");
}

}  // namespace
}  // namespace attnewton
