// A small model of an architecture, written by synth and seen as a forward pass sees it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "arch/catalogue.h"
#include "checkpoint/checkpoint.h"
#include "forward/decoder.h"
#include "merge/view.h"
#include "shardwright/synth_job.h"
#include "support/temp_dir.h"

namespace shardwright::test {

class MadeModel {
 public:
  using Settings = std::vector<std::pair<std::string, std::string>>;

  // With `config`, the tensors stay those of the settings, and the config is this.
  explicit MadeModel(const std::string& schema, const Settings& settings = {},
                     const std::string& config = {}) {
    REQUIRE(synth({.schema = schema, .output = folder(), .set = settings, .dtype = "f32"}));
    if (!config.empty()) write_file(folder() + "/config.json", config);
    open();
  }

  // Again, after the files have changed.
  void open() {
    auto opened = open_checkpoint(folder());
    REQUIRE(opened);
    checkpoint_.emplace(*std::move(opened));
    const json::Value& root = config();
    schema_ = catalogue_.by_model_type(*root.find("model_type")->string());
    REQUIRE(schema_ != nullptr);
    auto expanded = expand(*schema_, root);
    REQUIRE(expanded);
    expected_.emplace(*std::move(expanded));
    view_ = view_of({.checkpoint = &*checkpoint_, .expected = &*expected_});
  }

  [[nodiscard]] std::string folder() const { return dir_.file("model"); }
  [[nodiscard]] const json::Value& config() const { return *checkpoint_->config_value(); }
  [[nodiscard]] Result<Decoder> decoder() const { return decoder_of(*expected_, config(), view_); }
  [[nodiscard]] const Tensor& tensor(std::string_view name) const {
    return view_.tensors.at(name).tensor;
  }
  // One key of the config, changed.
  void set(const std::string& key, const std::string& json_text) {
    auto root = config();
    auto& members = std::get<json::Value::Object>(root.data);
    auto value = json::parse(json_text);
    REQUIRE(value);
    std::erase_if(members, [&](const json::Member& member) { return member.key == key; });
    members.push_back({key, std::move(value->root)});
    write_file(folder() + "/config.json", json::dump(root));
    open();
  }

 private:
  TempDir dir_;
  Catalogue catalogue_ = Catalogue::builtin();
  std::optional<Checkpoint> checkpoint_;
  const Schema* schema_{};
  std::optional<Expansion> expected_;
  View view_;
};

}  // namespace shardwright::test
