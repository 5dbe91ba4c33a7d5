// A small checkpoint in memory, read whole and with digests, as repair has it.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "job/check_model.h"
#include "job/rehearse.h"
#include "support/fixture.h"
#include "support/memory_folder.h"
#include "support/rule_case.h"

namespace shardwright::test {

inline CheckedModel checked(std::string_view description) {
  auto folder = std::make_unique<MemoryFolder>();
  for (const FixtureFile& file : make_fixture(rule_case(description)))
    folder->add_file(file.name, file.bytes);
  const RepairOptions options;
  auto checkpoint = open_checkpoint(std::move(folder), open_options(options.check)).value();
  return check_checkpoint(std::move(checkpoint), "model",
                          std::make_shared<const Catalogue>(Catalogue::builtin()),
                          full_check(options), {.digests = true})
      .value();
}

}  // namespace shardwright::test
