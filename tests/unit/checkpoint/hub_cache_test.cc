#include "checkpoint/hub_cache.h"

#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "checkpoint/checkpoint.h"
#include "support/fixture.h"
#include "support/temp_dir.h"

namespace shardwright {
namespace {

// Sets variables of the environment, and puts back what was there.
class Environment {
 public:
  explicit Environment(const std::map<std::string, std::string>& values) {
    for (const char* name :
         {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME", "SW_X"}) {
      const char* before = std::getenv(name);
      before_[name] = before == nullptr ? std::nullopt : std::optional<std::string>(before);
      const auto value = values.find(name);
      set(name, value == values.end() ? std::nullopt : std::optional(value->second));
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const auto& [name, value] : before_)
      set(name, value);
  }

 private:
  static void set(const std::string& name, const std::optional<std::string>& value) {
    if (value) {
      ::setenv(name.c_str(), value->c_str(), 1);
    } else {
      ::unsetenv(name.c_str());
    }
  }
  std::map<std::string, std::optional<std::string>> before_;
};

constexpr std::string_view kCommit = "0123456789abcdef0123456789abcdef01234567";

// One model with a snapshot, as hf download leaves it.
constexpr std::string_view kCache = R"({"files": {
  "models--org--tiny/refs/main": {"text": "0123456789abcdef0123456789abcdef01234567"},
  "models--org--tiny/refs/v1": {"text": "0123456789abcdef0123456789abcdef01234567\n"},
  "models--org--tiny/refs/evil": {"text": "../../../etc"},
  "models--org--tiny/refs/refs/pr/1": {"text": "0123ffff89abcdef0123456789abcdef01234567"},
  "models--org--tiny/blobs/aaaa": {"json": {"model_type": "llama"}},
  "models--org--tiny/blobs/bbbb": {"tensors": {"a": {"dtype": "F32", "shape": [2], "fill": "iota"}}},
  "models--org--tiny/snapshots/0123456789abcdef0123456789abcdef01234567/config.json":
      {"symlink": "../../blobs/aaaa"},
  "models--org--tiny/snapshots/0123456789abcdef0123456789abcdef01234567/model.safetensors":
      {"symlink": "../../blobs/bbbb"},
  "models--org--tiny/snapshots/0123ffff89abcdef0123456789abcdef01234567/config.json":
      {"symlink": "../../blobs/aaaa"},
  "models--gpt2/refs/main": {"text": "4567"}, "models--gpt2/snapshots/4567": {"folder": true}}})";

}  // namespace

TEST_CASE("checkpoint: what can be a hub id") {
  CHECK(parse_hub_id("org/name")->name == "org/name");
  CHECK(parse_hub_id("gpt2")->name == "gpt2");
  CHECK(parse_hub_id("hf://org/name@v1.0")->name == "org/name");
  CHECK(parse_hub_id("hf://org/name@v1.0")->revision == "v1.0");
  CHECK(parse_hub_id("org/name@refs/pr/1")->revision == "refs/pr/1");
  CHECK(parse_hub_id("Qwen/Qwen2.5-0.5B_x")->revision.empty());
  for (const char* text : {"",
                           "/org/name",
                           "./name",
                           "../name",
                           "a/b/c",
                           "org/",
                           "/name",
                           "a--b/c",
                           "a..b",
                           "name.git",
                           "org/na me",
                           "-org/name",
                           "org/name-",
                           "org/name@",
                           "org/name@../x",
                           "org/name@a b",
                           "org/name@$(x)",
                           "~/model",
                           "größe",
                           "a.safetensors.",
                           "org\n/name"}) {
    CHECK_MESSAGE(!parse_hub_id(text), text);
  }
  CHECK(download_command({"org/name", ""}) == "hf download org/name");
  CHECK(download_command({"org/name", "v1"}) == "hf download org/name --revision v1");
}

TEST_CASE("checkpoint: where the hub cache is") {
  using Values = std::map<std::string, std::string>;
  const auto folder = [](const Values& values) {
    const Environment environment(values);
    return hub_cache_folder();
  };
  CHECK(folder({{"HOME", "/h"}}) == "/h/.cache/huggingface/hub");
  CHECK(folder({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}}) == "/x/huggingface/hub");
  CHECK(folder({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}, {"HF_HOME", "/f"}}) == "/f/hub");
  CHECK(folder({{"HOME", "/h"}, {"HF_HOME", "/f"}, {"HUGGINGFACE_HUB_CACHE", "/u"}}) == "/u");
  CHECK(folder({{"HUGGINGFACE_HUB_CACHE", "/u"}, {"HF_HUB_CACHE", "/c"}}) == "/c");
  CHECK(folder({{"HOME", "/h"}, {"HF_HUB_CACHE", "~/c"}}) == "/h/c");
  CHECK(folder({{"SW_X", "/v"}, {"HF_HUB_CACHE", "$SW_X/c${SW_X}$NO_SUCH_NAME${SW_X"}}) ==
        "/v/c/v$NO_SUCH_NAME${SW_X");
}

TEST_CASE("checkpoint: snapshots are found by branch, tag and commit") {
  const test::TempDir cache;
  test::write_fixture(kCache, cache.path());
  const std::string snapshot = cache.file("models--org--tiny/snapshots/" + std::string(kCommit));
  const auto find = [&](const char* id) { return find_snapshot(*parse_hub_id(id), cache.path()); };
  for (const char* id : {"org/tiny", "org/tiny@main", "org/tiny@v1", "org/tiny@01234",
                         "org/tiny@0123456789abcdef0123456789abcdef01234567"}) {
    const auto found = find(id);
    REQUIRE_MESSAGE(found, id);
    CHECK(*found == snapshot);
  }
  CHECK(find("org/tiny@refs/pr/1")
            .value()
            .ends_with("/snapshots/0123ffff89abcdef0123456789abcdef01234567"));

  CHECK(find("org/tiny@0123").error().message ==
        "'0123' is the start of 2 commits of 'org/tiny' in the hub cache: "
        "0123456789abcdef0123456789abcdef01234567, 0123ffff89abcdef0123456789abcdef01234567");
  CHECK(find("org/tiny@v2").error().code == ErrorCode::kNotFound);
  CHECK(find("org/tiny@v2").error().message ==
        "the hub cache '" + cache.path() +
            "' has 'org/tiny', but not its revision 'v2' (it has "
            "'evil', 'main', 'refs', 'v1'); run: hf download org/tiny --revision v2");
  CHECK(find("org/tiny@evil").error().code == ErrorCode::kNotFound);
  CHECK(find("org/other").error().code == ErrorCode::kNotFound);
  CHECK(find("org/other@v1").error().message ==
        "no file or folder 'org/other', and the hub cache '" + cache.path() +
            "' has no such model; run: hf download org/other --revision v1");
}

TEST_CASE("checkpoint: a hub id opens the snapshot, through its links") {
  const test::TempDir cache;
  test::write_fixture(kCache, cache.path());
  const Environment environment({{"HF_HUB_CACHE", cache.path()}});
  const auto opened = open_checkpoint("org/tiny");
  REQUIRE(opened);
  CHECK(opened->path == "org/tiny");
  CHECK(opened->directory.ends_with(kCommit));
  REQUIRE(opened->shards.size() == 1);
  CHECK(opened->shards[0].entry.is_link);
  CHECK(opened->find("a") != nullptr);
  REQUIRE(opened->config_value() != nullptr);

  CHECK(open_checkpoint("org/tiny@0123ffff").error().message ==
        "'org/tiny@0123ffff' in the hub cache is incomplete, run 'hf download org/tiny --revision "
        "0123ffff': nothing in 'org/tiny@0123ffff' is a model: it has no .safetensors file and no "
        ".safetensors.index.json, only 'config.json'");
  CHECK(open_checkpoint("gpt2").error().message ==
        "'gpt2' in the hub cache is incomplete, run 'hf download gpt2': 'gpt2' is empty");
  CHECK(open_checkpoint("org/other").error().code == ErrorCode::kNotFound);
}

}  // namespace shardwright
