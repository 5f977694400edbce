// What loss, gradient and Hessian–vector product of an attention map cost beside the matrix products that
// they consist of, timed as plain dgemm of the same shapes in the same run.
//
//   mpirun -n 2 build/benchmarks/prune_gradient [ROWS SEQUENCE D R HEADS none|causal THREADS]
//
// Default: 8192 1024 1024 0 1 none 1, eight sequences of 1024 rows of fused weights (R = 0) of width 1024, a
// thread a rank. Each task of the comparison takes a sequence's share of its rank: query rows X P, logits, P
// R (and Pᵀ Q of factors), and Xᵀ of what came back.
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "attnewton/bench/repetition.hpp"
#include "attnewton/linalg/blas.hpp"
#include "attnewton/parallel/deterministic.hpp"
#include "attnewton/parallel/threads.hpp"
#include "attnewton/pruning/attention_map_problem.hpp"
#include "attnewton/random/stream.hpp"

namespace attnewton {
namespace {

struct Case {
  Index rows = 8192;
  Index sequence = 1024;
  Index d = 1024;
  Index r = 0;  // 0: fused
  Index heads = 1;
  bool causal = false;
  int threads = 1;

  bool is_fused() const { return r == 0; }
  Index inner() const { return is_fused() ? d : r; }
};

Case case_of(int argc, char** argv) {
  Case c;
  Index* const numbers[] = {&c.rows, &c.sequence, &c.d, &c.r, &c.heads};
  for (int i = 1; i < argc && i <= 5; ++i) *numbers[i - 1] = std::atoll(argv[i]);
  if (argc > 6) c.causal = std::string(argv[6]) == "causal";
  if (argc > 7) c.threads = std::atoi(argv[7]);
  return c;
}

std::shared_ptr<const AttentionMap> random_map(const Communicator& comm, const Case& c) {
  std::vector<Index> offsets;
  for (Index row = 0; row < c.rows; row += c.sequence) offsets.push_back(row);
  offsets.push_back(c.rows);
  const auto sequences = sequences_from_offsets(offsets, offsets);
  const AttentionShare share =
      share_of_rank(sequences, partition_queries(sequences, c.causal, c.d, comm.size()), comm.rank());
  MapInputs inputs{RandomStream(1, RandomPurpose::inputs).normal_rows(share.keys, c.d), share.sequences,
                   c.causal, 1 / static_cast<double>(c.d)};
  HeadGroup heads;
  for (Index h = 0; h < c.heads; ++h)
    heads.query.emplace_back(RandomStream(2, RandomPurpose::planted_x, static_cast<std::uint64_t>(h))
                                 .normal_rows({0, c.d}, c.inner()));
  if (!c.is_fused()) heads.key = RandomStream(3, RandomPurpose::planted_x).normal_rows({0, c.d}, c.inner());
  return std::make_shared<const AttentionMap>(comm, std::make_shared<const MapInputs>(std::move(inputs)),
                                              std::move(heads));
}

// The products of loss and gradient, or of a Hessian–vector product (Gauss–Newton form), on this rank.
class PlainProducts {
 public:
  PlainProducts(const AttentionMap& map, const Case& c) : map_(map), case_(c) {
    const Index n = map.inputs().queries();
    const Index m = map.inputs().inputs.rows();
    queries_ = Matrix::Constant(n, c.inner(), 0.5);
    keys_ = Matrix::Constant(m, c.inner(), 0.5);
    weights_ = Matrix::Constant(c.d, c.inner(), 0.5);
    back_ = weights_;
    for (const LocalSequence& s : map.inputs().sequences)
      scores_.emplace_back(Matrix::Constant(s.queries.size(), s.keys.size(), 0.5));
  }

  void run(bool is_product) {
    const Index n = map_.inputs().queries();
    const Matrix& x = map_.inputs().inputs;
    for (Index h = 0; h < case_.heads; ++h) {
      gemm(Transpose::no, Transpose::no, 1, x.topRows(n), weights_, 0, queries_);
      for_each_task(static_cast<Index>(scores_.size()), [&](Index i) { of_sequence(i, is_product); });
      gemm(Transpose::yes, Transpose::no, 1, x.topRows(n), queries_, 0, back_);
    }
    if (case_.is_fused()) return;
    gemm(Transpose::no, Transpose::no, 1, x, weights_, 0, keys_);
    gemm(Transpose::yes, Transpose::no, 1, x, keys_, 0, back_);
  }

 private:
  void of_sequence(Index i, bool is_product) {
    const LocalSequence& s = map_.inputs().sequences[static_cast<std::size_t>(i)];
    Matrix& scores = scores_[static_cast<std::size_t>(i)];
    auto q = queries_.middleRows(s.queries.begin, s.queries.size());
    const Matrix& all_keys = case_.is_fused() ? map_.inputs().inputs : keys_;
    const auto k = all_keys.middleRows(s.keys.begin, s.keys.size());
    multiply_by_transpose(1e-6, q, k, scores);
    if (is_product && !case_.is_fused()) multiply_by_transpose(1e-6, q, k, scores);
    gemm(Transpose::no, Transpose::no, 1e-6, scores, k, 0, q);
    if (!case_.is_fused())
      gemm(Transpose::yes, Transpose::no, 1e-6, scores, q, 0, keys_.middleRows(s.keys.begin, s.keys.size()));
  }

  const AttentionMap& map_;
  Case case_;
  Matrix queries_, keys_, weights_, back_;
  std::vector<Matrix> scores_;
};

void print(const Communicator& comm, const char* what, double seconds, double plain) {
  if (comm.is_root())
    fmt::print("{:<24}{:10.4f} s   its products by dgemm {:10.4f} s   ratio {:.2f}\n", what, seconds, plain,
               seconds / plain);
}

void measure(const Communicator& comm, const Case& c) {
  const auto map = random_map(comm, c);
  const AttentionMapProblem problem(map, {.form = HessianForm::gauss_newton});
  const AttentionMapProblem exact(map, {});
  const Vector theta = 0.9 * map->reference().to_vector();
  PlainProducts plain(*map, c);
  const RepetitionRule rule{.usual_seconds = 2};
  const auto timed = [&](const std::function<void()>& work) { return repeat(comm, rule, work).median(); };
  const double gradient = timed([&] { problem.gradient(*problem.evaluate_with_gradient(theta)); });
  const double gradient_plain = timed([&] { plain.run(false); });
  const auto point = problem.evaluate(theta);
  const double product = timed([&] { problem.hessian_vector(*point, theta); });
  const double product_plain = timed([&] { plain.run(true); });
  const double exact_product = timed([&] { exact.hessian_vector(*point, theta); });
  print(comm, "loss and gradient", gradient, gradient_plain);
  print(comm, "Gauss–Newton product", product, product_plain);
  print(comm, "Hessian product", exact_product, product_plain);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double input_bytes = 8.0 * static_cast<double>(map->inputs().inputs.size());
  const double peak = comm.max(static_cast<double>(usage.ru_maxrss) * 1024);
  if (comm.is_root())
    fmt::print(
        "peak memory of a rank {:.0f} MiB, its inputs {:.0f} MiB, weights {:.0f} MiB; probabilities are {}\n",
        peak / 1048576, input_bytes / 1048576, 8.0 * static_cast<double>(map->parameters()) / 1048576,
        map->stores_probabilities() ? "kept" : "made again");
}

}  // namespace
}  // namespace attnewton

int main(int argc, char** argv) {
  const attnewton::MpiEnvironment mpi(&argc, &argv);
  const auto comm = attnewton::Communicator::world();
  try {
    const attnewton::Case c = attnewton::case_of(argc, argv);
    attnewton::prepare_blas(c.threads);
    const attnewton::ThreadLimit threads(c.threads);
    attnewton::measure(comm, c);
  } catch (const std::exception& error) {
    fmt::print(stderr, "prune_gradient: {}\n", error.what());
    comm.abort(1);
  }
  return 0;
}
