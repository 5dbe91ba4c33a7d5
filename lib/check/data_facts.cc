#include "check/data_facts.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/try.h"
#include "base/units.h"
#include "check/data_reader.h"
#include "check/equal_values.h"
#include "check/single_file.h"

namespace shardwright {
namespace {

bool same_form(const Tensor& a, const Tensor& b) {
  return a.dtype == b.dtype && same_shape(a.shape, b.shape);
}

// A comparison to make, and who asked for it.
struct Question {
  TensorPair pair{};
  std::size_t tie{kNoTie};  // position in DataFacts::ties; otherwise the tensor is stored twice

  static constexpr std::size_t kNoTie = ~std::size_t{0};
};

void answer(DataFacts& facts, const Checkpoint& checkpoint, const Question& question,
            TieBytes bytes) {
  if (question.tie != Question::kNoTie) {
    facts.ties[question.tie].bytes = bytes;
  } else if (bytes == TieBytes::kDiffer) {
    const std::string_view name = checkpoint.tensors[question.pair.a].name;
    if (std::ranges::find(facts.duplicates_differ, name) == facts.duplicates_differ.end()) {
      facts.duplicates_differ.emplace_back(name);
    }
  }
}

struct Questions {
  std::vector<Question> of_bytes{};   // two of one dtype
  std::vector<Question> of_values{};  // two of which each may hold the other's numbers
};

// Answers from the headers what they can answer; the rest are questions.
Questions ask(const Checkpoint& checkpoint, const Expansion* expected, const DataRequest& request,
              DataFacts& facts) {
  Questions asked;
  auto& [questions, of_values] = asked;
  const auto consider = [&](std::uint32_t a, std::uint32_t b, std::size_t tie) {
    const Tensor& first = checkpoint.tensors[a];
    const Tensor& second = checkpoint.tensors[b];
    const Question question{.pair = {a, b}, .tie = tie};
    const bool numbers = tie != Question::kNoTie && same_shape(first.shape, second.shape) &&
                         holds_same_numbers(first.dtype, second.dtype);
    if (!same_form(first, second) && !numbers) {
      answer(facts, checkpoint, question, TieBytes::kDiffer);
    } else if (first.readable && second.readable) {
      (numbers ? of_values : questions).push_back(question);
    }
  };
  const auto consider_tie = [&](std::uint32_t target, std::uint32_t source) {
    facts.ties.push_back({.target = std::string(checkpoint.tensors[target].name),
                          .source = std::string(checkpoint.tensors[source].name)});
    consider(target, source, facts.ties.size() - 1);
  };
  if (expected != nullptr) {
    for (const ExpectedTie& tie : expected->ties) {
      const auto target = checkpoint.position(tie.target);
      const auto source = checkpoint.position(tie.source);
      if (target && source && *target != *source) consider_tie(*target, *source);
    }
  }
  if (request.tie) consider_tie(request.tie->first, request.tie->second);
  for (const auto& [earlier, kept] : checkpoint.superseded)
    consider(earlier, kept, Question::kNoTie);
  return asked;
}

// For each tensor the length of its rows, where it is a router: two experts whose rows are equal
// cannot be told apart.
std::vector<std::uint64_t> router_rows(const Checkpoint& checkpoint, const Expansion* expected) {
  constexpr std::uint64_t kMaxRowBytes = kMiB;
  std::vector<std::uint64_t> row_bytes(checkpoint.tensors.size());
  if (expected == nullptr) return row_bytes;
  for (const ExpectedTensor& wanted : expected->tensors) {
    if (wanted.role != Role::kRouter || wanted.shape.size() != 2) continue;
    const auto position = checkpoint.position(wanted.name);
    if (!position) continue;
    const Tensor& router = checkpoint.tensors[*position];
    const std::uint64_t bytes = router.bytes / std::max<std::uint64_t>(1, wanted.shape.front());
    if (router.readable && same_shape(router.shape, wanted.shape) &&
        dtype_bits(router.dtype) % 8 == 0 && bytes <= kMaxRowBytes) {
      row_bytes[*position] = bytes;
    }
  }
  return row_bytes;
}

Status read_all(const Checkpoint& checkpoint, const Expansion* expected,
                const std::vector<Question>& questions, const DataRequest& request,
                DataFacts& facts) {
  std::vector<TensorPair> pairs;
  pairs.reserve(questions.size());
  for (const Question& question : questions)
    pairs.push_back(question.pair);
  const std::vector<std::uint64_t> rows = router_rows(checkpoint, expected);
  SW_TRY(auto read, read_tensors(checkpoint.tensors, pairs, rows, request));
  for (std::size_t i = 0; i < questions.size(); ++i)
    answer(facts, checkpoint, questions[i], read.pairs[i]);
  facts.scans = std::move(read.scans);
  facts.digests = std::move(read.digests);
  facts.rows = std::move(read.rows);
  facts.zero_runs = std::move(read.zero_runs);
  facts.error = std::move(read.error);
  facts.complete = facts.error.empty();
  return ok();
}

// Samples what a single file and the shards of an index beside it both hold, up to the first
// difference.
Status compare_sets(const Checkpoint& checkpoint, const DataRequest& request, DataFacts& facts) {
  if (!checkpoint.index || single_file(checkpoint) == nullptr) return ok();
  const auto& files = checkpoint.index->index.files;
  for (const Shard& shard : checkpoint.shards) {
    if (shard.use != ShardUse::kStray || !shard.header || !shard.source ||
        std::ranges::find(files, shard.file) == files.end()) {
      continue;
    }
    for (const safetensors::TensorEntry& entry : shard.header->tensors) {
      if (request.monitor.stopped()) return Error{ErrorCode::kInterrupted, "interrupted"};
      const Tensor* loaded = checkpoint.find(entry.name);
      if (loaded == nullptr || !loaded->readable || !entry.readable) continue;
      const Tensor other{.name = entry.name,
                         .shape = entry.shape,
                         .dtype = entry.dtype,
                         .source = shard.source.get(),
                         .offset = shard.header->data_start() + entry.begin,
                         .bytes = entry.end - entry.begin,
                         .readable = true};
      if (!same_form(*loaded, other)) continue;
      const auto bytes = compare_sample(*loaded, other);
      if (bytes && *bytes == TieBytes::kDiffer) {
        facts.sets_differ = entry.name;
        return ok();
      }
    }
  }
  return ok();
}

Status read_samples(const Checkpoint& checkpoint, const std::vector<Question>& questions,
                    const DataRequest& request, DataFacts& facts) {
  for (const Question& question : questions) {
    if (request.monitor.stopped()) return Error{ErrorCode::kInterrupted, "interrupted"};
    const auto bytes =
        compare_sample(checkpoint.tensors[question.pair.a], checkpoint.tensors[question.pair.b]);
    if (bytes) {
      answer(facts, checkpoint, question, *bytes);
    } else if (facts.error.empty()) {
      facts.error = bytes.error().message;
    }
  }
  return ok();
}

// Beside all that is read otherwise: few models need it.
Status read_values(const Checkpoint& checkpoint, const std::vector<Question>& questions,
                   const DataRequest& request, DataFacts& facts) {
  for (const Question& question : questions) {
    const auto values =
        compare_values(checkpoint.tensors[question.pair.a], checkpoint.tensors[question.pair.b],
                       request.all, request.monitor);
    if (values) {
      answer(facts, checkpoint, question, *values);
    } else if (values.error().code == ErrorCode::kInterrupted) {
      return values.error();
    } else if (facts.error.empty()) {
      facts.error = values.error().message;
      facts.complete = false;
    }
  }
  return ok();
}

}  // namespace

Result<DataFacts> read_data(const Checkpoint& checkpoint, const Expansion* expected,
                            const DataRequest& request) {
  DataFacts facts;
  const Questions questions = ask(checkpoint, expected, request, facts);
  SW_TRY_OK(request.all ? read_all(checkpoint, expected, questions.of_bytes, request, facts)
                        : read_samples(checkpoint, questions.of_bytes, request, facts));
  SW_TRY_OK(read_values(checkpoint, questions.of_values, request, facts));
  SW_TRY_OK(compare_sets(checkpoint, request, facts));
  if (!request.all && request.watched) {
    for (const Tensor& tensor : checkpoint.tensors)
      facts.scans.push_back(request.watched(tensor).value_or(ScanResult()));
  }
  if (request.norms) {
    for (const Tensor& tensor : checkpoint.tensors)
      facts.norms.push_back(request.norms(tensor));
  }
  return facts;
}

}  // namespace shardwright
