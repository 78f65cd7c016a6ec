# find_package(Vidya 1 CONFIG REQUIRED) gives the header-only target Vidya::vidya. The version is
# that of the C ABI, not of the distribution, because the ABI is all that a plugin depends on.

include("${CMAKE_CURRENT_LIST_DIR}/VidyaHeader.cmake")
set(Vidya_INCLUDE_DIR "${_vidya_include_dir}")

if(NOT TARGET Vidya::vidya)
  add_library(Vidya::vidya INTERFACE IMPORTED)
  set_target_properties(Vidya::vidya PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${Vidya_INCLUDE_DIR}")
endif()
