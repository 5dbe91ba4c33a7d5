// ST102: a file of another format bears the name of a shard.
// docs/checks/ST102-foreign-file.md
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "base/utf8.h"
#include "check/check.h"
#include "check/fixes.h"
#include "check/foreign.h"
#include "check/wording.h"

namespace shardwright {
namespace {

using safetensors::ForeignKind;

// What each usually means, and what helps; null for kinds that other checks speak of.
struct Meaning {
  std::string_view usual, remedy;
};

constexpr std::string_view kFetch = "fetch the file again, for example with 'hf download'";

Meaning meaning(ForeignKind kind) {
  switch (kind) {
    case ForeignKind::kHtml:
      return {"a page for people was saved in its place, often a login or an error page", kFetch};
    case ForeignKind::kXml:
      return {"often the error answer of a storage service was saved in its place", kFetch};
    case ForeignKind::kJson:
      return {"often an index, or the error answer of a service, was saved under its name", kFetch};
    case ForeignKind::kText:
      return {"often the error answer of a server was saved in its place", kFetch};
    case ForeignKind::kZip:
      return {"torch.save writes such files, and a new name does not convert them",
              "load it with torch.load(..., weights_only=True) and save it with save_pretrained"};
    case ForeignKind::kPickle:
      return {"old versions of torch.save write such files, and a new name does not convert them",
              "load it with torch.load(..., weights_only=True) and save it with save_pretrained"};
    case ForeignKind::kTar:
      return {"archives of NeMo and of very old versions of torch.save are such files",
              "unpack it, or convert it with the tool that made it"};
    case ForeignKind::kGzip:
      return {"it was compressed, or a server sent it compressed", "decompress it with gunzip"};
    case ForeignKind::kGguf:
      return {"it is a model for llama.cpp", "rename it to .gguf, or fetch the original model"};
    case ForeignKind::kHdf5:
      return {"Keras and TensorFlow write such files", "fetch the model's PyTorch weights"};
    default:
      return {};
  }
}

// The first line of what a server answered, which often says what went wrong.
std::string first_line(const Shard& shard) {
  if (shard.foreign != ForeignKind::kText) return "";
  constexpr std::size_t kLongest = 60;
  return fmt::format(" ({})", quoted(split(trim(shard.start), '\n').front(), kLongest));
}

void foreign_file(const Model& model, const Reporter& report) {
  for (const Shard& shard : model.checkpoint.shards) {
    const auto [usual, remedy] = meaning(shard.foreign);
    if (shard.use != ShardUse::kLoaded || usual.empty()) continue;
    report({.file = shard.file,
            .message = fmt::format("{} is {}{}, no safetensors file: {}; {}", quoted(shard.file),
                                   safetensors::foreign_name(shard.foreign), first_line(shard),
                                   usual, prints(what_loaders_print(shard))),
            .fix = no_fix(std::string(remedy)),
            .group = std::string(safetensors::foreign_name(shard.foreign))});
  }
}

}  // namespace

extern const Check kForeignFile;
constinit const Check kForeignFile{
    .code = "ST102",
    .name = "foreign-file",
    .summary = "a file of another format bears the name of a shard",
    .severity = Severity::kError,
    .repair = Repair::kNever,
    .since = "0.1",
    .run = foreign_file,
};

}  // namespace shardwright
