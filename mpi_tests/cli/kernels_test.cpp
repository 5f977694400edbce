// The environment variable that chooses the kernels' instruction set.
#include <stdlib.h>

#include <gtest/gtest.h>

#include "cli_run.hpp"

namespace attnewton::cli {
namespace {

// The programs that a test starts have ATTNEWTON_KERNELS=value.
class KernelsVariable {
 public:
  explicit KernelsVariable(const char* value) { ::setenv(name, value, 1); }
  ~KernelsVariable() { ::unsetenv(name); }
  KernelsVariable(const KernelsVariable&) = delete;
  KernelsVariable& operator=(const KernelsVariable&) = delete;

 private:
  static constexpr const char* name = "ATTNEWTON_KERNELS";
};

class CliKernels : public CliTest {};

TEST_F(CliKernels, ANameThatIsNoneIsAUsageErrorThatSaysWhatIs) {
  const std::string data = generate("data");
  const KernelsVariable variable("sse9");
  const std::vector<std::string> parts = {"ATTNEWTON_KERNELS", "'sse9'", "portable"};
  for (const int ranks : {1, 2, 4}) {
    expect_error(run(ranks, {"check", "--a1", data + "/a1.npy", "--b", data + "/b.npy"}), 2, parts);
    expect_error(run(ranks, {"solve", "--config", data + "/solve.ini", "--out", path("run")}), 2, parts,
                 path("run"));
    expect_error(run(ranks, {"generate", "--out", path("more")}), 2, parts, path("more"));
  }
}

TEST_F(CliKernels, ADifferentCaseIsNoName) {
  const KernelsVariable variable("AVX2");
  expect_error(run(2, {"generate", "--out", path("more")}), 2, {"'AVX2'", "portable"}, path("more"));
}

TEST_F(CliKernels, NothingAndTheSlowestWorkEverywhere) {
  const std::string data = generate("data");
  for (const char* value : {"", "portable"}) {
    const KernelsVariable variable(value);
    const Outcome outcome = run(2, {"check", "--a1", data + "/a1.npy", "--b", data + "/b.npy"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  }
}

}  // namespace
}  // namespace attnewton::cli
