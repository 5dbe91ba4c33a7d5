#include "tools/options.h"

#include <charconv>
#include <set>
#include <utility>

#include <boost/program_options.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "report/words.h"

namespace shardwright {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kHelpColumn = 28;

Error usage_error(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

// "--select" of whatever Boost has kept of the word that the user wrote.
std::string dashed(std::string_view name) {
  while (name.starts_with('-'))
    name.remove_prefix(1);
  return dashed_name(name.substr(0, name.find('=')));
}

}  // namespace

std::string dashed_name(std::string_view name) {
  return fmt::format("{}{}", name.size() == 1 ? "-" : "--", name);
}

void OptionSet::flag(std::string name, bool& into, std::string help) {
  rows_.push_back({std::move(name), {}, std::move(help), false, &into});
}

void OptionSet::idle(std::string name, std::string placeholder, bool& seen, std::string help) {
  if (placeholder.empty()) {
    rows_.push_back({std::move(name), {}, std::move(help), true, &seen});
    return;
  }
  values(
      std::move(name), std::move(placeholder),
      [&seen](const std::string&) {
        seen = true;
        return ok();
      },
      std::move(help));
}

void OptionSet::value(std::string name, std::string placeholder, Convert into, std::string help) {
  rows_.push_back(
      {std::move(name), std::move(placeholder), std::move(help), false, std::move(into)});
}

void OptionSet::value(std::string name, std::string placeholder, std::string& into,
                      std::string help) {
  value(
      std::move(name), std::move(placeholder),
      [&into](const std::string& text) -> Status {
        if (text.empty()) return usage_error("takes a value that is not empty");
        into = text;
        return ok();
      },
      std::move(help));
}

void OptionSet::value(std::string name, std::string placeholder, int& into, std::string help) {
  value(
      std::move(name), std::move(placeholder),
      [&into](const std::string& text) -> Status {
        int number = 0;
        const char* end = text.data() + text.size();
        const auto [last, error] = std::from_chars(text.data(), end, number);
        if (error != std::errc{} || last != end || number < 1) {
          return usage_error(fmt::format("takes a whole number above 0, not {}", shown(text)));
        }
        into = number;
        return ok();
      },
      std::move(help));
}

void OptionSet::values(std::string name, std::string placeholder, Convert into, std::string help) {
  rows_.push_back(
      {std::move(name), std::move(placeholder), std::move(help), true, std::move(into)});
}

void OptionSet::values(std::string name, std::string placeholder, std::vector<std::string>& into,
                       std::string help) {
  values(
      std::move(name), std::move(placeholder),
      [&into](const std::string& text) -> Status {
        std::vector<std::string> pieces = split_list(text);
        if (pieces.empty()) return usage_error("takes a value that is not empty");
        into.insert(into.end(), pieces.begin(), pieces.end());
        return ok();
      },
      std::move(help));
}

void OptionSet::choice_index(std::string name, std::vector<std::string> words,
                             std::function<void(std::size_t)> into, std::string help) {
  std::string placeholder = fmt::format("{}", fmt::join(words, "|"));
  value(
      std::move(name), std::move(placeholder),
      [words = std::move(words), into = std::move(into)](const std::string& text) -> Status {
        for (std::size_t i = 0; i < words.size(); ++i) {
          if (words[i] != text) continue;
          into(i);
          return ok();
        }
        return usage_error(fmt::format("takes {}, not {}", fmt::join(words, ", "), shown(text)));
      },
      std::move(help));
}

void OptionSet::arguments(std::string placeholder, std::vector<std::string>& into,
                          std::size_t least, std::size_t most) {
  arguments_placeholder_ = std::move(placeholder);
  arguments_ = &into;
  least_ = least;
  most_ = most;
}

Status OptionSet::parse(std::span<const std::string> words) const {
  po::options_description described;
  for (const Row& row : rows_) {
    const std::string name = row.name.size() == 1 ? "," + row.name : row.name;
    if (row.placeholder.empty()) {
      described.add_options()(name.c_str(), "");
    } else {
      described.add_options()(name.c_str(), po::value<std::string>(), "");
    }
  }

  po::parsed_options parsed(nullptr);
  try {
    // A prefix of an option is not the option: what it means would change with the next version.
    const int style = po::command_line_style::unix_style &
                      ~static_cast<int>(po::command_line_style::allow_guessing);
    parsed = po::command_line_parser(std::vector<std::string>(words.begin(), words.end()))
                 .options(described)
                 .style(style)
                 .run();
  } catch (const po::unknown_option& error) {
    const std::string name = dashed(error.get_option_name());
    std::vector<std::string> dashed_names;
    for (const Row& row : rows_)
      dashed_names.push_back(dashed_name(row.name));
    const std::vector<std::string_view> known(dashed_names.begin(), dashed_names.end());
    return usage_error(fmt::format("unknown option {}{}", shown(name), did_you_mean(name, known)));
  } catch (const po::error_with_option_name& error) {
    const std::string name = dashed(error.get_option_name());
    for (const Row& row : rows_) {
      if (dashed_name(row.name) != name) continue;
      return usage_error(row.placeholder.empty()
                             ? fmt::format("option '{}' takes no value", name)
                             : fmt::format("option '{}' needs a value: {}", name, row.placeholder));
    }
    return usage_error(error.what());
  } catch (const po::error& error) {
    return usage_error(error.what());
  }

  std::set<std::string> seen;
  for (const po::option& option : parsed.options) {
    if (option.position_key >= 0) {
      if (arguments_ == nullptr || (most_ > 0 && arguments_->size() == most_)) {
        return usage_error(fmt::format("unexpected argument {}", shown(option.value.front())));
      }
      arguments_->push_back(option.value.front());
      continue;
    }
    for (const Row& row : rows_) {
      // Boost keeps the dash of a short one.
      if ((row.name.size() == 1 ? "-" + row.name : row.name) != option.string_key) continue;
      if (!seen.insert(row.name).second && !row.repeats) {
        return usage_error(fmt::format("option '{}' is given twice", dashed_name(row.name)));
      }
      if (bool* const* flag = std::get_if<bool*>(&row.into)) {
        **flag = true;
      } else if (Status status = std::get<Convert>(row.into)(option.value.front()); !status) {
        return usage_error(
            fmt::format("option '{}' {}", dashed_name(row.name), status.error().message));
      }
    }
  }
  if (arguments_ != nullptr && arguments_->size() < least_) {
    return usage_error(fmt::format("no {} given", arguments_placeholder_));
  }
  return ok();
}

std::vector<OptionFacts> OptionSet::facts() const {
  std::vector<OptionFacts> facts;
  for (const Row& row : rows_)
    facts.push_back({row.name, row.placeholder, row.help, row.repeats});
  return facts;
}

std::string help_text(const std::vector<OptionFacts>& options) {
  std::string out;
  for (const OptionFacts& option : options) {
    std::string left = "  " + dashed_name(option.name);
    if (!option.placeholder.empty()) left += " " + option.placeholder;
    // A long option has its help on the next line.
    if (left.size() + 2 > kHelpColumn) {
      out += left + "\n" + std::string(kHelpColumn, ' ');
    } else {
      left.resize(kHelpColumn, ' ');
      out += left;
    }
    out += option.help + "\n";
  }
  return out;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> pieces;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view piece = text.substr(0, comma);
    if (!piece.empty()) pieces.emplace_back(piece);
    if (comma == std::string_view::npos) return pieces;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace shardwright
