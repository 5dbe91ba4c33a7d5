// SW_TRY(auto x, expr): x is the value of expr, or this function returns its error.
// SW_TRY_OK(expr): the same for a Status.
#pragma once

#include "shardwright/result.h"

#define SW_CONCAT_IMPL(a, b) a##b
#define SW_CONCAT(a, b) SW_CONCAT_IMPL(a, b)
#define SW_TRY(decl, ...) SW_TRY_IMPL(SW_CONCAT(sw_try_, __LINE__), decl, __VA_ARGS__)
#define SW_TRY_IMPL(tmp, decl, ...)                    \
  auto tmp = (__VA_ARGS__);                            \
  if (!tmp.has_value()) return std::move(tmp).error(); \
  decl = std::move(tmp).value()
#define SW_TRY_OK(...)                                                                   \
  do {                                                                                   \
    if (auto sw_status = (__VA_ARGS__); !sw_status) return std::move(sw_status).error(); \
  } while (false)
