// Keeps what a solve tells of its iterations.
#pragma once

#include <vector>

#include "attnewton/solver/iteration.hpp"

namespace attnewton::testing_support {

class Recorder : public IterationObserver {
 public:
  void on_iteration(const IterationRecord& record) override { records.push_back(record); }
  std::vector<IterationRecord> records;
};

}  // namespace attnewton::testing_support
