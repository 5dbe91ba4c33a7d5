// A checkpoint opened: shards, index, config and side files, as facts. Nothing here judges;
// whatever cannot be opened or parsed is kept beside its error, and `check` says what that means.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/name_set.h"
#include "checkpoint/index.h"
#include "io/folder.h"
#include "json/value.h"
#include "safetensors/header.h"
#include "shardwright/dtype.h"
#include "shardwright/result.h"
#include "tensor/shape.h"
#include "tokenizer/facts.h"

namespace shardwright {

enum class CheckpointKind : std::uint8_t {
  kFolder,
  kFile,   // one .safetensors file, judged without what lies beside it
  kIndex,  // an index given by name: its shards, without strays, and the config beside it
};

// Why a .safetensors file of the folder counts as part of the model, or does not.
enum class ShardUse : std::uint8_t {
  kLoaded,  // transformers reads it
  kStray,   // it lies beside what transformers reads
};

struct Shard {
  std::string file{};  // relative to the folder
  FolderEntry entry{};
  ShardUse use{};
  bool present{};                        // an entry of that name exists (it may still be no file)
  std::unique_ptr<ByteSource> source{};  // null where it cannot be opened
  std::string open_error{};              // why it cannot be opened or its header cannot be read
  safetensors::ForeignKind foreign{};    // what the file is, where it is no safetensors file
  std::string start{};                   // first bytes of a foreign file, at most 1 KiB
  std::optional<safetensors::Header>
      header{};  // absent where the file is foreign or cannot be read
};

// A stored tensor. Its bytes may come from any source.
struct Tensor {
  std::string_view name;  // lives as long as the Checkpoint
  ShapeView shape;
  DType dtype{};
  std::uint32_t shard{};  // position in Checkpoint::shards
  const ByteSource* source{};
  std::uint64_t offset{};  // of the first byte in the source
  std::uint64_t bytes{};
  bool readable{};  // the bytes are there and have the size that dtype and shape need

  // Fills `into` from byte `from` of the tensor. kInvalidArgument past its end or where it is not
  // readable. Thread-safe.
  [[nodiscard]] Status read(std::uint64_t from, MutableBytes into) const;
};

// Whether dtype and every byte are the same; both are read in pieces, up to the first difference.
Result<bool> same_bytes(const Tensor& a, const Tensor& b);

// A JSON file beside the shards.
struct SideFile {
  std::string name{};
  std::string text{};                        // as it is, where it was read
  std::optional<json::Document> document{};  // where it parsed
  std::string error{};  // why it could not be read or parsed: with line and column
};

struct IndexFile {
  std::string name{};  // "model.safetensors.index.json"
  FolderEntry entry{};
  Index index{};
  std::string error{};  // it could not be read: `index` is empty
};

// A tensor whose name comes again: transformers keeps the later one. Positions in
// Checkpoint::tensors.
struct Superseded {
  std::uint32_t earlier{}, kept{};
};

struct Checkpoint {
  Checkpoint() = default;
  Checkpoint(Checkpoint&&) = default;
  Checkpoint& operator=(Checkpoint&&) = default;
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;
  ~Checkpoint() = default;

  std::string path{};       // as given
  std::string directory{};  // the folder that holds it, on the local disk
  CheckpointKind kind{};
  std::unique_ptr<Folder> folder{};

  std::vector<Shard> shards{};  // loaded ones in the loader's order, then strays; by name each
  std::optional<IndexFile> index{};
  bool index_decides{};  // the loaded shards come from the index, not from a single file or a glob
  std::vector<std::string> outside{};  // names in the index that leave the folder: never opened

  std::vector<Tensor>
      tensors{};  // of loaded shards, in order; a name may stand twice in two shards
  std::optional<SideFile> config{};    // config.json
  std::vector<SideFile> side_files{};  // the other JSON files, by name (see side_files.h)

  // Where OpenOptions::tokenizer asks for it and a file of a tokenizer is there.
  std::optional<TokenizerFacts> tokenizer{};

  // The tensor of that name (of several, the one that transformers keeps: the last), or null.
  [[nodiscard]] const Tensor* find(std::string_view name) const;
  // Its position in `tensors`.
  [[nodiscard]] std::optional<std::uint32_t> position(std::string_view name) const;
  // Of `side_files` the one of that name, or null.
  [[nodiscard]] const SideFile* side_file(std::string_view name) const;
  [[nodiscard]] const json::Value* config_value() const;  // the config's root object, or null

  // Positions in `tensors` by name, for find(), and of the tensors of which find() gives a later
  // one, in order; made anew when `tensors` is complete.
  NameSet names{};
  std::vector<Superseded> superseded{};
  void build_names();
};

// Of its tensors, in order. They live as long as the checkpoint.
std::vector<std::string_view> names_of(const Checkpoint& checkpoint);

struct OpenOptions {
  int threads{};     // for headers of many shards; 0: all available
  bool tokenizer{};  // read the tokenizer's files, too
  // Of a folder without any .safetensors file, read those that torch.save wrote (pytorch_model.bin,
  // adapter_model.bin). What they hold beside tensors is an error, not a fact.
  bool pickled{};
};

// Opens what a MODEL argument names (cli.md): a folder, a file, an index, or a hub id in the local
// cache. kNotFound where there is no such path (for a hub id with the `hf download` line to run),
// kUnsupported where nothing in it is a model, kIo where it cannot be read; what stands in the way
// of pickled weights as pickle/archive.h has it.
Result<Checkpoint> open_checkpoint(const std::string& path, const OpenOptions& options = {});

// The same from a folder that is not on the local disk (tests, results that are not yet written,
// later remote ones). `file` is the shard or the index that was named, where the kind has one.
Result<Checkpoint> open_checkpoint(std::unique_ptr<Folder> folder, const OpenOptions& options = {},
                                   CheckpointKind kind = CheckpointKind::kFolder,
                                   const std::string& file = {});

}  // namespace shardwright
