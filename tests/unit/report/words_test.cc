#include "report/words.h"

#include <array>
#include <cstdint>
#include <limits>

#include <doctest/doctest.h>

namespace shardwright {

TEST_CASE("report: counts") {
  CHECK(counted(1, "tensor") == "1 tensor");
  CHECK(counted(0, "tensor") == "0 tensors");
  CHECK(counted(90'317, "tensor") == "90,317 tensors");
  CHECK(counted(2, "entry", "entries") == "2 entries");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'000) == "1,000");
  CHECK(grouped(std::numeric_limits<std::uint64_t>::max()) == "18,446,744,073,709,551,615");
  CHECK(short_count(9'999) == "9,999");
  CHECK(short_count(10'000) == "10.0 K");
  CHECK(short_count(999'949) == "1.00 M");
  CHECK(short_count(213'123'072) == "213 M");
  CHECK(short_count(671'026'419'200) == "671 B");
}

TEST_CASE("report: a summary names only what there is") {
  CHECK(summary_text({.error = 1, .warning = 0, .info = 2}) == "1 error, 2 info");
  CHECK(summary_text({}) == "nothing found");
}

TEST_CASE("report: a word of a shell means the same name again") {
  CHECK(shell_word("models/a-b_1.0") == "models/a-b_1.0");
  CHECK(shell_word("my model") == "'my model'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("-rf") == "./-rf");
  CHECK(shell_word("$(reboot)") == "'$(reboot)'");
  CHECK(shell_word("größe") == "'größe'");
  CHECK(shell_word("a\nb'") == "$'a\\x0ab\\''");
}

TEST_CASE("report: a repair goes beside the model") {
  CHECK(repaired_path(".") == "../repaired");
  CHECK(repaired_path("/") == "//../repaired");
  CHECK(repaired_path("/proc/self/") == "/proc/self-repaired");
  // What is not there is a hub id: the folder goes where the user is.
  CHECK(repaired_path("google/gemma-2-2b@main") == "gemma-2-2b-repaired");
  CHECK(repaired_path("model.safetensors") == "model-repaired");
}

TEST_CASE("report: progress fits its line") {
  const Progress progress{.what = "checking", .done = 1'500'000, .total = 3'000'000};
  CHECK(progress_text(progress, 0) == "checking: 50%, 1.50 MB of 3.00 MB");
  CHECK(progress_text(progress, 30) == "chec…: 50%, 1.50 MB of 3.00 MB");
  CHECK(progress_text(progress, 10) == "50%, 1.50 MB of 3.00 MB");
  CHECK(progress_text({.what = "reading", .done = 5, .total = 0}, 0) == "reading: 5 bytes");
}

TEST_CASE("report: a near word is offered") {
  constexpr std::array<std::string_view, 2> kWords = {"check", "repair"};
  CHECK(did_you_mean("chek", kWords) == "; did you mean 'check'?");
  CHECK(did_you_mean("zzzzzzzz", kWords).empty());
}

}  // namespace shardwright
