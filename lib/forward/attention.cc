#include "forward/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/parallel.h"
#include "forward/product.h"

namespace shardwright {
namespace {

constexpr std::size_t kQueriesAtOnce = 64;

// A head of some queries of one sequence.
struct AttentionPart {
  std::size_t begin{};                   // of the sequence, in tokens
  std::size_t first_query{}, queries{};  // within it
  std::size_t head{};
};

// Scores of one query: those of keys [from, to) become parts of a whole, all others 0.
void soften(std::span<float> scores, std::size_t from, std::size_t to) {
  const auto seen = scores.subspan(from, to - from);
  const float most = *std::ranges::max_element(seen);
  double sum = 0;
  for (float& score : seen) {
    score = std::exp(score - most);
    sum += score;
  }
  for (float& score : seen)
    score = static_cast<float>(score / sum);
  std::ranges::fill(scores.first(from), 0.0F);
  std::ranges::fill(scores.subspan(to), 0.0F);
}

void attend_part(const AttentionShape& shape, const AttentionPart& part, const float* queries,
                 const float* keys, const float* values, float* out) {
  const std::size_t last = part.first_query + part.queries;
  const std::size_t first = shape.window == 0 || part.first_query < shape.window
                                ? 0
                                : part.first_query - shape.window + 1;
  const std::size_t count = last - first;
  const std::size_t kv_head = part.head / (shape.heads / shape.kv);
  const std::size_t query = part.begin + part.first_query;
  const std::size_t key = part.begin + first;
  std::vector<float> scores(part.queries * count);
  multiply({.rows = part.queries,
            .columns = count,
            .inner = shape.head,
            .a = queries + (query * shape.heads + part.head) * shape.head,
            .a_stride = shape.heads * shape.head,
            .b = keys + (key * shape.kv + kv_head) * shape.head,
            .b_stride = shape.kv * shape.head,
            .b_transposed = true,
            .factor = static_cast<float>(shape.score_factor),
            .c = scores.data(),
            .c_stride = count});
  for (std::size_t i = 0; i < part.queries; ++i) {
    const std::size_t to = part.first_query + i + 1 - first;
    const std::size_t from = shape.window == 0 || to < shape.window ? 0 : to - shape.window;
    soften(std::span(scores).subspan(i * count, count), from, to);
  }
  multiply({.rows = part.queries,
            .columns = shape.head_value,
            .inner = count,
            .a = scores.data(),
            .a_stride = count,
            .b = values + (key * shape.kv + kv_head) * shape.head_value,
            .b_stride = shape.kv * shape.head_value,
            .c = out + (query * shape.heads + part.head) * shape.head_value,
            .c_stride = shape.heads * shape.head_value});
}

}  // namespace

void attend(const AttentionShape& shape, std::span<const std::size_t> lengths,
            std::span<const float> queries, std::span<const float> keys,
            std::span<const float> values, int threads, const Meter* meter, std::span<float> out) {
  std::vector<AttentionPart> parts;
  std::size_t begin = 0;
  for (const std::size_t length : lengths) {
    for (std::size_t first = 0; first < length; first += kQueriesAtOnce) {
      for (std::size_t head = 0; head < shape.heads; ++head) {
        parts.push_back({.begin = begin,
                         .first_query = first,
                         .queries = std::min(kQueriesAtOnce, length - first),
                         .head = head});
      }
    }
    begin += length;
  }
  parallel_for(parts.size(), threads, [&](std::size_t i) {
    if (meter != nullptr && meter->stopped()) return;
    attend_part(shape, parts[i], queries.data(), keys.data(), values.data(), out.data());
  });
}

std::size_t attention_floats(std::size_t length) {
  return std::min(kQueriesAtOnce, length) * length;
}

}  // namespace shardwright
