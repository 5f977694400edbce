#include "text_lines.hpp"

#include <vector>

#include <fmt/format.h>

#include "shared_text.hpp"

namespace attnewton {
namespace {

std::vector<std::string> lines_of(const std::string& path, Range starts, Index file_bytes, Index block) {
  LineReader reader(path, starts, file_bytes, block);
  std::vector<std::string> lines;
  while (reader.next()) lines.emplace_back(reader.line());
  EXPECT_EQ(reader.lines(), static_cast<Index>(lines.size()));
  return lines;
}

// Every cut of the file into two ranges, with blocks of every size: each line belongs to one reader.
TEST(LineReader, AnyCutGivesEachLineOnce) {
  const TemporaryFolder folder(Communicator::self());
  const auto path = folder.file("a.txt");
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"one", {"one"}},
      {"\n", {""}},
      {"\n\n\n", {"", "", ""}},
      {"ab\ncde\n\nf", {"ab", "cde", "", "f"}},
      {"ab\r\n\r\nlonger than a block\r\nx\r\n", {"ab", "", "longer than a block", "x"}},
      {"a\rb\r", {"a\rb"}}};
  for (const auto& [text, expected] : cases) {
    put_file(path, text);
    const auto bytes = static_cast<Index>(text.size());
    for (Index cut = 0; cut <= bytes; ++cut) {
      for (const Index block : {1, 2, 3, 7, 100}) {
        auto lines = lines_of(path, {0, cut}, bytes, block);
        const auto rest = lines_of(path, {cut, bytes}, bytes, block);
        lines.insert(lines.end(), rest.begin(), rest.end());
        EXPECT_EQ(lines, expected) << text << " cut at " << cut << ", blocks of " << block;
      }
    }
  }
}

TEST(LineReader, AFileThatShrankIsRefused) {
  const TemporaryFolder folder(Communicator::self());
  const auto path = folder.file("a.txt");
  put_file(path, "abc\n");
  error_of(ExitCode::bad_data, path, [&] { lines_of(path, {0, 9}, 9, 100); });
}

TEST(TextPart, SharesTileTheBytes) {
  const TextPart part{"", {5, 5 + 17}, 0};
  for (const int ranks : {1, 2, 3, 16, 17, 40}) {
    Index at = 5;
    for (int rank = 0; rank < ranks; ++rank) {
      const Range share = part.share(rank, ranks);
      EXPECT_EQ(share.begin, at);
      EXPECT_LE(share.size(), 17 / ranks + 1);
      at = share.end;
    }
    EXPECT_EQ(at, 22);
  }
}

using TextLines = SharedText;

// The error is that of the first bad line, whichever rank met another first; its number counts all lines.
TEST_F(TextLines, TheFirstBadLineIsNamedByItsNumberInTheFile) {
  for (const int bad : {1, 2, 250, 499, 500}) {
    std::string text;
    for (int line = 1; line <= 500; ++line) {
      text += line < bad ? (line % 7 == 0 ? "\n" : "good line\n") : "so bad\r\n";
    }
    expect_refused(text, fmt::format(":{}:4: ", bad), "is bad", [&] {
      for_each_line_of_share(comm(), whole_text_on_all(comm(), path()), [](std::string_view line) {
        const auto at = line.find("bad");
        if (at != std::string_view::npos) throw LineError(line.substr(at), "is bad");
      });
    });
  }
}

TEST_F(TextLines, AHeaderIsLeftOutAndItsLinesCount) {
  put("%one\n%two\nx\ny\n");
  const auto header = [](std::string_view line) { return line.starts_with('%'); };
  const TextPart whole = whole_text(path());
  const TextPart with = read_text_header(whole, false, header);
  const TextPart without = read_text_header(whole, true, header);
  EXPECT_EQ(with.bytes.begin, 10);
  EXPECT_EQ(with.lines_before, 2);
  EXPECT_EQ(without.bytes.begin, 12);
  EXPECT_EQ(without.lines_before, 3);
  Index lines = 0;
  for_each_line_of_share(comm(), with, [&](std::string_view line) {
    EXPECT_EQ(line.size(), 1U);
    ++lines;
  });
  EXPECT_EQ(comm().sum(lines), 2);
}

TEST_F(TextLines, AMissingFileIsAnIoErrorOnEveryRank) {
  error_of(ExitCode::io, folder().file("none"), [&] { whole_text_on_all(comm(), folder().file("none")); });
}

}  // namespace
}  // namespace attnewton
