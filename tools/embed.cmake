# Files compiled into the library, so that one binary works from anywhere.
#
#   include(embed.cmake)
#   sw_embed(libshardwright builtin_rules ${PROJECT_SOURCE_DIR}/rules/architectures *.json FACTS)
#
# adds a source that defines `std::span<const EmbeddedFile> builtin_rules()`, by name. It is made
# anew when a file changes, comes or goes. With FACTS the files are rules, and builtin_rules_facts()
# gives what finds a rule without parsing it: lines of "type NAME", "alias NAME" and "class NAME".

function(sw_embed target function folder pattern)
  cmake_parse_arguments(PARSE_ARGV 4 arg "FACTS" "" "")
  file(GLOB files CONFIGURE_DEPENDS ${folder}/${pattern})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${function}.cc)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DFUNCTION=${function} -DFOLDER=${folder}
            -DPATTERN=${pattern} -DFACTS=${arg_FACTS} -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    DEPENDS ${files} ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    COMMENT "Embedding ${pattern} of ${folder}"
    VERBATIM)
  set_source_files_properties(${out} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  target_sources(${target} PRIVATE ${out})
endfunction()

# "type qwen2\nclass Qwen2ForCausalLM\n", from the text of a rule.
function(sw_rule_facts text out)
  set(facts "")
  string(JSON types LENGTH "${text}" model_types)
  if(types GREATER 0)
    math(EXPR last "${types} - 1")
    foreach(i RANGE ${last})
      string(JSON type GET "${text}" model_types ${i})
      string(APPEND facts "type ${type}\n")
    endforeach()
  endif()
  foreach(pair "alias|aliases" "class|classes")
    string(REPLACE "|" ";" pair "${pair}")
    list(GET pair 0 word)
    list(GET pair 1 key)
    string(JSON count ERROR_VARIABLE absent LENGTH "${text}" ${key})
    if(NOT absent AND count GREATER 0)
      math(EXPR last "${count} - 1")
      foreach(i RANGE ${last})
        string(JSON name MEMBER "${text}" ${key} ${i})
        string(APPEND facts "${word} ${name}\n")
      endforeach()
    endif()
  endforeach()
  set(${out} "${facts}" PARENT_SCOPE)
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  return()
endif()

cmake_minimum_required(VERSION 3.25)

# Raw strings, so that the made file can be read; no text holds their end.
set(begin "R\"embed(")
set(end ")embed\"")
set(texts "")
set(facts "")
file(GLOB files ${FOLDER}/${PATTERN})
list(SORT files)
foreach(file IN LISTS files)
  file(READ ${file} text)
  string(FIND "${text}" "${end}" held)
  if(NOT held EQUAL -1)
    message(FATAL_ERROR "${file} holds the end of a raw string")
  endif()
  get_filename_component(name ${file} NAME_WLE)
  string(APPEND texts "    {\"${name}\", ${begin}${text}${end}},\n")
  if(FACTS)
    sw_rule_facts("${text}" found)
    string(APPEND facts "    {\"${name}\", ${begin}${found}${end}},\n")
  endif()
endforeach()

list(LENGTH files count)
set(code "// Made by tools/embed.cmake.\n#include <array>\n#include <span>\n\n#include \"base/embedded.h\"\n\nnamespace shardwright {\n\n")
foreach(part "${FUNCTION}|texts" "${FUNCTION}_facts|facts")
  string(REPLACE "|" ";" part "${part}")
  list(GET part 0 name)
  list(GET part 1 variable)
  if(variable STREQUAL "facts" AND NOT FACTS)
    continue()
  endif()
  string(APPEND code "std::span<const EmbeddedFile> ${name}();\n"
    "std::span<const EmbeddedFile> ${name}() {\n"
    "  static constexpr std::array<EmbeddedFile, ${count}> kFiles = {{\n${${variable}}  }};\n"
    "  return kFiles;\n}\n\n")
endforeach()
string(APPEND code "}  // namespace shardwright\n")
file(WRITE ${OUT} "${code}")
