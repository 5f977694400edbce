#include "attnewton/core/timing.hpp"

#include <algorithm>

#include "attnewton/core/error.hpp"

namespace attnewton {

TimingTree::TimingTree() : open_{&root_} {
  root_.name = "total";
  root_.calls = 1;
}

void TimingTree::enter(std::string_view name) {
  auto& siblings = open_.back()->children;
  auto found =
      std::find_if(siblings.begin(), siblings.end(), [name](const auto& node) { return node->name == name; });
  if (found == siblings.end()) {
    siblings.push_back(std::make_unique<TimingNode>());
    siblings.back()->name = name;
    found = std::prev(siblings.end());
  }
  ++(*found)->calls;
  open_.push_back(found->get());
}

void TimingTree::leave(double seconds) {
  require(open_.size() > 1, "TimingTree::leave without enter");
  open_.back()->seconds += seconds;
  open_.pop_back();
}

const TimingNode& TimingTree::root() {
  root_.seconds = since_start_.seconds();
  return root_;
}

TimingTree& process_timing() {
  static TimingTree tree;
  return tree;
}

}  // namespace attnewton
