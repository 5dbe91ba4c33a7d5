#include "pickle/zip.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/archive.h"
#include "support/memory_folder.h"

namespace shardwright::pickle {
namespace {

using test::ArchiveEntry;
using test::ArchiveForm;
using test::make_archive;

Result<std::vector<ZipEntry>> read_bytes(std::string file) {
  test::MemoryFolder folder;
  folder.add_file("f", std::move(file));
  const auto source = folder.open("f");
  REQUIRE(source);
  return read_zip(**source);
}

std::string said(std::string file) {
  const auto read = read_bytes(std::move(file));
  REQUIRE_FALSE(read);
  return read.error().message;
}

const std::vector<ArchiveEntry> kTwo = {{.name = "m/b", .bytes = "second"},
                                        {.name = "m/a", .bytes = "first"}};

// The archive with bytes put where the nth occurrence of a mark ends, plus `skip`.
std::string patched(std::string_view mark, std::size_t skip, std::string_view bytes) {
  std::string file = make_archive(kTwo);
  const std::size_t at = file.find(mark);
  REQUIRE(at != std::string::npos);
  file.replace(at + skip, bytes.size(), bytes);
  return file;
}

constexpr std::string_view kLocal = "PK\x03\x04";
constexpr std::string_view kCentral = "PK\x01\x02";
constexpr std::string_view kEnd = "PK\x05\x06";

TEST_CASE("zip: entries by name, and where their bytes lie") {
  const ArchiveForm forms[] = {
      {},
      {.zip64 = true},
      {.comment = "a comment PK\x05\x06 with a mark in it"},
      {.zip64 = true, .comment = "x", .extra = std::string("FB\3\0ZZZ", 7)}};
  for (const ArchiveForm& form : forms) {
    const std::string file = make_archive(kTwo, form);
    const auto read = read_bytes(file);
    REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
    REQUIRE(read->size() == 2);
    CHECK((*read)[0].name == "m/a");
    CHECK(file.substr((*read)[0].begin, (*read)[0].bytes) == "first");
    CHECK((*read)[1].name == "m/b");
    CHECK(file.substr((*read)[1].begin, (*read)[1].bytes) == "second");
  }
}

TEST_CASE("zip: an archive that is cut anywhere is refused") {
  for (const bool zip64 : {false, true}) {
    const std::string whole = make_archive(kTwo, {.zip64 = zip64});
    for (std::size_t size = 0; size < whole.size(); ++size)
      CHECK_FALSE(read_bytes(whole.substr(0, size)));
    for (const std::size_t size : {whole.size() / 2, whole.size() - 1})
      CHECK(said(whole.substr(0, size)).ends_with("it is cut short"));
    // Bytes that went missing in its middle.
    for (std::size_t at = 0; at + 1 < whole.size(); ++at) {
      std::string file = whole;
      file.erase(at, 1);
      CHECK_FALSE(read_bytes(file));
    }
  }
}

TEST_CASE("zip: what could be read in two ways is refused") {
  const std::string in_each_other = "lie in each other";
  std::vector<ArchiveEntry> twice = kTwo;
  twice[1].name = "m/b";
  CHECK(said(make_archive(twice)) == "the zip archive has 'm/b' twice");
  // The directory's sizes, places, names and counts, one after the other.
  CHECK(said(patched(kCentral, 20, "\x07")).find("is not the same") != std::string::npos);
  CHECK(said(patched(kCentral, 24, "\x07")).find("is not the same") != std::string::npos);
  CHECK(said(patched(kCentral, 46, "n")).find("is not the same") != std::string::npos);
  CHECK(said(patched(kCentral, 42, "\x01")).find("has no header") != std::string::npos);
  CHECK(said(patched(kCentral, 42, "\xff\xff")).find("cut short") != std::string::npos);
  CHECK(said(patched(kCentral, 42, "\xff\xff\xff\xff")).find("zip64 part") != std::string::npos);
  CHECK(said(patched(kLocal, 8, "\x08")).find("is not the same") != std::string::npos);
  CHECK(said(patched(kLocal, 6, "\x01")).find("is not the same") != std::string::npos);
  CHECK(said(patched(kLocal, 28, "\xff\x7f")).find("cut short") != std::string::npos);
  // The first entry's header says that its bytes begin later, within the next entry.
  CHECK(said(patched(kLocal, 28, "\x10")).find(in_each_other) != std::string::npos);
  CHECK(said(patched(kEnd, 8, "\x01")).find("several parts") != std::string::npos);
  CHECK(said(patched(kEnd, 8, std::string("\x01\x00\x01\x00", 4))).find("follow the last") !=
        std::string::npos);
  CHECK(said(patched(kEnd, 8, std::string("\x03\x00\x03\x00", 4)))
            .find("too short for its entries") != std::string::npos);
  CHECK(said(patched(kCentral, 0, "QK")).find("something else") != std::string::npos);
  CHECK(said(patched(kEnd, 12, "\x01")).find("does not end where") != std::string::npos);
  CHECK(said("x" + make_archive(kTwo)).find("does not end where") != std::string::npos);
  std::vector<ArchiveEntry> bad_name = kTwo;
  bad_name[0].name = "m/\xff";
  CHECK(said(make_archive(bad_name)).find("no UTF-8") != std::string::npos);
}

TEST_CASE("zip: entries whose bytes are not what they hold are told from the others") {
  std::vector<ArchiveEntry> entries = kTwo;
  entries[0].method = 8;
  entries[1].flags = 1;
  const auto read = read_bytes(make_archive(entries));
  REQUIRE_MESSAGE(read, (read ? "" : read.error().message));
  CHECK((*read)[0].obstacle == "encrypted");
  CHECK((*read)[1].obstacle == "compressed");
}

}  // namespace
}  // namespace shardwright::pickle
