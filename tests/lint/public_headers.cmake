# Public headers include each other and the standard library, nothing else: no POSIX, no packages.
# cmake -DROOT=... -P public_headers.cmake
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/law.cmake)

search(includes "^ *# *include" lib/include)
if(NOT includes)
  message(FATAL_ERROR "no #include lines in ${ROOT}/lib/include: the search is wrong")
endif()
foreach(line IN LISTS includes)
  # Headers of the standard library have neither folder nor extension.
  if(NOT line MATCHES ":#include (<[a-z_]+>|\"shardwright/[a-z_]+\\.h\")")
    broken("${line}: neither the standard library nor a public header")
  endif()
endforeach()

file(GLOB headers ${ROOT}/lib/include/shardwright/*.h)
foreach(header IN LISTS headers)
  file(READ ${header} text)
  if(NOT text MATCHES "^// [^\n]+\n")
    broken("${header}:1: a file begins by saying what it is for")
  endif()
  if(NOT text MATCHES "\n#pragma once\n")
    broken("${header}: no #pragma once")
  endif()
endforeach()
list(LENGTH headers count)
verdict("${count} public headers")
