# Run at every build (cmake -P): asks git for the commit, so that provenance is right without configuring again.
execute_process(COMMAND git -C "${SOURCE_DIR}" describe --always --dirty --abbrev=12 --exclude=*
  OUTPUT_VARIABLE ATTNEWTON_GIT_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR ATTNEWTON_GIT_COMMIT STREQUAL "")
  set(ATTNEWTON_GIT_COMMIT "unknown")
endif()
configure_file("${INPUT}" "${OUTPUT}" @ONLY)
