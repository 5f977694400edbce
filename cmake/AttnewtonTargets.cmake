# attnewton_add_module(NAME SOURCES... DEPENDS targets...): one static library a module, attnewton::NAME.
add_library(attnewton_options INTERFACE)
target_compile_features(attnewton_options INTERFACE cxx_std_20)
target_include_directories(attnewton_options INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:include>")
# Eigen must not start threads of its own beside oneTBB's.
target_compile_definitions(attnewton_options INTERFACE EIGEN_DONT_PARALLELIZE)

add_library(attnewton_warnings INTERFACE)
target_compile_options(attnewton_warnings INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${ATTNEWTON_WERROR}>:-Werror>)
if(ATTNEWTON_SANITIZE)
  target_compile_options(attnewton_options INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(attnewton_options INTERFACE -fsanitize=address,undefined)
endif()

function(attnewton_add_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(attnewton_${name} STATIC ${arg_SOURCES})
  add_library(attnewton::${name} ALIAS attnewton_${name})
  target_link_libraries(attnewton_${name}
    PUBLIC attnewton_options ${arg_DEPENDS}
    PRIVATE $<BUILD_INTERFACE:attnewton_warnings> ${arg_PRIVATE_DEPENDS})
endfunction()
