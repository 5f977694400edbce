// GoogleTest's main for MPI: every rank runs every test; a test fails on all ranks when it fails on one; rank
// 0 prints the progress, other ranks only their failures.
#include <iostream>
#include <memory>

#include <gtest/gtest.h>

#include "attnewton/parallel/communicator.hpp"
#include "attnewton/parallel/threads.hpp"

namespace {

// Prints this rank's failed expectations with the rank's number.
class FailurePrinter : public testing::EmptyTestEventListener {
 public:
  explicit FailurePrinter(int rank) : rank_(rank) {}

 private:
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::cerr << "[rank " << rank_ << "] " << (result.file_name() != nullptr ? result.file_name() : "") << ":"
              << result.line_number() << ": " << result.message() << std::endl;
  }
  int rank_;
};

// Lets all ranks agree on a test's outcome before the next one starts.
class AgreeOnOutcome : public testing::EmptyTestEventListener {
 private:
  void OnTestEnd(const testing::TestInfo& info) override {
    const auto comm = attnewton::Communicator::world();
    const bool failed_here = info.result()->Failed();
    const auto failed = comm.sum(attnewton::Index{failed_here ? 1 : 0});
    if (failed > 0 && !failed_here) ADD_FAILURE() << info.name() << " failed on another rank";
  }
};

}  // namespace

int main(int argc, char** argv) {
  const attnewton::MpiEnvironment mpi(&argc, &argv);
  testing::InitGoogleTest(&argc, argv);
  const auto comm = attnewton::Communicator::world();
  attnewton::prepare_blas(2);
  const attnewton::ThreadLimit threads(2);

  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  if (!comm.is_root()) {
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(std::make_unique<FailurePrinter>(comm.rank()).release());
  }
  listeners.Append(std::make_unique<AgreeOnOutcome>().release());
  const int status = RUN_ALL_TESTS();
  const bool ran = testing::UnitTest::GetInstance()->test_to_run_count() > 0;
  if (!ran && comm.is_root()) std::cerr << "no test ran\n";
  return comm.max(attnewton::Index{status != 0 || !ran ? 1 : 0}) == 0 ? 0 : 1;
}
