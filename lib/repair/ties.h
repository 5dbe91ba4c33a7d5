// The form of a tied head, where the owner asks for one.
#pragma once

#include <string>
#include <vector>

#include "check/check.h"
#include "repair/stored.h"
#include "repair/workshop.h"
#include "shardwright/finding.h"
#include "shardwright/repair_job.h"
#include "shardwright/result.h"

namespace shardwright {

// The fix of this finding decides about a tie: where a form is asked for, the form decides.
bool is_about_ties(const Model& model, const Finding& finding);

// Brings the ties of the model into the form, as far as they are not. kInvalidArgument where that
// cannot be: no rule, or bytes that differ.
Status apply_form(Workshop& work, const Stored& stored, TieForm form);

}  // namespace shardwright
