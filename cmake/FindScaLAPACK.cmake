# Finds ScaLAPACK as Debian ships it (scalapack-openmpi) or under its plain name.
# Debian's own package config names targets that do not exist, so it is not used.
#
# Defines the imported target ScaLAPACK::ScaLAPACK, which carries LAPACK, BLAS and MPI.
include(FindPackageHandleStandardArgs)
find_package(LAPACK REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_library(ScaLAPACK_LIBRARY NAMES scalapack-openmpi scalapack)
find_package_handle_standard_args(ScaLAPACK REQUIRED_VARS ScaLAPACK_LIBRARY)
mark_as_advanced(ScaLAPACK_LIBRARY)
if(ScaLAPACK_FOUND AND NOT TARGET ScaLAPACK::ScaLAPACK)
  add_library(ScaLAPACK::ScaLAPACK UNKNOWN IMPORTED)
  set_target_properties(ScaLAPACK::ScaLAPACK PROPERTIES
    IMPORTED_LOCATION "${ScaLAPACK_LIBRARY}"
    INTERFACE_LINK_LIBRARIES "LAPACK::LAPACK;BLAS::BLAS;MPI::MPI_C")
endif()
