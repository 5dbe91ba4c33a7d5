// The tensors of a result, each with where it comes from, on their way into a plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/expand.h"
#include "merge/assemble.h"
#include "merge/plan.h"
#include "merge/view.h"
#include "moe/sources.h"
#include "shardwright/dtype.h"

namespace shardwright {

// Where a tensor of the result comes from, for the report.
struct Origin {
  std::optional<std::uint32_t> model{};  // the input that its first part is of
  std::string_view stored{};             // its name there, where that is another
  std::vector<double> given{};  // numbers that are of no file, nor follow from the recipe's text
  std::string why{};
};

struct Composed {
  View view{};                                                // in the form that is expected
  std::map<std::string_view, Origin> origins{};               // by the tensor's name there
  std::set<std::pair<std::size_t, std::string_view>> used{};  // stored tensors, by input

  // Notes that a tensor of an input is a part of what has this origin.
  void use(std::size_t input, const ViewTensor& tensor, Origin& origin);
  // Adds a tensor under the name and shape that are expected of it.
  void add(const ExpectedTensor& tensor, ViewTensor made, Origin origin);
};

// The tensor after a change, read as F32; as it is where there is none.
ViewTensor changed_tensor(const ViewTensor& from, const ElementChange& change,
                          OwnedSources& sources);

// Gives the plan the tensors, each as it is stored or in the dtype that `dtype_of` says.
void plan_tensors(const Composed& composed,
                  const std::function<DType(const ViewTensor& tensor)>& dtype_of, MergePlan& plan);

// Gives the plan, as dropped, each tensor of the inputs that nothing is made of. `why`: of those
// that are left out for no more common reason.
void plan_drops(const Composed& composed, std::span<const MergeInput> inputs,
                const std::function<std::string(std::size_t input, std::string_view name)>& why,
                MergePlan& plan);

}  // namespace shardwright
