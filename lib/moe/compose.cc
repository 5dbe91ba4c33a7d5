#include "moe/compose.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "arch/name_pattern.h"
#include "base/try.h"
#include "base/utf8.h"
#include "merge/assemble.h"
#include "merge/parts.h"
#include "merge/random.h"
#include "moe/sources.h"

namespace shardwright {
namespace {

using Letters = std::array<std::uint64_t, kMaxLetters>;

class Composer {
 public:
  Composer(const ComposeTask& task, MergePlan& plan) : task_(task), plan_(plan) {}

  Result<Composed> run() {
    for (const ExpectedTensor& tensor : task_.expected.tensors)
      SW_TRY_OK(place(tensor));
    finish_view(out_.view);
    return std::move(out_);
  }

 private:
  Status place(const ExpectedTensor& tensor) {
    if (tensor.optional && tensor.layer >= 0) return ok();  // a layer for speculative decoding
    if (element_count(tensor.shape) == 0U) return add_zeros(tensor);
    if (tensor.role == Role::kRouter || tensor.role == Role::kSharedGate) return add_gate(tensor);
    Letters letters{};
    for (const NumberedName& name : task_.rule.zeros) {
      if (name.match(tensor.name, letters)) return add_zeros(tensor);
    }
    for (const MixtureTensor& made : task_.rule.tensors) {
      if (!made.target.match(tensor.name, letters)) continue;
      return made.is_shared ? add_shared(tensor, made, letters)
                            : add_experts(tensor, made, letters);
    }
    return add_of_base(tensor);
  }

  // --- what no model has -----------------------------------------------------------------------

  Status add_gate(const ExpectedTensor& tensor) {
    const bool shared = tensor.role == Role::kSharedGate;
    const std::size_t first = shared ? task_.recipe.experts.size() : 0;
    const auto rows = tensor.shape.empty() ? 0 : tensor.shape.front();
    if (tensor.shape.size() != 2 || rows != (shared ? 1 : task_.recipe.experts.size())) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("{} would have the shape {}", quoted(tensor.name), shape_text(tensor.shape))};
    }
    Origin origin{.why = fmt::format("a gate by '{}'", gate_mode_name(task_.recipe.gate))};
    for (std::size_t i = 0; task_.gates && i < rows; ++i) {
      const auto row = task_.gates->row(static_cast<std::size_t>(tensor.layer), first + i);
      origin.given.insert(origin.given.end(), row.begin(), row.end());
    }
    add_computed(tensor, gate_source(task_.recipe, task_.gates, tensor, first, task_.seed),
                 std::move(origin));
    return ok();
  }

  Status add_zeros(const ExpectedTensor& tensor) {
    add_computed(tensor, zeros_source(element_count(tensor.shape).value_or(0)), {.why = "zeros"});
    return ok();
  }

  void add_computed(const ExpectedTensor& tensor, std::shared_ptr<const ByteSource> source,
                    Origin origin) {
    ViewTensor made{.adapted = true};
    made.tensor = computed_tensor(tensor.name, tensor.shape, *source);
    made.stored = DType::kF32;
    plan_.sources.push_back(std::move(source));
    out_.add(tensor, made, std::move(origin));
  }

  static Tensor computed_tensor(std::string_view name, ShapeView shape, const ByteSource& source) {
    return {.name = name,
            .shape = shape,
            .dtype = DType::kF32,
            .source = &source,
            .bytes = source.size(),
            .readable = true};
  }

  // --- what the base has -----------------------------------------------------------------------

  Status add_of_base(const ExpectedTensor& tensor) {
    const auto& stored = task_.views.front().tensors;
    const auto found = stored.find(tensor.name);
    if (found == stored.end()) {
      if (tensor.optional) return ok();
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} of the mixture is not in {}", quoted(tensor.name), text_of(0))};
    }
    SW_TRY_OK(fits(tensor, tensor.shape, found->second, 0));
    const auto& patterns = source_of(0).plus_one;
    const bool plus = std::ranges::any_of(patterns, [&](const std::string& pattern) {
      return shardwright::fits(pattern, tensor.name);
    });
    const ViewTensor made =
        changed_tensor(found->second, {.plus = plus ? 1.0 : 0.0}, plan_.sources);
    Origin origin{.why = plus ? "the architecture stores it less one" : ""};
    out_.use(0, found->second, origin);
    out_.add(tensor, made, std::move(origin));
    return ok();
  }

  // --- what experts have -----------------------------------------------------------------------

  Status add_experts(const ExpectedTensor& tensor, const MixtureTensor& made, Letters letters) {
    std::vector<Piece> pieces;
    if (made.by_expert) {
      const std::uint64_t expert = letters[letter("expert")];
      if (expert >= task_.recipe.experts.size()) {
        return Error{
            ErrorCode::kInvalidArgument,
            fmt::format("{} is of an expert that the recipe does not give", quoted(tensor.name))};
      }
      pieces = pieces_of(task_.recipe.experts[expert], made, letters, expert);
    } else {
      for (std::size_t i = 0; i < task_.recipe.experts.size(); ++i) {
        for (const Piece& piece : pieces_of(task_.recipe.experts[i], made, letters, i))
          pieces.push_back(piece);
      }
    }
    return join(tensor, pieces, 0);
  }

  Status add_shared(const ExpectedTensor& tensor, const MixtureTensor& made,
                    const Letters& letters) {
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < made.of.size(); ++i) {  // all of a kind together
      for (std::size_t s = 0; s < task_.recipe.shared.size(); ++s) {
        pieces.push_back({.expert = &task_.recipe.shared[s],
                          .number = task_.recipe.experts.size() + s,
                          .name = made.of[i].fill(letters)});
      }
    }
    return join(tensor, pieces, made.along);
  }

  // A tensor of an expert's model that goes into one of the mixture.
  struct Piece {
    const MoeExpert* expert{};
    std::size_t number{};  // of the expert, shared ones behind the others
    std::string name{};
  };

  std::vector<Piece> pieces_of(const MoeExpert& expert, const MixtureTensor& made,
                               const Letters& letters, std::size_t number) const {
    std::vector<Piece> pieces;
    for (const NumberedName& name : made.of)
      pieces.push_back({.expert = &expert, .number = number, .name = name.fill(letters)});
    return pieces;
  }

  Status join(const ExpectedTensor& tensor, const std::vector<Piece>& pieces, std::size_t along) {
    Origin origin;
    std::vector<ViewTensor> found;
    for (const Piece& piece : pieces) {
      const std::size_t input = input_of(task_.inputs, piece.expert->model);
      const auto& stored = task_.views[input].tensors;
      const auto at = stored.find(piece.name);
      if (at == stored.end()) {
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("{} has no {}, which {} is made of", text_of(input),
                                 quoted(piece.name), quoted(tensor.name))};
      }
      out_.use(input, at->second, origin);
      found.push_back(changed_tensor(at->second, change_of(piece), plan_.sources));
    }
    if (found.size() == 1) {
      SW_TRY_OK(fits(tensor, tensor.shape, found.front(),
                     input_of(task_.inputs, pieces.front().expert->model)));
      out_.add(tensor, found.front(), std::move(origin));
      return ok();
    }
    SW_TRY(const std::vector<ViewPart> parts, parts_of(tensor, found, along));
    SW_TRY(const ViewTensor made, assemble(tensor.name, tensor.shape, parts, plan_.sources));
    out_.add(tensor, made, std::move(origin));
    return ok();
  }

  // Along the first extent one after the other; along the second, side by side.
  Result<std::vector<ViewPart>> parts_of(const ExpectedTensor& tensor,
                                         const std::vector<ViewTensor>& found, std::size_t along) {
    std::vector<ViewPart> parts;
    const std::uint64_t total = element_count(tensor.shape).value_or(0);
    std::uint64_t at = 0;
    for (const ViewTensor& piece : found) {
      const std::uint64_t count = element_count(piece.tensor.shape).value_or(0);
      ViewPart part = whole_part(piece, at);
      if (along == 1) {
        part.rows = piece.tensor.shape.front();
        part.length = part.rows == 0 ? 0 : count / part.rows;
        part.stride = tensor.shape.back();
        at += part.length;
      } else {
        at += count;
      }
      parts.push_back(part);
    }
    std::uint64_t sum = 0;
    for (const ViewPart& part : parts)
      sum += part.rows * part.length;
    if (sum == total) return parts;
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} has the shape {}, and what the models have for it is not as large",
                             quoted(tensor.name), shape_text(tensor.shape))};
  }

  [[nodiscard]] ElementChange change_of(const Piece& piece) const {
    Letters letters{};
    ElementChange change{.noise = piece.expert->noise,
                         .key = random_key(task_.seed, piece.name, piece.number)};
    if (task_.rule.down.match(piece.name, letters)) change.scale = piece.expert->scale;
    return change;
  }

  // --- the rest --------------------------------------------------------------------------------

  Status fits(const ExpectedTensor& tensor, ShapeView shape, const ViewTensor& found,
              std::size_t input) const {
    if (same_shape(shape, found.tensor.shape)) return ok();
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("{} of {} has the shape {}, and {} of the mixture {}",
                    quoted(found.tensor.name), text_of(input), shape_text(found.tensor.shape),
                    quoted(tensor.name), shape_text(shape))};
  }

  [[nodiscard]] std::size_t letter(std::string_view name) const {
    const auto& letters = task_.rule.letters;
    return static_cast<std::size_t>(std::ranges::find(letters, name) - letters.begin());
  }

  [[nodiscard]] const MixtureSource& source_of(std::size_t input) const {
    return *task_.rule.source(task_.inputs[input].expected->schema->name);
  }

  [[nodiscard]] std::string text_of(std::size_t input) const {
    return quoted(task_.inputs[input].model.text);
  }

  const ComposeTask& task_;
  MergePlan& plan_;
  Composed out_;
};

}  // namespace

Result<Composed> compose(const ComposeTask& task, MergePlan& plan) {
  return Composer(task, plan).run();
}

}  // namespace shardwright
