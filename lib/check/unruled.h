// What can be known of a model that no rule describes. The names, shapes and settings of its class
// are not known, so this speaks only of what no class of transformers does, and of what the
// checkpoint contradicts by itself. The checks read it where they read what a rule explains.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/detect.h"
#include "check/join.h"
#include "shardwright/finding.h"

namespace shardwright {

// The checkpoint has a config. Nothing is said of an adapter's folder, and of what has no
// model_type: another library loads that.
Join join_without_rule(const Checkpoint& checkpoint, const Detection& detection);

// Without a config: the wrappers that stand before all names, the outermost first.
std::vector<std::string> outer_wrappers(const Checkpoint& checkpoint);
// What is said of them then. That of data parallel training is one where the names behind it are
// those of an architecture: a class of another library may have a module of that name.
Join join_without_config(std::vector<std::string> wrappers, bool is_known_behind);

// Its parts. Sizes of no elements:
void find_empty(const Checkpoint& checkpoint, Unruled& unruled);
// Of a class of transformers: weights that are stored as something else, with nothing in the config
// to explain it; another vocabulary than the config's; layers without a tensor; where its tokens'
// rows are, if no doubt is left; and a head that is tied to them.
void find_odd_dtypes(const Checkpoint& checkpoint, Join& join);
void find_other_rows(const Checkpoint& checkpoint, std::string_view model_type, Unruled& unruled);
void find_embedding(const Checkpoint& checkpoint, std::string_view model_type, Unruled& unruled);
void find_tied_head(const Checkpoint& checkpoint, std::string_view model_type, Unruled& unruled);
void find_gaps(const Checkpoint& checkpoint, Unruled& unruled);
// ... and what its config asks for that no such model can be built with.
void find_problems(const Checkpoint& checkpoint, std::string_view model_type, Unruled& unruled);

// Other code than that of transformers may know how to read what is odd: then it is a warning.
std::optional<Severity> severity_without_rule(const Join& join);

}  // namespace shardwright
