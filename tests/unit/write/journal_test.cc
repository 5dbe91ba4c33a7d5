#include "write/journal.h"

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
