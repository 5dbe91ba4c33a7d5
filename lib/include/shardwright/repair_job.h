// `shardwright repair` as a library call. The policy is docs/repair.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shardwright/check_job.h"
#include "shardwright/finding.h"
#include "shardwright/progress.h"
#include "shardwright/result.h"

namespace shardwright {

// The form that the owner wants for a tied head, whatever the findings say.
enum class TieForm : std::uint8_t { kAsFound, kDrop, kMaterialize, kUntie };

struct RepairOptions {
  std::string output{};  // a new or empty folder; empty: in place
  bool unsafe{};         // also fixes that need a decision
  bool partial{};        // publish although errors are left
  bool copy{};           // never link
  bool dry_run{};
  TieForm tie{};
  std::string layout{};  // rewrite to this layout; empty: as found
  // arch, rules, threads, monitor, severity. `select` and `ignore` choose the fixes to apply; what
  // they leave out still counts as a finding.
  CheckOptions check{};
};

// One step of the plan.
struct PlanStep {
  std::string op{};  // "drop", "rename", "reshape", "relay", "index", "set", ...
  std::string file{}, tensor{}, why{}, code{};
  Safety safety{};
};

struct RepairReport {
  std::string model{};
  std::vector<PlanStep> plan{};
  std::vector<Finding> left{};  // what a check of the result finds, also where it is not published
  Summary before{}, after{};
  bool published{};  // the target holds the result
  bool nothing_to_do{};
  std::uint64_t bytes_written{};
  std::uint64_t bytes_linked{};
  std::string refused{};  // why nothing was published, where that is so
  // Fixes that are left although they were wanted, why a form or layout cannot be had, what an
  // index carries along unchanged, and files that could not be carried.
  std::vector<std::string> notes{};
};

Result<RepairReport> repair(const std::string& path, const RepairOptions& options);

// Puts back what the last repair in place replaced, byte for byte. kNotFound where there is
// nothing.
Result<std::vector<std::string>> undo_repair(const std::string& path, bool dry_run);

// Deletes what is kept for undo; with `dry_run`, only whether that could be done. kNotFound where
// there is nothing.
Status forget_repair(const std::string& path, bool dry_run = false);

}  // namespace shardwright
