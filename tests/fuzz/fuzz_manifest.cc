// The manifest of a repair in place, which may come with a stranger's model: whatever is read of it
// stays inside the folder, and is read again as it was written.
#include <algorithm>
#include <string>

#include "fuzz/target.h"
#include "io/folder.h"
#include "write/manifest.h"

namespace {

using namespace shardwright;

bool same(const Change& a, const Change& b) {
  return a.name == b.name && a.kind == b.kind && a.hidden == b.hidden && a.bytes == b.bytes &&
         a.digest == b.digest;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto manifest = parse_manifest(as_text(data, size));
  if (!manifest) return 0;
  PROPERTY(std::ranges::all_of(manifest->undoes, [](char c) { return c >= '0' && c <= '9'; }));
  for (const Change& change : manifest->changes) {
    PROPERTY(is_inside(change.name) && !change.name.starts_with(".shardwright-undo/"));
    PROPERTY(change.name.find('\0') == std::string::npos);
  }
  const auto again = parse_manifest(manifest_text(*manifest));
  PROPERTY(again && again->done == manifest->done && again->undoes == manifest->undoes);
  PROPERTY(std::ranges::equal(again->changes, manifest->changes, same));
  return 0;
}
