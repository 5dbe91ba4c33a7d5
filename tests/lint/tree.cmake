# The tree speaks of the product alone: no paths of one machine, no notes to oneself, clean text.
# cmake -DROOT=... -P tree.cmake
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/law.cmake)

# Inputs of fuzz targets are bytes, not text.
set(where . --exclude-dir=corpus --exclude-dir=regressions --exclude-dir=.git --exclude=.git --exclude-dir=build --exclude-dir=__pycache__ --exclude=LICENSE)

# law(MESSAGE PATTERN [GREP ARGUMENT...])
function(law message pattern)
  # What a law includes comes first: grep takes files that no option names by the first option.
  search(lines "${pattern}" ${ARGN} ${where})
  foreach(line IN LISTS lines)
    broken("${line}: ${message}")
  endforeach()
endfunction()

# Brackets keep the patterns from finding themselves.
law("a path of one machine" "/(roo[t]|hom[e]/[a-z]+|wor[k]|op[t]/[a-z]+)/")
law("a note to oneself" "\\b(TO[D]O|FIX[M]E|XX[X])\\b")
law("a blank at the end of the line" "[[:blank:]]$")
law("a tab" "\t" --include=*.cc --include=*.h --include=*.cmake --include=CMakeLists.txt --include=*.json)
law("a Windows line end" "\r$")
verdict("text of the tree")
