// What `check` says: findings, and the fixes that they carry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace shardwright {

// Ordered: a threshold compares with <.
enum class Severity : std::uint8_t {
  kInfo,     // worth knowing; legal oddities are information at most
  kWarning,  // it loads in transformers, and something is probably not meant, or another loader
             // refuses
  kError,    // transformers fails, complains of weights, or computes with wrong ones
};
std::string_view severity_name(Severity severity);  // "info", "warning", "error"
std::optional<Severity> severity_from_name(std::string_view name);

// Where the right value of a fix comes from.
enum class Safety : std::uint8_t {
  kSafe,    // computed from other bytes of the checkpoint
  kUnsafe,  // a convention or a guess that the owner may not share: applied only on request
  kNever,   // it is gone: explained, never applied
};
std::string_view safety_name(Safety safety);  // "safe", "unsafe", "never"

// Edits are data; `repair` plans and applies them. Files are relative to the checkpoint.
namespace edit {

struct DropTensor {
  std::string file, tensor;
};
struct RenameTensor {
  std::string file, from, to;
};
// Same elements in the same order under another shape.
struct ReshapeTensor {
  std::string file, tensor;
  std::vector<std::uint64_t> shape;
};
// The matrix with rows and columns exchanged.
struct TransposeTensor {
  std::string file, tensor;
};
// Writes the shard anew with a canonical header: no gaps, padded, `format` metadata, no trailing
// bytes.
struct RelayShard {
  std::string file;
  bool relabel{};  // `format` becomes "pt" where it is something else, too
};
// Removes a shard that is no part of what is loaded.
struct DropFile {
  std::string file;
};
// Writes the index from the headers of the shards.
struct RebuildIndex {};
// Names the loaded shards that say a number model-00001-of-00002 and so on, in their order.
struct NumberShards {};
// Replaces or inserts one value of a JSON file and keeps every other byte of its text.
struct SetJson {
  std::string file, pointer;  // pointer: RFC 6901
  std::string value;          // JSON text
};

}  // namespace edit

using Edit = std::variant<edit::DropTensor, edit::RenameTensor, edit::ReshapeTensor,
                          edit::TransposeTensor, edit::RelayShard, edit::DropFile,
                          edit::RebuildIndex, edit::NumberShards, edit::SetJson>;

struct Fix {
  Safety safety{};
  std::string summary{};      // imperative: "drop 'lm_head.weight'"; for kNever the reason
  std::vector<Edit> edits{};  // empty where safety is kNever
};

// What a loader does with this checkpoint because of a finding.
struct TargetVerdict {
  std::string name{}, versions{}, verdict{}, prints{};
};

// Why a config file says that a finding does not count.
struct Ignored {
  std::string reason{}, place{};  // "kept for MLX", ".shardwright.toml:3"
};

struct Finding {
  std::string code{};  // "ST104"
  std::string name{};  // "overlapping-ranges"
  Severity severity{};
  std::size_t model{};                // position of the checkpoint among those given
  std::string file{};                 // relative to the checkpoint; empty where places span files
  std::string tensor{};               // the first tensor concerned, or empty
  std::string pointer{};              // RFC 6901 into `file`, or empty
  std::string message{};              // one sentence: what is wrong, where, found, expected
  std::uint64_t count{1};             // how many places; repeats over layers are one finding
  std::vector<std::string> places{};  // every tensor or file, as in the checkpoint's order
  std::vector<TargetVerdict> targets{};
  std::optional<Fix> fix{};
  std::optional<Ignored> ignored{};
};

}  // namespace shardwright
