#include "row_product.hpp"

#include <algorithm>
#include <type_traits>

#include "attnewton/kernels/instruction_set.hpp"
#include "attnewton/kernels/scratch.hpp"
#include "attnewton/kernels/tile_kernels.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/parallel/threads.hpp"

namespace attnewton {
namespace {

// A task owns so many rows of a sum, and adds so many query rows to them at a time: the left factor's rows
// fill a part of the second-level cache.
constexpr Index sum_rows_of_task = 128;
constexpr Index rows_at_once = 256;

// Where a few rows of a sum must feed all threads, their panels are shared out as well: tasks enough for an
// even end, and panels enough for each that making the left factor anew does not show.
constexpr Index tasks_a_thread = 4;
constexpr Index fewest_panels = 16;

template <class Real>
void add_task(const RowProduct<Real>& product, Range sum_rows, Range panels, bool accumulate) {
  const TileKernels<Real>& kernels = tile_kernels<Real>(instruction_set());
  const Index count = sum_rows.size();
  const Index width = product.right->panel_width();
  ScratchFrame scratch;
  Real* factor = scratch.take<Real>(rows_at_once * sum_rows_of_task);
  Real* part = std::is_same_v<Real, double> ? nullptr : scratch.take<Real>(sum_rows_of_task * width);
  for (Index row = 0; row < product.rows; row += rows_at_once) {
    const Index rows = std::min(rows_at_once, product.rows - row);
    product.left(row, rows, sum_rows.begin, count, sum_rows_of_task, factor);
    const bool adds = accumulate || row > 0;
    for (Index panel = panels.begin; panel < panels.end; ++panel) {
      const Lanes<const Real> in{product.right->at(panel, row), width};
      double* sum = product.sum->at(panel, sum_rows.begin);
      if constexpr (std::is_same_v<Real, double>) {
        kernels.mix(kernels.most_vectors, count, rows, factor, sum_rows_of_task, in, {sum, width}, adds);
      } else {
        kernels.mix(kernels.most_vectors, count, rows, factor, sum_rows_of_task, in, {part, width}, false);
        if (!adds) std::fill_n(sum, count * width, 0.0);
        kernels.add(kernels.most_vectors, count, part, sum);
      }
    }
  }
}

Index panels_of_task(Index panels, Index sum_rows) {
  const Index row_tasks = (sum_rows + sum_rows_of_task - 1) / sum_rows_of_task;
  const Index wanted = tasks_a_thread * thread_limit();
  const Index shares = std::clamp((wanted + row_tasks - 1) / std::max<Index>(row_tasks, 1), Index{1},
                                  std::max<Index>(panels / fewest_panels, 1));
  return (panels + shares - 1) / shares;
}

}  // namespace

template <class Real>
Index panel_width() {
  const TileKernels<Real>& kernels = tile_kernels<Real>(instruction_set());
  return kernels.lanes * kernels.most_vectors;
}

template <class Real>
void add_products(const std::vector<RowProduct<Real>>& products, Range a, bool accumulate) {
  struct Task {
    const RowProduct<Real>* product;
    Range sum_rows;
    Range panels;
  };
  std::vector<Task> tasks;
  for (const RowProduct<Real>& product : products) {
    const Index begin = product.first_row(a.begin);
    const Index end = product.first_row(a.end);
    const Index step = panels_of_task(product.right->panels(), end - begin);
    for (Index row = begin; row < end; row += sum_rows_of_task) {
      for (Index panel = 0; panel < product.right->panels(); panel += step)
        tasks.push_back({&product,
                         {row, std::min(end, row + sum_rows_of_task)},
                         {panel, std::min(product.right->panels(), panel + step)}});
    }
  }
  for_each_task(static_cast<Index>(tasks.size()), [&](Index i) {
    const Task& task = tasks[static_cast<std::size_t>(i)];
    add_task(*task.product, task.sum_rows, task.panels, accumulate);
  });
}

template Index panel_width<double>();
template Index panel_width<float>();
template void add_products(const std::vector<RowProduct<double>>&, Range, bool);
template void add_products(const std::vector<RowProduct<float>>&, Range, bool);

}  // namespace attnewton
