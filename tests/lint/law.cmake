# For the scripts of this folder: search() finds lines, break() reports one, verdict() ends the script.

# search(OUT PATTERN WHERE...): the lines of the files or folders WHERE that match the extended
# regular expression, as "file:line:text" with files relative to ROOT. Arguments of grep may stand
# among WHERE.
function(search out pattern)
  execute_process(COMMAND grep -rnIE ${pattern} ${ARGN} WORKING_DIRECTORY ${ROOT}
                  OUTPUT_VARIABLE lines ERROR_VARIABLE trouble RESULT_VARIABLE code)
  if(code GREATER 1)
    message(FATAL_ERROR "grep: ${trouble}")
  endif()
  # Text of files is no CMake list: what would split or join it is replaced first.
  string(REGEX REPLACE "[][;\\]" "?" lines "${lines}")
  string(STRIP "${lines}" lines)
  string(REPLACE "\n" ";" lines "${lines}")
  set(${out} "${lines}" PARENT_SCOPE)
endfunction()

function(broken message)
  message(NOTICE "${message}")
  set_property(GLOBAL APPEND PROPERTY broken_laws x)
endfunction()

function(verdict subject)
  get_property(all GLOBAL PROPERTY broken_laws)
  list(LENGTH all count)
  if(count)
    message(FATAL_ERROR "${subject}: ${count} against the law")
  endif()
  message(NOTICE "${subject}: none against the law")
endfunction()
