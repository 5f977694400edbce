#include "prune_input.hpp"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "attnewton/core/error.hpp"
#include "attnewton/io/file_hash.hpp"
#include "attnewton/io/npy.hpp"
#include "attnewton/io/safetensors.hpp"
#include "attnewton/parallel/agreement.hpp"

#include "offsets.hpp"

namespace attnewton {
namespace {

Matrix read_weights(const std::string& path) {
  if (const auto place = split_tensor_path(path))
    return read_tensor(open_safetensors(place->file), place->tensor);
  return read_npy(path);
}

Vector read_bias(const std::string& path) {
  const Matrix bias = read_weights(path);
  if (bias.cols() != 1)
    throw DataError(fmt::format("{}: {} x {}, a bias has one column", path, bias.rows(), bias.cols()));
  return bias.col(0);
}

AttentionLayer read_layer(const PruneOptions& options) {
  if (!options.w.empty()) return layer_of_fused(read_weights(options.w));
  StoredProjections stored;
  stored.query = read_weights(options.wq);
  stored.key = read_weights(options.wk);
  if (!options.bq.empty()) stored.bias = read_bias(options.bq);
  AttentionLayer layer = layer_of(stored, options.heads);
  return options.form == PrunedForm::fused ? fused(layer) : layer;
}

double scale_of(const PruneOptions& options, const AttentionLayer& layer) {
  if (options.scale) return *options.scale;
  if (!options.w.empty()) return 1;
  const Index width =
      layer.is_fused() ? read_weights(options.wq).rows() / options.heads : layer.groups.front().inner_width();
  return 1 / std::sqrt(static_cast<double>(width));
}

NpyFile open_inputs(const std::string& path, Index width) {
  NpyFile file = open_npy(path);
  if (file.columns() != width)
    throw DataError(fmt::format("{}: {} columns, the weights take {} inputs", path, file.columns(), width));
  if (file.rows() < 1) throw DataError(fmt::format("{}: no rows", path));
  return file;
}

std::vector<Range> sequences_of(const NpyFile& file, const std::string& offsets) {
  if (offsets.empty()) return {{0, file.rows()}};
  const std::vector<Index> cuts = read_offsets(offsets, "X", file);
  std::vector<Range> sequences;
  for (std::size_t s = 0; s + 1 < cuts.size(); ++s) sequences.push_back({cuts[s], cuts[s + 1]});
  return sequences;
}

// The sequences as if their rows followed one another.
std::vector<SequenceRows> joined(const std::vector<Range>& sequences) {
  std::vector<Index> offsets = {0};
  for (const Range& rows : sequences) offsets.push_back(offsets.back() + rows.size());
  return sequences_from_offsets(offsets, offsets);
}

// The rows of the file's sequences that this rank's share of them needs.
Matrix read_share(const NpyFile& file, const std::vector<Range>& sequences,
                  const std::vector<SequenceRows>& places, Range wanted) {
  Matrix rows(wanted.size(), file.columns());
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const Range place = places[s].keys;
    if (place.begin < wanted.begin || place.end > wanted.end) continue;
    rows.middleRows(place.begin - wanted.begin, place.size()) = read_npy_rows(file, sequences[s]);
  }
  return rows;
}

LayerInputs read_inputs(const Communicator& comm, const NpyFile& file, const std::vector<Range>& sequences,
                        bool causal, double scale) {
  const std::vector<SequenceRows> places = joined(sequences);
  const RowPartition partition = partition_queries(places, causal, file.columns(), comm.size());
  AttentionShare share = share_of_rank(places, partition, comm.rank());
  MapInputs inputs;
  inputs.inputs = read_share(file, sequences, places, share.keys);
  inputs.sequences = std::move(share.sequences);
  inputs.causal = causal;
  inputs.scale = scale;
  return {std::make_shared<const MapInputs>(std::move(inputs)), places.back().queries.end,
          static_cast<Index>(sequences.size())};
}

// Sequences that stay and those held out: of every 1/fraction in a row the last one.
std::pair<std::vector<Range>, std::vector<Range>> split(const std::vector<Range>& sequences,
                                                        double fraction) {
  std::pair<std::vector<Range>, std::vector<Range>> parts;
  const auto held_before = [fraction](std::size_t s) {
    return std::floor(static_cast<double>(s) * fraction + 1e-9);
  };
  for (std::size_t s = 0; s < sequences.size(); ++s)
    (held_before(s + 1) > held_before(s) ? parts.second : parts.first).push_back(sequences[s]);
  return parts;
}

}  // namespace

PruneInput read_prune_input(const Communicator& comm, const PruneOptions& options) {
  PruneInput input;
  agree_on_errors(comm, [&] {
    input.layer = read_layer(options);
    const double scale = scale_of(options, input.layer);
    const NpyFile x = open_inputs(options.x, input.layer.width());
    auto [seen, held_out] = split(sequences_of(x, options.offsets), options.heldout_fraction);
    if (options.heldout_fraction > 0 && (seen.empty() || held_out.empty()))
      throw DataError(fmt::format("{}: --heldout-fraction {} of {} sequence{} leaves none {}", options.x,
                                  options.heldout_fraction, seen.size() + held_out.size(),
                                  seen.size() + held_out.size() == 1 ? "" : "s",
                                  seen.empty() ? "to see" : "to hold out"));
    input.calibration = read_inputs(comm, x, seen, options.causal, scale);
    if (!options.heldout.empty()) {
      const NpyFile heldout = open_inputs(options.heldout, input.layer.width());
      input.heldout =
          read_inputs(comm, heldout, sequences_of(heldout, options.heldout_offsets), options.causal, scale);
    } else if (!held_out.empty()) {
      input.heldout = read_inputs(comm, x, held_out, options.causal, scale);
    }
  });
  return input;
}

std::vector<InputFile> hashed_files(const PruneOptions& options) {
  std::vector<InputFile> files;
  const std::pair<const char*, const std::string&> paths[] = {{"x", options.x},
                                                              {"offsets", options.offsets},
                                                              {"heldout", options.heldout},
                                                              {"w", options.w},
                                                              {"heldout-offsets", options.heldout_offsets},
                                                              {"wq", options.wq},
                                                              {"wk", options.wk},
                                                              {"bq", options.bq}};
  for (const auto& [option, path] : paths) {
    if (path.empty()) continue;
    const auto place = split_tensor_path(path);
    files.push_back({option, path, file_hash(place ? place->file : path)});
  }
  return files;
}

}  // namespace attnewton
