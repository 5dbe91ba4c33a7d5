# The tree speaks of the product alone: no paths of one machine, no notes to oneself, clean text.
# cmake -DROOT=... -P tree.cmake
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/law.cmake)

set(where . --exclude-dir=.git --exclude=.git --exclude-dir=build --exclude-dir=__pycache__ --exclude=LICENSE)

# law(MESSAGE PATTERN [GREP ARGUMENT...])
function(law message pattern)
  search(lines "${pattern}" ${where} ${ARGN})
  foreach(line IN LISTS lines)
    broken("${line}: ${message}")
  endforeach()
endfunction()

# Brackets keep the patterns from finding themselves.
law("a path of one machine" "/(roo[t]|hom[e]/[a-z]+|wor[k]|op[t]/[a-z]+)/")
law("a note to oneself" "\\b(TO[D]O|FIX[M]E|XX[X])\\b")
law("a blank at the end of the line" "[[:blank:]]$" --exclude-dir=corpus --exclude-dir=regressions)
law("a tab" "\t" --include=*.cc --include=*.h --include=*.cmake --include=CMakeLists.txt --include=*.json)
law("a Windows line end" "\r$" --exclude-dir=corpus --exclude-dir=regressions)
verdict("text of the tree")
