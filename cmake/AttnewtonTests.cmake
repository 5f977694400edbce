# attnewton_add_test(NAME SOURCES... DEPENDS targets... [RANKS 1 2 3 4] [TIMEOUT seconds])
# One executable, one ctest test NAME.RANKS a rank count. Ranks are not bound, so that jobs of ctest -j share the cores.
set(ATTNEWTON_TEST_ENVIRONMENT
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
  OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader
  OMPI_MCA_btl_vader_single_copy_mechanism=none
  OPENBLAS_NUM_THREADS=1)

function(attnewton_add_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPENDS;RANKS" ${ARGN})
  if(NOT arg_RANKS)
    set(arg_RANKS 1 2 3 4)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  set(target test_${name})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE attnewton_test_support attnewton_warnings ${arg_DEPENDS})
  foreach(ranks IN LISTS arg_RANKS)
    add_test(NAME ${name}.${ranks}
      COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:${target}>)
    set_tests_properties(${name}.${ranks} PROPERTIES
      TIMEOUT ${arg_TIMEOUT} PROCESSORS ${ranks} ENVIRONMENT "${ATTNEWTON_TEST_ENVIRONMENT}")
  endforeach()
endfunction()

# attnewton_add_kernel_runs(NAME RANKS [arguments...]): tests NAME.RANKS.SET that run test_NAME with the kernels of one instruction
# set each (ATTNEWTON_KERNELS) and skip where the machine has no such set.
function(attnewton_add_kernel_runs name ranks)
  find_program(BASH_EXECUTABLE bash REQUIRED)
  foreach(set portable avx2)
    add_test(NAME ${name}.${ranks}.${set}
      COMMAND ${BASH_EXECUTABLE} ${PROJECT_SOURCE_DIR}/mpi_tests/kernels/with_kernels.sh $<TARGET_FILE:available_kernels> ${set}
        ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:test_${name}> ${ARGN})
    set_tests_properties(${name}.${ranks}.${set} PROPERTIES
      TIMEOUT 120 PROCESSORS ${ranks} SKIP_RETURN_CODE 77 ENVIRONMENT "${ATTNEWTON_TEST_ENVIRONMENT}")
  endforeach()
endfunction()
