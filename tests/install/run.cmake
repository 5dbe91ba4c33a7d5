# cmake -DBUILD=... -DROOT=... -DLIBDIR=lib -DCOMPILER=... -DFLAGS=... -DWRITE_FIXTURE=... -P run.cmake
cmake_minimum_required(VERSION 3.25)

set(stage ${BUILD}/tests/install/stage)
set(consumer ${BUILD}/tests/install/consumer)
set(model ${BUILD}/tests/install/model)
file(REMOVE_RECURSE ${stage} ${consumer} ${model})

# run(OUT COMMAND...): OUT is standard output; anything but success ends the test.
function(run out)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE text ERROR_VARIABLE trouble RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "${line}\nended with ${code}:\n${text}${trouble}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

function(expect what found expected)
  if(NOT found STREQUAL expected)
    message(FATAL_ERROR "${what}: found\n${found}\nexpected\n${expected}")
  endif()
endfunction()

# The files: the command, its completions and manual, the library, every public header, every rule and JSON Schema,
# four files of the package.
run(ignored ${CMAKE_COMMAND} --install ${BUILD} --prefix ${stage})
file(GLOB_RECURSE found RELATIVE ${stage} ${stage}/*)
file(GLOB headers RELATIVE ${ROOT}/lib ${ROOT}/lib/include/shardwright/*.h)
file(GLOB_RECURSE rules RELATIVE ${ROOT} ${ROOT}/rules/*)
file(GLOB schemas RELATIVE ${ROOT}/docs ${ROOT}/docs/schemas/*)
list(TRANSFORM rules PREPEND share/shardwright/)
list(TRANSFORM schemas PREPEND share/shardwright/)
set(texts share/bash-completion/completions/shardwright share/fish/vendor_completions.d/shardwright.fish
    share/man/man1/shardwright.1 share/zsh/site-functions/_shardwright)
set(package ${LIBDIR}/cmake/shardwright)
set(expected bin/shardwright share/doc/shardwright/LICENSE ${LIBDIR}/libshardwright.a ${headers} ${rules} ${schemas} ${texts}
    ${package}/shardwrightConfig.cmake ${package}/shardwrightConfigVersion.cmake
    ${package}/shardwrightTargets.cmake)
# One more file of the package, named after the build type.
list(FILTER found EXCLUDE REGEX "shardwrightTargets-[a-z]+\\.cmake$")
list(SORT found)
list(SORT expected)
expect("installed files" "${found}" "${expected}")

# A consumer that knows nothing but the prefix.
run(ignored ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${consumer} -G Ninja
    -DCMAKE_PREFIX_PATH=${stage} -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS}
    -DCMAKE_BUILD_TYPE=Debug)
run(ignored ${CMAKE_COMMAND} --build ${consumer})
run(ignored ${WRITE_FIXTURE} ${CMAKE_CURRENT_LIST_DIR}/model.json ${model})
run(said ${CMAKE_COMMAND} -E chdir ${model}/.. ${consumer}/consumer model)
file(READ ${CMAKE_CURRENT_LIST_DIR}/expected.txt expected)
expect("what the consumer prints" "${said}" "${expected}")

# The command from its new place needs nothing of the build.
run(version ${stage}/bin/shardwright --version)
if(NOT version MATCHES "^shardwright [0-9]+\\.[0-9]+\\.[0-9]+\n$")
  message(FATAL_ERROR "--version printed '${version}'")
endif()
foreach(text IN LISTS texts)
  file(SIZE ${stage}/${text} size)
  if(size LESS 1000)
    message(FATAL_ERROR "${text} has ${size} bytes")
  endif()
endforeach()
message(NOTICE "installed, and used by a consumer")
