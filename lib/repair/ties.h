// The form of a tied head, where the owner asks for one: see also plan_form() of plan.h.
#pragma once

#include "check/check.h"
#include "shardwright/finding.h"

namespace shardwright {

// The fix of this finding decides about a tie: where a form is asked for, the form decides.
bool is_about_ties(const Model& model, const Finding& finding);

}  // namespace shardwright
