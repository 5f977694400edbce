#include "attnewton/io/atomic_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "attnewton/io/file_hash.hpp"

#include "failing_writes.hpp"
#include "support/temporary_folder.hpp"
#include "test_files.hpp"

namespace attnewton {
namespace {

TEST(AtomicFile, WritesAndReplaces) {
  const TemporaryFolder folder(Communicator::self());
  const auto path = folder.file("result.json");
  for (const auto& content : {std::string("first"), std::string("\0\xff second", 9), std::string{}}) {
    write_file_atomically(path, content);
    EXPECT_EQ(content_of(path), content);
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"result.json"});
}

TEST(AtomicFile, FollowsTheUsersMask) {
  const TemporaryFolder folder(Communicator::self());
  const auto before = ::umask(027);
  write_file_atomically(folder.file("a"), "x");
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(folder.file("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST(AtomicFile, AFailedWriteLeavesTheOldFileAndNoTemporaryOne) {
  const TemporaryFolder folder(Communicator::self());
  const auto path = folder.file("a");
  write_file_atomically(path, "old");
  {
    const FileSizeLimit limit(1000);
    const auto message =
        error_of(ExitCode::io, path, [&] { write_file_atomically(path, std::string(2000, 'x')); });
    EXPECT_NE(message.find("cannot be written at byte 1000: File too large"), std::string::npos) << message;
  }
  EXPECT_EQ(content_of(path), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, PassesOverTheTemporaryFileOfAnother) {
  const TemporaryFolder folder(Communicator::self());
  const auto name = "a.tmp-" + std::to_string(::getpid()) + "-0";
  put_file(folder.file(name), "another host's");
  write_file_atomically(folder.file("a"), "x");
  EXPECT_EQ(content_of(folder.file("a")), "x");
  EXPECT_EQ(content_of(folder.file(name)), "another host's");
}

TEST(AtomicFile, RefusesPlacesThatAreNoFile) {
  const TemporaryFolder folder(Communicator::self());
  const auto message_of = [](const std::string& path) {
    return error_of(ExitCode::io, path, [&] { write_file_atomically(path, "x"); });
  };
  EXPECT_NE(message_of(folder.path()).find("is a folder"), std::string::npos);
  EXPECT_NE(message_of(folder.file("none/a")).find("No such file or directory"), std::string::npos);
  put_file(folder.file("file"), "");
  EXPECT_NE(message_of(folder.file("file/a")).find("Not a directory"), std::string::npos);
  // As root a rename would put a plain file where the device was: a link to it stands in for it here.
  std::filesystem::create_symlink("/dev/null", folder.file("device"));
  EXPECT_NE(message_of(folder.file("device")).find("not a regular file"), std::string::npos);
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"device", "file"}));
}

TEST(MakeDirectories, MakesWhatIsMissing) {
  const TemporaryFolder folder(Communicator::world());
  make_directories(folder.file("a/b/c"));  // by all ranks at once
  EXPECT_TRUE(std::filesystem::is_directory(folder.file("a/b/c")));
  EXPECT_NO_THROW(make_directories(folder.file("a/b/c/")));
  EXPECT_NO_THROW(make_directories(folder.path()));
}

TEST(MakeDirectories, RefusesAFileInTheWay) {
  const TemporaryFolder folder(Communicator::self());
  put_file(folder.file("file"), "");
  for (const auto& path : {folder.file("file"), folder.file("file/below"), std::string{}}) {
    error_of(ExitCode::io, path, [&] { make_directories(path); });
  }
}

// The expected digests are those that xxhsum -H3 prints.
TEST(FileHash, IsXxh3OfTheBytes) {
  const TemporaryFolder folder(Communicator::self());
  const auto path = folder.file("a");
  put_file(path, "");
  EXPECT_EQ(file_hash(path), "xxh3:2d06800538d394c2");
  put_file(path, "attnewton\n");
  EXPECT_EQ(file_hash(path), "xxh3:4b6b45d0698f121d");
  std::string lines;  // several of the parts that it is read in, and some bytes
  for (int i = 0; i < 400000; ++i) lines += std::to_string(i) + "\n";
  put_file(path, lines);
  EXPECT_EQ(file_hash(path), "xxh3:74496d292aeefb7c");
  lines[2000000] = 'x';
  put_file(path, lines);
  EXPECT_NE(file_hash(path), "xxh3:74496d292aeefb7c");
}

TEST(FileHash, NamesTheFileThatItCannotRead) {
  const TemporaryFolder folder(Communicator::self());
  error_of(ExitCode::io, folder.file("none"), [&] { file_hash(folder.file("none")); });
  error_of(ExitCode::io, folder.path(), [&] { file_hash(folder.path()); });
}

}  // namespace
}  // namespace attnewton
