// The sum of rounds of a repair, and the folder as it will be.
#include "repair/outcome.h"

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/memory_folder.h"

namespace shardwright {
namespace {

std::shared_ptr<const PlannedFile> text(std::string bytes) {
  return std::make_shared<const PlannedFile>(std::move(bytes));
}

std::string read(const Folder& folder, std::string_view name) {
  const auto source = folder.open(name);
  return source ? read_all(**source, 100).value() : "error: " + source.error().message;
}

TEST_CASE("outcome: rounds add up, and the folder shows what comes of them") {
  test::MemoryFolder folder;
  for (const char* name : {"a", "b", "c", "gone", "stays"})
    folder.add_file(name, std::string("old ") + name, 0, 0600);
  folder.add_file("sub/below", "old below");
  Outcome outcome;
  CHECK(outcome.empty());
  outcome.add({{.from = "a", .to = "b"},  // in a circle
               {.from = "b", .to = "a"},
               {.from = "c", .to = "c", .content = text("new c")},
               {.from = "gone"},
               {.to = "fresh", .content = text("fresh")},
               {.from = "sub/below", .to = "sub/below", .content = text("new below")}});
  // What a round made, the next may move, change and remove.
  outcome.add(
      {{.from = "c", .to = "moved"}, {.from = "fresh"}, {.to = "later", .content = text("later")}});
  CHECK_FALSE(outcome.empty());
  CHECK(outcome.removed() == std::vector<std::string>{"c", "gone"});
  const auto seen = preview(folder, outcome);
  std::vector<std::string> names;
  for (const FolderEntry& entry : seen->entries())
    names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"a", "b", "later", "moved", "stays", "sub"});
  CHECK(read(*seen, "a") == "old b");
  CHECK(read(*seen, "b") == "old a");
  CHECK(read(*seen, "moved") == "new c");
  CHECK(read(*seen, "later") == "later");
  CHECK(read(*seen, "stays") == "old stays");
  CHECK(read(*seen, "sub/below") == "new below");
  for (const char* name : {"c", "gone"}) {
    CHECK(seen->describe(name).kind == EntryKind::kAbsent);
    CHECK(read(*seen, name).starts_with("error: "));
  }
  CHECK(seen->describe("stays").mode == 0600);
  CHECK(seen->describe("moved").mode == 0600);
  CHECK(seen->describe("moved").bytes == 5);
  CHECK(seen->describe("later").mode == 0644);
  CHECK(seen->describe("sub/below").bytes == 9);
  CHECK(seen->describe("nowhere").kind == EntryKind::kAbsent);
}

}  // namespace
}  // namespace shardwright
