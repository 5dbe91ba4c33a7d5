// Opening a checkpoint: where it is, which of its files are the model, and then all of them at
// once.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/large_pages.h"
#include "base/parallel.h"
#include "base/try.h"
#include "base/utf8.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/model_path.h"
#include "checkpoint/pickled_shard.h"
#include "checkpoint/read_shard.h"
#include "checkpoint/selection.h"
#include "checkpoint/side_files.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kMaxIndexBytes = 256ULL << 20U;
// A hostile index may name millions.
constexpr std::size_t kMaxIndexedShards = 65'536;

IndexFile read_index_file(const Folder& folder, const std::string& name) {
  IndexFile file{.name = name, .entry = folder.describe(name)};
  const auto source = folder.open(name);
  if (!source) {
    file.error = source.error().message;
    return file;
  }
  auto text = read_all(**source, kMaxIndexBytes);
  if (!text) {
    file.error = text.error().message;
    return file;
  }
  file.index = parse_index(*std::move(text));
  return file;
}

// The key with which a config names its weights itself (transformers 5).
std::string configured_weights(const Checkpoint& checkpoint) {
  const json::Value* config = checkpoint.config_value();
  const json::Value* value = config == nullptr ? nullptr : config->find("transformers_weights");
  const std::string* name = value == nullptr ? nullptr : value->string();
  return name == nullptr ? "" : *name;
}

void gather_tensors(Checkpoint& checkpoint) {
  std::size_t count = 0;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use == ShardUse::kLoaded && shard.header) count += shard.header->tensors.size();
  }
  reserve_large(checkpoint.tensors, count);
  for (std::size_t i = 0; i < checkpoint.shards.size(); ++i) {
    const Shard& shard = checkpoint.shards[i];
    if (shard.use != ShardUse::kLoaded || !shard.header) continue;
    for (const safetensors::TensorEntry& entry : shard.header->tensors) {
      // Numbers of an entry that is not readable are not trusted.
      checkpoint.tensors.push_back(
          {.name = entry.name,
           .shape = entry.shape,
           .dtype = entry.dtype,
           .shard = static_cast<std::uint32_t>(i),
           .source = shard.source.get(),
           .offset = entry.readable ? shard.header->data_start() + entry.begin : 0,
           .bytes = entry.readable ? entry.end - entry.begin : 0,
           .readable = entry.readable});
    }
  }
  checkpoint.build_names();
}

std::vector<std::string_view> indexed_files(const Checkpoint& checkpoint) {
  std::vector<std::string_view> files;
  if (!checkpoint.index) return files;
  for (const auto& file : checkpoint.index->index.files) {
    if (files.size() == kMaxIndexedShards) break;
    files.push_back(file);
  }
  return files;
}

// Reads all there is to read at once: the index, the other JSON files, and the shards that lie in
// the folder, whatever the index will say of them.
std::vector<Shard> read_files(Checkpoint& checkpoint, const std::string& index,
                              const std::vector<std::string>& listed, const OpenOptions& options) {
  const Folder& folder = *checkpoint.folder;
  std::vector<Shard> shards(listed.size());
  const bool alone = checkpoint.kind == CheckpointKind::kFile;
  constexpr std::size_t kOthers = 3;
  parallel_for(kOthers + listed.size(), options.threads, [&](std::size_t task) {
    if (task == 0) {
      if (!index.empty()) checkpoint.index = read_index_file(folder, index);
    } else if (task == 1) {
      if (!alone && options.tokenizer)
        checkpoint.tokenizer = read_tokenizer(folder, checkpoint.config_value());
    } else if (task == 2) {
      if (alone) return;
      for (const std::string& name : side_file_names(folder))
        checkpoint.side_files.push_back(read_side_file(folder, name));
    } else {
      shards[task - kOthers] = read_shard(folder, listed[task - kOthers]);
    }
  });
  if (options.tokenizer) add_side_tokens(checkpoint.side_files, checkpoint.tokenizer);
  return shards;
}

void take_shards(Checkpoint& checkpoint, const Weights& weights,
                 const std::vector<std::string>& listed, const OpenOptions& options) {
  std::vector<Shard> shards = read_files(checkpoint, weights.index, listed, options);
  Selection selection = select_shards(weights, listed, indexed_files(checkpoint));
  checkpoint.index_decides = selection.index_decides;
  checkpoint.outside = std::move(selection.outside);
  const auto listed_shard = [&](const std::string& name) -> Shard* {
    const auto found = std::ranges::lower_bound(listed, name);
    if (found == listed.end() || *found != name) return nullptr;
    return &shards[static_cast<std::size_t>(found - listed.begin())];
  };
  const std::size_t loaded = selection.loaded.size();
  checkpoint.shards.resize(loaded + selection.strays.size());
  // What the index names and the folder does not list: absent files, and those in sub-folders.
  parallel_for(loaded, options.threads, [&](std::size_t i) {
    Shard* shard = listed_shard(selection.loaded[i]);
    checkpoint.shards[i] =
        shard != nullptr ? std::move(*shard) : read_shard(*checkpoint.folder, selection.loaded[i]);
    checkpoint.shards[i].use = ShardUse::kLoaded;
  });
  for (std::size_t i = 0; i < selection.strays.size(); ++i) {
    checkpoint.shards[loaded + i] = std::move(*listed_shard(selection.strays[i]));
    checkpoint.shards[loaded + i].use = ShardUse::kStray;
  }
}

// The shards of a model that torch.save wrote: the files that count, and no others.
Status take_pickled(Checkpoint& checkpoint, const Weights& weights, const OpenOptions& options) {
  read_files(checkpoint, weights.index, {}, options);
  Selection selection = select_shards(weights, {}, indexed_files(checkpoint));
  checkpoint.index_decides = selection.index_decides;
  checkpoint.outside = std::move(selection.outside);
  const std::size_t count = selection.loaded.size();
  checkpoint.shards.resize(count);
  std::vector<Status> read(count, ok());
  parallel_for(count, options.threads, [&](std::size_t i) {
    auto shard = read_pickled_shard(*checkpoint.folder, selection.loaded[i]);
    if (shard) {
      checkpoint.shards[i] = *std::move(shard);
    } else {
      const std::string& name = selection.loaded[i];
      const std::string& folder = checkpoint.directory;
      read[i] = std::move(shard).error().within(
          quoted(folder.empty() ? name : folder + '/' + name, kShownPath));
    }
  });
  for (Status& status : read)
    SW_TRY_OK(std::move(status));
  return ok();
}

std::vector<std::string> shard_names(const Folder& folder) {
  std::vector<std::string> names;
  for (const FolderEntry& entry : folder.entries()) {
    if (is_shard_name(entry.name)) names.push_back(entry.name);
  }
  return names;
}

bool has_index(const Folder& folder) {
  return std::ranges::any_of(folder.entries(),
                             [](const FolderEntry& entry) { return is_index_name(entry.name); });
}

// `named` is the file that the user named, empty for a folder.
Status read_everything(Checkpoint& checkpoint, const std::string& named,
                       const OpenOptions& options) {
  const Folder& folder = *checkpoint.folder;
  if (checkpoint.kind == CheckpointKind::kFile) {
    take_shards(checkpoint, {.single = named}, {named}, options);
    const Shard& shard = checkpoint.shards.front();
    if (shard.source == nullptr) return Error{ErrorCode::kIo, shard.open_error};
    return ok();
  }
  if (folder.find("config.json") != nullptr) {
    checkpoint.config = read_side_file(folder, "config.json");
  }
  if (checkpoint.kind == CheckpointKind::kIndex) {
    take_shards(checkpoint, {.index = named}, {}, options);
    if (!checkpoint.index->error.empty()) return Error{ErrorCode::kIo, checkpoint.index->error};
  } else {
    const std::vector<std::string> names = shard_names(folder);
    if (names.empty() && !has_index(folder)) {
      const Weights pickled = options.pickled ? choose_pickled(folder) : Weights{};
      if (pickled.single.empty() && pickled.index.empty())
        return not_a_model(checkpoint.path, folder);
      return take_pickled(checkpoint, pickled, options);
    }
    take_shards(checkpoint, choose_weights(folder, configured_weights(checkpoint)), names, options);
  }
  return ok();
}

Result<Checkpoint> finish(Checkpoint checkpoint, const std::string& named,
                          const OpenOptions& options) {
  Status read = read_everything(checkpoint, named, options);
  if (checkpoint.folder->lacked_descriptors()) {
    return Error{ErrorCode::kIo,
                 fmt::format("opening all files of {}: this process may have no more open; raise "
                             "the limit that 'ulimit -n' shows",
                             quoted(checkpoint.path, kShownPath))};
  }
  SW_TRY_OK(std::move(read));
  gather_tensors(checkpoint);
  return checkpoint;
}

}  // namespace

Result<Checkpoint> open_checkpoint(const std::string& path, const OpenOptions& options) {
  SW_TRY(auto model, locate_model(path));
  Checkpoint checkpoint;
  checkpoint.path = path;
  checkpoint.directory = model.directory;
  checkpoint.kind = model.kind;
  if (model.kind == CheckpointKind::kFile) {
    SW_TRY(checkpoint.folder, open_folder_of(path));
  } else {
    SW_TRY(checkpoint.folder, open_folder(model.directory));
  }
  auto opened = finish(std::move(checkpoint), model.file, options);
  if (!opened && opened.error().code == ErrorCode::kUnsupported && model.hub_id) {
    // A snapshot of which only the config was fetched.
    return std::move(opened).error().within(
        fmt::format("{} in the hub cache is incomplete, run '{}'", quoted(path),
                    download_command(*model.hub_id)));
  }
  return opened;
}

Result<Checkpoint> open_checkpoint(std::unique_ptr<Folder> folder, const OpenOptions& options,
                                   CheckpointKind kind, const std::string& file) {
  Checkpoint checkpoint;
  checkpoint.kind = kind;
  checkpoint.folder = std::move(folder);
  return finish(std::move(checkpoint), file, options);
}

}  // namespace shardwright
