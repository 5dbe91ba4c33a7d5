#include "merge/chat_template.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "base/try.h"
#include "base/utf8.h"
#include "io/folder.h"
#include "merge/tokenizer_files.h"

namespace shardwright {
namespace {

constexpr std::uint64_t kMaxTemplate = 4ULL << 20U;

struct NamedTemplate {
  std::string_view name;
  std::string_view text;
};

// The formats as those who trained models on them write them, without a line break in between.
constexpr std::array<NamedTemplate, 5> kTemplates = {{
    {"alpaca", R"({%- for message in messages -%}
{%- if message['role'] == 'system' -%}
{{ message['content'] | trim }}
{%- elif message['role'] == 'user' -%}
{{ '\n\n### Instruction:\n' + message['content'] | trim }}
{%- else -%}
{{ '\n\n### Response:\n' + message['content'] | trim }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt and messages[-1]['role'] != 'assistant' -%}
{{ '\n\n### Response:\n' }}
{%- endif -%})"},
    {"chatml", R"({%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\n' }}
{%- endif -%})"},
    {"exaone", R"({%- for message in messages -%}
{%- if loop.first and message['role'] != 'system' -%}
{{ '[|system|][|endofturn|]\n' }}
{%- endif -%}
{{ '[|' + message['role'] + '|]' + message['content'] }}
{%- if message['role'] == 'user' -%}
{{ '\n' }}
{%- else -%}
{{ '[|endofturn|]\n' }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '[|assistant|]' }}
{%- endif -%})"},
    {"llama3", R"({{- bos_token -}}
{%- for message in messages -%}
{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif -%})"},
    {"mistral", R"({%- set first = '' -%}
{%- set talk = messages -%}
{%- if messages[0]['role'] == 'system' -%}
{%- set first = messages[0]['content'] + '\n\n' -%}
{%- set talk = messages[1:] -%}
{%- endif -%}
{{ bos_token }}
{%- for message in talk -%}
{%- if message['role'] != ('user' if loop.index0 % 2 == 0 else 'assistant') -%}
{{ raise_exception('roles must alternate: user, assistant, user and so on, behind one system message at most') }}
{%- endif -%}
{%- if message['role'] == 'user' -%}
{{ ' [INST] ' + (first if loop.first else '') + message['content'] + ' [/INST]' }}
{%- else -%}
{{ ' ' + message['content'] + eos_token }}
{%- endif -%}
{%- endfor -%})"},
}};

Result<std::string> most_common(const std::vector<const Checkpoint*>& models) {
  std::vector<std::pair<std::string, int>> counts;
  for (const Checkpoint* model : models) {
    const std::string whole = chat_template_of(*model);
    const std::string text(trim(whole));
    if (text.empty()) continue;
    const auto found = std::ranges::find(counts, text, &std::pair<std::string, int>::first);
    if (found == counts.end()) {
      counts.emplace_back(text, 1);
    } else {
      ++found->second;
    }
  }
  if (counts.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "'chat_template' is 'auto', and no model that is merged has a template"};
  }
  return std::ranges::max_element(counts, {}, &std::pair<std::string, int>::second)->first;
}

}  // namespace

Result<std::string> chosen_chat_template(const std::string& asked,
                                         const std::vector<const Checkpoint*>& models) {
  if (asked == "auto") return most_common(models);
  if (asked.find('{') != std::string::npos) return asked;
  if (asked.ends_with(".jinja")) {
    auto text = [&]() -> Result<std::string> {
      SW_TRY(const auto source, open_file(asked));
      return read_all(*source, kMaxTemplate);
    }();
    if (!text) return std::move(text).error().within("'chat_template'");
    if (find_invalid_utf8(*text) != std::string::npos || text->find('{') == std::string::npos) {
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("'chat_template': {} holds no Jinja text", quoted(asked, kShownPath))};
    }
    return text;
  }
  const auto named = std::ranges::find(kTemplates, asked, &NamedTemplate::name);
  if (named != kTemplates.end()) return std::string(named->text);
  return Error{
      ErrorCode::kUnsupported,
      fmt::format("the text of the chat template {} is not built in: give the Jinja text, or "
                  "the path of a file that ends in .jinja",
                  quoted(asked))};
}

}  // namespace shardwright
