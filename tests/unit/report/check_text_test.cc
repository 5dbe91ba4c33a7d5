#include <string>

#include <doctest/doctest.h>

#include "report/findings_text.h"
#include "shardwright/report.h"
#include "unit/report/sample.h"

namespace shardwright {

TEST_CASE("report: a clean model is one line with its facts") {
  CHECK(check_text({sound_model()}) ==
        "models/sound: nothing found: gemma2, 290 tensors in 2 shards, 2.61 B parameters, 5.23 GB, "
        "tied head\n");
  CHECK(check_text({sound_model()}, {.quiet = true}).empty());
}

TEST_CASE("report: findings stand under their file, with fixes and the commands that apply them") {
  CHECK(
      check_text({broken_model()}) ==
      "models/broken one: gemma2, 290 tensors in 2 shards, 2.61 B parameters, 5.23 GB, tied head\n"
      "\n"
      "the checkpoint as a whole\n"
      "  error AR401 missing-tensor: 64 tensors are nowhere stored\n"
      "    64 places: 'layers.0.q_proj.weight', 'layers.1.q_proj.weight', "
      "'layers.2.q_proj.weight' and 61 more\n"
      "    no fix: the values are gone\n"
      "\n"
      "model-00002-of-00002.safetensors\n"
      "  warning AR410 spurious-tied-head: 'lm_head.weight' repeats 'model.embed_tokens.weight'\n"
      "    mlx-lm 0.2: refuses it, and prints 'Received 1 parameters not in model'\n"
      "    fix (safe): drop 'lm_head.weight'\n"
      "\n"
      "1 error, 1 warning\n"
      "repair: shardwright repair 'models/broken one' --output 'broken one-repaired'\n");
}

TEST_CASE("report: a fix that needs a decision is offered with its option, apart from safe ones") {
  ModelReport model = broken_model();
  model.findings.erase(model.findings.begin());
  model.findings[0].fix->safety = Safety::kUnsafe;
  CHECK(check_text({model}).ends_with(
      "1 warning\nrepair, after reading the fix: shardwright repair "
      "'models/broken one' --output 'broken one-repaired' --unsafe\n"));
  model.findings.push_back(spurious_head());
  const std::string text = check_text({model});
  CHECK(text.find("apply the safe fixes: shardwright repair 'models/broken one' --output "
                  "'broken one-repaired'\n") != std::string::npos);
  CHECK(text.ends_with(" --output 'broken one-repaired' --unsafe\n"));
}

TEST_CASE("report: the command that repairs judges by the architecture that was asked for") {
  ModelReport model = broken_model();
  model.architecture->requested = true;
  CHECK(check_text({model}).ends_with(" --output 'broken one-repaired' --arch gemma2\n"));
}

TEST_CASE("report: several models end with a total, and quiet prints findings alone") {
  const std::vector<ModelReport> models = {
      sound_model(), broken_model(), {.path = "gone", .error = "no such folder: 'gone'"}};
  CHECK(check_text(models).ends_with(
      "\n3 models: 1 error, 1 warning in 1, 1 could not be checked\n"));
  CHECK(check_text(models, {.quiet = true})
            .starts_with("models/broken one\n\nthe checkpoint as a whole\n  error AR401"));
  CHECK(check_text(models, {.quiet = true}).ends_with("fix (safe): drop 'lm_head.weight'\n"));
}

TEST_CASE("report: names from files cannot command the terminal") {
  ModelReport model = broken_model();
  model.path = "evil\x1b[2J";
  model.findings = {spurious_head()};
  model.findings[0].file = "a\x1b]0;x\x07.safetensors";
  const std::string text = check_text({model}, {.color = false});
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\x07') == std::string::npos);
  CHECK(text.find("shardwright repair $'evil\\x1b[2J'") != std::string::npos);
}

TEST_CASE("report: colour is only where it is asked for") {
  CHECK(check_text({broken_model()}, {.color = true}).find("\x1b[1;31merror\x1b[0m") !=
        std::string::npos);
  CHECK(check_text({broken_model()}).find('\x1b') == std::string::npos);
}

TEST_CASE("report: lines wrap between words at the width, and names stay whole") {
  CHECK(wrapped({.width = 40}, 2, "one two three four five six seven eight nine ten") ==
        "  one two three four five six seven\n    eight nine ten\n");
  const std::string name(60, 'x');
  CHECK(wrapped({.width = 40}, 2, "see " + name + " there") ==
        "  see\n    " + name + "\n    there\n");
  CHECK(wrapped({.width = 0}, 2, name + " " + name) == "  " + name + " " + name + "\n");
}

}  // namespace shardwright
