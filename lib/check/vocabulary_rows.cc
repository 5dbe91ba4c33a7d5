#include "check/vocabulary_rows.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "arch/query.h"
#include "base/text.h"
#include "check/causes.h"
#include "check/other_config.h"

namespace shardwright {
namespace {

bool has_vocabulary_rows(const ExpectedTensor& tensor) {
  return (tensor.role == Role::kEmbedding || tensor.role == Role::kHead) && !tensor.shape.empty();
}

// Whether the tensor is as that asks; its stored name may be a wrapped one.
bool is_as_asked(const Expansion& expansion, const ShapeMismatch& mismatch) {
  const ExpectedTensor* wanted = expansion.find(mismatch.expected->name);
  return wanted != nullptr && same_shape(wanted->shape, mismatch.stored->shape);
}

// Whether each stored tensor whose rows differ between the two has those of the second.
bool all_agree(const Model& model, const Expansion& other) {
  return std::ranges::all_of(model.checkpoint.tensors, [&](const Tensor& stored) {
    const ExpectedTensor* wanted = model.expected_of(stored);
    if (wanted == nullptr || !has_vocabulary_rows(*wanted)) return true;
    const ExpectedTensor* changed = other.find(wanted->name);
    return changed == nullptr || same_shape(changed->shape, wanted->shape) ||
           (!stored.shape.empty() && stored.shape.front() == changed->shape.front());
  });
}

// The dotted keys that may count the rows: that of the tokens first.
std::vector<std::string> keys_to_try(const Model& model, std::uint64_t stated) {
  const Expansion& expected = *model.expected;
  const json::Value& config = *model.checkpoint.config_value();
  const ConfigQuery query(*expected.schema, config, expected.class_name);
  std::vector<std::string> keys = {dotted_key(expected.vocabulary_pointer)};
  for (const std::string_view key : keys_read(*expected.schema)) {
    const auto value = query.of_key(key);
    const std::int64_t* number = value ? value->integer() : nullptr;
    if (number == nullptr || *number < 0 || static_cast<std::uint64_t>(*number) != stated) continue;
    std::string spelling = spelling_in(config, *expected.schema, key);
    if (spelling != keys.front()) keys.push_back(std::move(spelling));
  }
  return keys;
}

// The config's key that counts the rows of this tensor; none where no single one does.
std::optional<OtherVocabulary> key_of(const Model& model, const ShapeMismatch& mismatch) {
  const Expansion& expected = *model.expected;
  const json::Value& config = *model.checkpoint.config_value();
  const std::uint64_t stated = mismatch.expected->shape.front();
  const json::Value rows{static_cast<std::int64_t>(mismatch.stored->shape.front())};
  for (const std::string& key : keys_to_try(model, stated)) {
    const auto other = expand_with(expected, config, key, rows, MoreContradictions::kAny);
    if (!other || !is_as_asked(*other, mismatch)) continue;
    OtherVocabulary found{.stated = stated, .agree = all_agree(model, *other)};
    for (const std::string_view step : split(key, '.'))
      found.pointer.append("/").append(json::pointer_step(step));
    found.of_tokens = found.pointer == expected.vocabulary_pointer;
    return found;
  }
  return std::nullopt;
}

}  // namespace

std::vector<OtherVocabulary> other_vocabularies(const Model& model) {
  std::vector<OtherVocabulary> found;
  for (const ShapeMismatch& mismatch : model.join.mismatched) {
    if (explanation_of(mismatch) != MismatchCause::kVocabulary) continue;
    OtherVocabulary own =
        key_of(model, mismatch)
            .value_or(OtherVocabulary{
                .stated = model.expected->vocabulary.value_or(mismatch.expected->shape.front()),
                .pointer = model.expected->vocabulary_pointer,
                .of_tokens = true});
    const auto same = std::ranges::find(found, own.pointer, &OtherVocabulary::pointer);
    OtherVocabulary& vocabulary = same != found.end() ? *same : found.emplace_back(std::move(own));
    vocabulary.tensors.push_back(mismatch.stored);
  }
  return found;
}

}  // namespace shardwright
