# Finds FFTW 3 in double precision, of which Debian ships no CMake package.
#
# Defines the imported target FFTW3::fftw3.
include(FindPackageHandleStandardArgs)
find_path(FFTW3_INCLUDE_DIR NAMES fftw3.h)
find_library(FFTW3_LIBRARY NAMES fftw3)
find_package_handle_standard_args(FFTW3
  REASON_FAILURE_MESSAGE "install libfftw3-dev (scripts/install_dependencies.sh does)"
  REQUIRED_VARS FFTW3_LIBRARY FFTW3_INCLUDE_DIR)
mark_as_advanced(FFTW3_LIBRARY FFTW3_INCLUDE_DIR)
if(FFTW3_FOUND AND NOT TARGET FFTW3::fftw3)
  add_library(FFTW3::fftw3 UNKNOWN IMPORTED)
  set_target_properties(FFTW3::fftw3 PROPERTIES
    IMPORTED_LOCATION "${FFTW3_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${FFTW3_INCLUDE_DIR}")
endif()
