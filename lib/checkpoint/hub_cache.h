// Models in the local cache of huggingface_hub, by their hub id. The network is never asked.
//
// The cache is a folder of folders (huggingface_hub 1.x, constants.py and file_download.py):
//   models--ORG--NAME/refs/REVISION            the commit of a branch or tag
//   models--ORG--NAME/snapshots/COMMIT/FILE    links into models--ORG--NAME/blobs/
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shardwright/result.h"

namespace shardwright {

struct HubId {
  std::string name{};      // "org/name", or "name" for the oldest models
  std::string revision{};  // branch, tag, or the first digits of a commit; empty: main
};

// The id in "org/name", "org/name@rev" or "hf://org/name@rev"; none where the text cannot be one.
std::optional<HubId> parse_hub_id(std::string_view text);

// The command that fetches it: "hf download org/name --revision rev".
std::string download_command(const HubId& id);

// Where the cache is: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub,
// XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub: the first whose variable is set.
std::string hub_cache_folder();

// The folder of the snapshot in this cache. kNotFound with the command to run.
Result<std::string> find_snapshot(const HubId& id, const std::string& cache);

}  // namespace shardwright
