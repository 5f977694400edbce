#include "attention_input.hpp"

#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/npy.hpp"

#include "offsets.hpp"
#include "option_text.hpp"

namespace attnewton {
namespace {

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code no_such_file;
  return a == b || std::filesystem::equivalent(a, b, no_such_file);
}

NpyFile open_matrix(const char* name, const std::string& path) {
  NpyFile file = open_npy(path);
  if (file.type != NpyType::float32 && file.type != NpyType::float64)
    throw DataError(fmt::format("{}: {} holds integers, it must hold float32 or float64", path, name));
  if (file.rows() < 1 || file.columns() < 1)
    throw DataError(fmt::format("{}: {} has {} rows and {} columns, it needs at least one of each", path,
                                name, file.rows(), file.columns()));
  return file;
}

// The files of a problem and how they hang together; nothing but headers and offsets was read.
struct AttentionFiles {
  NpyFile a1;
  NpyFile a2;
  std::optional<NpyFile> a3;  // none: A3 = A2
  NpyFile b;
  std::optional<NpyFile> weights;
  std::vector<SequenceRows> sequences;
};

void check_rows(const char* name, const NpyFile& file, const char* of_name, const NpyFile& of,
                const char* why) {
  if (file.rows() == of.rows()) return;
  throw DataError(fmt::format("{} and {} must have the same number of rows: {}", described(name, file),
                              described(of_name, of), why));
}

std::vector<SequenceRows> read_sequences(const ProblemOptions& options, const NpyFile& a1,
                                         const NpyFile& a2) {
  std::vector<Index> queries = {0, a1.rows()};
  std::vector<Index> keys = {0, a2.rows()};
  if (!options.offsets.empty()) {
    queries = read_offsets(options.offsets, "A1", a1);
    keys = read_offsets(options.key_offsets.empty() ? options.offsets : options.key_offsets, "A2", a2);
  }
  if (queries.size() != keys.size())
    throw DataError(fmt::format("{} has {} sequences but {} has {}", options.offsets, queries.size() - 1,
                                options.key_offsets, keys.size() - 1));
  return sequences_from_offsets(queries, keys);
}

void check_causal(const std::vector<SequenceRows>& sequences, const AttentionFiles& files) {
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const Index queries = sequences[s].queries.size();
    const Index keys = sequences[s].keys.size();
    if (queries != keys)
      throw DataError(
          fmt::format("--causal needs as many keys as queries in each sequence, but sequence {} has "
                      "{} queries in {} and {} keys in {}",
                      s, queries, files.a1.path, keys, files.a2.path));
  }
}

std::optional<NpyFile> open_weights(const ProblemOptions& options, const AttentionFiles& files) {
  if (options.weights.empty() || parse_number(options.weights)) return std::nullopt;
  const NpyFile weights = open_matrix("w", options.weights);
  if (weights.columns() != 1)
    throw DataError(fmt::format("{} must have one column", described("w", weights)));
  check_rows("w", weights, "A1", files.a1, "one weight for each query");
  check_rows("w", weights, "A2", files.a2, "the weights are those of the keys as well");
  return weights;
}

AttentionFiles open_files(const ProblemOptions& options) {
  AttentionFiles files;
  files.a1 = open_matrix("A1", options.a1);
  files.a2 = options.a2.empty() ? files.a1 : open_matrix("A2", options.a2);
  if (!options.a3.empty() && !is_same_file(options.a3, files.a2.path)) {
    files.a3 = open_matrix("A3", options.a3);
    check_rows("A3", *files.a3, "A2", files.a2, "one value for each key");
  }
  files.b = open_matrix("B", options.b);
  check_rows("B", files.b, "A1", files.a1, "one output for each query");
  files.sequences = read_sequences(options, files.a1, files.a2);
  if (options.causal) check_causal(files.sequences, files);
  files.weights = open_weights(options, files);
  return files;
}

Matrix read_input(const NpyFile& file, Range rows, bool append_ones) {
  Matrix read = read_npy_rows(file, rows);
  if (!append_ones) return read;
  Matrix extended(read.rows(), read.cols() + 1);
  extended << read, Vector::Ones(read.rows());
  return extended;
}

Vector read_weight_rows(const NpyFile& file, Range rows) {
  const Matrix weights = read_npy_rows(file, rows);
  for (Index i = 0; i < weights.rows(); ++i) {
    if (weights(i, 0) < 0)
      throw DataError(fmt::format("{}: the weight in row {} is {}, it must be at least 0", file.path,
                                  rows.begin + i, weights(i, 0)));
  }
  return weights.col(0);
}

RegulariserOptions read_regulariser(const ProblemOptions& options, const AttentionFiles& files,
                                    const AttentionShare& share) {
  RegulariserOptions regulariser;
  regulariser.ridge = options.ridge;
  if (files.weights) {
    regulariser.query_weights = read_weight_rows(*files.weights, share.queries);
    regulariser.key_weights = read_weight_rows(*files.weights, share.keys);
  } else if (const double weight = parse_number(options.weights).value_or(0); weight > 0) {
    regulariser.query_weights = Vector::Constant(share.queries.size(), weight);
    regulariser.key_weights = Vector::Constant(share.keys.size(), weight);
  }
  return regulariser;
}

}  // namespace

AttentionInput read_attention_share(const ProblemOptions& options, int rank, int ranks) {
  const AttentionFiles files = open_files(options);
  const Index key_width = files.a2.columns() + (options.append_ones ? 1 : 0);
  const RowPartition partition = partition_queries(files.sequences, options.causal, key_width, ranks);
  AttentionShare share = share_of_rank(files.sequences, partition, rank);

  AttentionInput input;
  input.rows = files.a1.rows();
  input.keys = files.a2.rows();
  input.sequences = static_cast<Index>(files.sequences.size());
  input.regulariser = read_regulariser(options, files, share);
  AttentionData& data = input.data;
  data.queries = read_input(files.a1, share.queries, options.append_ones);
  data.keys = read_input(files.a2, share.keys, options.append_ones);
  if (files.a3) data.separate_values = read_input(*files.a3, share.keys, options.append_ones);
  data.values_are_keys = !files.a3.has_value();
  data.target = read_npy_rows(files.b, share.queries);
  data.sequences = std::move(share.sequences);
  data.causal = options.causal;
  data.scale = options.scale;
  return input;
}

}  // namespace attnewton
