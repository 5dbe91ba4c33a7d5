#include "write/journal.h"

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "faults.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

using test::TempDir;

const Disk kDisk;
const std::vector<PlanFact> kFacts = {{"the recipe", {1, 2}}, {"'a b' of 'm'", {3, 4}}};

bool same(const WrittenTile& a, const WrittenTile& b) {
  return a.file == b.file && a.range == b.range && a.digest == b.digest;
}

std::string write_journal(const TempDir& dir) {
  auto journal = Journal::create(kDisk, dir.path(), kFacts);
  REQUIRE(journal);
  journal->add({.file = 2, .range = {0, 100}, .digest = {5, 6}});
  journal->add({.file = 0, .range = {kTileBytes, 2 * kTileBytes}, .digest = {7, 8}});
  return test::read_file(dir.file(kJournalName));
}

TEST_CASE("write: a journal is read as it was written, and gone on with") {
  const TempDir dir;
  CHECK(!read_journal(dir.path()));
  write_journal(dir);
  const auto read = read_journal(dir.path());
  REQUIRE(read);
  CHECK(read->facts == kFacts);
  REQUIRE(read->tiles.size() == 2);
  CHECK(same(read->tiles[0], {.file = 2, .range = {0, 100}, .digest = {5, 6}}));
  auto again = Journal::reopen(kDisk, dir.path(), *read);
  REQUIRE(again);
  again->add({.file = 1, .range = {0, 1}, .digest = {9, 9}});
  const auto longer = read_journal(dir.path());
  REQUIRE(longer);
  CHECK(longer->facts == kFacts);
  REQUIRE(longer->tiles.size() == 3);
  CHECK(same(longer->tiles[2], {.file = 1, .range = {0, 1}, .digest = {9, 9}}));
  CHECK(Journal::remove(kDisk, dir.path()));
  CHECK(!read_journal(dir.path()));
}

TEST_CASE(
    "write: a journal that ends anywhere, or has a byte changed, tells nothing that was not") {
  const TempDir dir;
  const std::string whole = write_journal(dir);
  const std::size_t head = whole.find('\n', whole.find(" tiles")) + 1;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    test::write_file(dir.file(kJournalName), whole.substr(0, length));
    const auto read = read_journal(dir.path());
    CAPTURE(length);
    CHECK(read.has_value() == (length >= head));
    if (!read) continue;
    CHECK(read->tiles.size() < 2);
    CHECK(read->bytes <= length);
    // Going on cuts the torn line off.
    auto again = Journal::reopen(kDisk, dir.path(), *read);
    REQUIRE(again);
    again->add({.file = 1, .range = {0, 1}, .digest = {9, 9}});
    const auto longer = read_journal(dir.path());
    REQUIRE(longer);
    CHECK(longer->tiles.size() == read->tiles.size() + 1);
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    test::write_file(dir.file(kJournalName), changed);
    const auto read = read_journal(dir.path());
    CAPTURE(at);
    CHECK(read.has_value() == (at >= head));
    if (read) CHECK(read->tiles.size() < 2);
  }
}

// A line as it is written, whatever it says.
std::string line(std::string_view text) {
  return digest_text(digest_of(std::as_bytes(std::span(text)))).substr(0, 16) + " " +
         std::string(text) + "\n";
}

TEST_CASE("write: a journal of whole lines that say nothing known is none, or ends there") {
  const TempDir dir;
  const std::string digest(32, 'a');
  const std::string first = line("shardwright journal 1");
  const std::string fact = line("plan " + digest + " what");
  const std::string tile = line("tile 1 0 10 " + digest);
  const auto read = [&dir](const std::string& text) {
    test::write_file(dir.file(kJournalName), text);
    return read_journal(dir.path());
  };
  REQUIRE(read(first + fact + line("tiles") + tile));
  CHECK(!read(line("shardwright journal 2") + fact + line("tiles")));
  for (const std::string& wrong :
       {std::string("plan"), "fact " + digest + " what", "plan " + digest,
        std::string("plan abc what"), "plan " + std::string(32, 'g') + " what"}) {
    CAPTURE(wrong);
    CHECK(!read(first + fact + line(wrong) + line("tiles")));
  }
  CHECK(!read(first + fact + "short\n" + line("tiles")));
  CHECK(!read(first + fact + std::string(16, 'a') + "_text\n" + line("tiles")));
  for (const std::string& wrong :
       {std::string("tile"), "tale 1 0 10 " + digest, std::string("tile "), std::string("tile 1"),
        std::string("tile 1 "), std::string("tile 1 0 "), "tile 1 x 10 " + digest,
        "tile 1 0 10, " + digest, "tile 99999999999999999999 0 10 " + digest,
        std::string("tile 1 0 10 abc")}) {
    CAPTURE(wrong);
    const std::string good = first + fact + line("tiles") + tile;
    const auto contents = read(good + line(wrong) + tile);
    REQUIRE(contents);
    CHECK(contents->tiles.size() == 1);
    CHECK(contents->bytes == good.size());
  }
  std::filesystem::resize_file(dir.file(kJournalName), 1025ULL << 20U);
  CHECK(!read_journal(dir.path()));
}

TEST_CASE("write: each step of making a journal, or of going on with it, may be refused") {
  const TempDir dir;
  const std::string path = "'" + dir.file(kJournalName) + "'";
  const auto message = [](const Result<Journal>& journal) {
    return journal ? "" : journal.error().message;
  };
  for (int at = 0; at < 2; ++at) {
    const Disk disk = test::faulty_disk({.at = at, .number = EIO});
    CHECK(message(Journal::create(disk, dir.path(), kFacts)) ==
          (at == 0 ? "creating " : "writing ") + path + ": Input/output error");
    std::filesystem::remove(dir.file(kJournalName));
  }
  write_journal(dir);
  const auto read = read_journal(dir.path());
  REQUIRE(read);
  for (int at = 0; at < 2; ++at) {
    const Disk disk = test::faulty_disk({.at = at, .number = EIO});
    CHECK(message(Journal::reopen(disk, dir.path(), *read)) ==
          (at == 0 ? "opening " : "setting the size of ") + path + ": Input/output error");
  }
  CHECK(read_journal(dir.path())->tiles.size() == 2);
}

TEST_CASE("write: a journal that cannot be written ends, and is right as far as it goes") {
  const TempDir dir;
  const Disk full = test::faulty_disk({.at = 3, .number = ENOSPC});  // made, facts, a line, none
  auto journal = Journal::create(full, dir.path(), kFacts);
  REQUIRE(journal);
  for (std::size_t i = 0; i < 3; ++i)
    journal->add({.file = i, .range = {0, 1}, .digest = {9, 9}});
  const auto read = read_journal(dir.path());
  REQUIRE(read);
  CHECK(read->tiles.size() == 1);
}

TEST_CASE("write: how the facts of two plans differ") {
  const std::vector<PlanFact> one = {{"a", {1, 1}}, {"b", {2, 2}}};
  CHECK(difference(one, one).empty());
  CHECK(difference(one, std::vector<PlanFact>{{"a", {1, 2}}, {"b", {2, 2}}}) ==
        "a has changed since");
  CHECK(difference(one, std::vector<PlanFact>{{"a", {1, 1}}}) == "b is gone");
  CHECK(difference(one, std::vector<PlanFact>{{"a", {1, 1}}, {"c", {2, 2}}, {"b", {2, 2}}}) ==
        "c is new");
  CHECK(difference(one, std::vector<PlanFact>{{"b", {2, 2}}, {"a", {1, 1}}}) ==
        "the order of the inputs has changed since");
}

}  // namespace
}  // namespace shardwright
