// One message and one code when all ranks fail; the end of the job when some wait for the one that failed.
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cli_run.hpp"

namespace attnewton::cli {
namespace {

TEST(CliErrors, AllRanksFailingAlikeSpeakOnce) {
  for (const int ranks : {1, 2, 4})
    expect_error(run_program(ATTNEWTON_FAILING_PROGRAM, ranks, {"alike"}), 3, {"the same on all ranks\n"});
}

TEST(CliErrors, DifferentErrorsAreAllSaid) {
  const Outcome outcome = run_program(ATTNEWTON_FAILING_PROGRAM, 3, {"differently"});
  EXPECT_EQ(outcome.exit_code, 3);
  for (const char* message : {"rank 0 has", "rank 1 has", "rank 2 has"})
    EXPECT_EQ(count(outcome.err, message), 1) << outcome.err;
}

TEST(CliErrors, ALoneFailureEndsTheJobAndNamesTheRank) {
  for (const int ranks : {2, 4})
    expect_error(run_program(ATTNEWTON_FAILING_PROGRAM, ranks, {"alone"}), 3,
                 {fmt::format("only here (on rank {}", ranks - 1)});
}

TEST(CliErrors, WithoutAnErrorTheCodeIsTheWorks) {
  const Outcome outcome = run_program(ATTNEWTON_FAILING_PROGRAM, 2, {});
  EXPECT_EQ(outcome.exit_code, 4);
  EXPECT_EQ(count(outcome.err, "attnewton"), 0) << outcome.err;
}

}  // namespace
}  // namespace attnewton::cli
