#include "entry_exchange.hpp"

#include <algorithm>
#include <vector>

namespace attnewton {
namespace {

constexpr Index numbers_each = 3;

// One rank's entries [first, first + count), in the order of their owners.
struct Parcel {
  std::vector<double> numbers;
  std::vector<Index> counts;  // of numbers, a rank
};

Parcel pack(const RowPartition& partition, Index first, Index count,
            const std::function<MatrixEntry(Index)>& entry_at) {
  std::vector<MatrixEntry> entries;
  entries.reserve(static_cast<std::size_t>(count));
  for (Index k = first; k < first + count; ++k) entries.push_back(entry_at(k));

  Parcel parcel;
  parcel.counts.resize(static_cast<std::size_t>(partition.ranks()));
  std::vector<Index> owners;
  owners.reserve(entries.size());
  for (const auto& entry : entries) {
    owners.push_back(partition.owner(entry.row));
    parcel.counts[static_cast<std::size_t>(owners.back())] += numbers_each;
  }
  std::vector<Index> places(parcel.counts.size(), 0);
  for (std::size_t r = 1; r < places.size(); ++r) places[r] = places[r - 1] + parcel.counts[r - 1];
  parcel.numbers.resize(entries.size() * numbers_each);
  for (std::size_t k = 0; k < entries.size(); ++k) {
    double* const at = parcel.numbers.data() + places[static_cast<std::size_t>(owners[k])];
    at[0] = static_cast<double>(entries[k].row);
    at[1] = static_cast<double>(entries[k].column);
    at[2] = entries[k].value;
    places[static_cast<std::size_t>(owners[k])] += numbers_each;
  }
  return parcel;
}

// What each rank sends to this one, given what this one sends to each.
std::vector<Index> counts_to_receive(const Communicator& comm, const std::vector<Index>& counts) {
  const std::vector<double> send(counts.begin(), counts.end());
  const std::vector<Index> ones(counts.size(), 1);
  auto exchange = comm.start_exchange(send, ones, ones);
  const auto& received = exchange.wait();
  return {received.begin(), received.end()};
}

}  // namespace

void exchange_entries(const Communicator& comm, const RowPartition& partition, Index count,
                      const std::function<MatrixEntry(Index)>& entry_at,
                      const std::function<void(const MatrixEntry&)>& take) {
  // All ranks may send all they have to one.
  const Index at_a_time = std::max(Index{1}, (Index{1} << 22) / comm.size());
  const Index largest_count = comm.max(count);
  for (Index first = 0; first < largest_count; first += at_a_time) {
    Parcel parcel = pack(partition, first, std::clamp(count - first, Index{0}, at_a_time), entry_at);
    const auto receive_counts = counts_to_receive(comm, parcel.counts);
    auto exchange = comm.start_exchange(std::move(parcel.numbers), parcel.counts, receive_counts);
    const auto& numbers = exchange.wait();
    for (std::size_t at = 0; at < numbers.size(); at += numbers_each) {
      take({static_cast<Index>(numbers[at]), static_cast<Index>(numbers[at + 1]), numbers[at + 2]});
    }
  }
}

}  // namespace attnewton
