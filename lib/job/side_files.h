// The files beside the weights that a result has from its donor: tokenizer, generation config,
// templates, code. And those that it does not get.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"
#include "merge/plan.h"
#include "shardwright/result.h"
#include "write/disk.h"

namespace shardwright {

inline constexpr std::string_view kCardName = "README.md";

// What decides that; all that is pointed to must outlive it.
struct SideFiles {
  const MergePlan* plan{};
  const Checkpoint* donor{};
  const SideFiles* makers{};  // of the document that makes the donor; null: files hold the donor
  bool keeps_papers{};        // the donor's README.md and its licence
  bool copy_tokenizer{};
  int threads{};
};

// Whether the result does not get the donor's file, or gets it with another text.
bool is_left(const SideFiles& files, std::string_view name);

// Whether the donor is a file of weights alone. What lies around it belongs to nobody knows what.
bool donor_is_file(const SideFiles& files);

// Whether the result keeps a README.md of the donor's own.
bool keeps_card(const SideFiles& files);

// The bytes of the files that are carried.
std::uint64_t side_bytes(const SideFiles& files);

// Copies them into the folder `to`; what `also_left` is true of stays behind, too.
Status carry_side_files(const Disk& disk, const SideFiles& files, const std::string& to,
                        const std::function<bool(std::string_view name)>& also_left);

}  // namespace shardwright
