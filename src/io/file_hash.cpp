#include "attnewton/io/file_hash.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "file_access.hpp"

namespace attnewton {

std::string file_hash(const std::string& path) {
  constexpr Index part_bytes = Index{1} << 20;
  const auto file = file_access::open_to_read(path);
  const Index total = file_access::size_bytes(file, path);
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(part_bytes, total)));
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (Index offset = 0; offset < total; offset += part_bytes) {
    const auto part = std::span(buffer).first(static_cast<std::size_t>(std::min(part_bytes, total - offset)));
    file_access::read_exactly(file, path, offset, part);
    XXH3_64bits_update(&state, part.data(), part.size());
  }
  return fmt::format("xxh3:{:016x}", XXH3_64bits_digest(&state));
}

}  // namespace attnewton
