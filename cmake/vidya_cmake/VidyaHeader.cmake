# Where backend.h is, and the ABI version that it declares. Installed, it lies in the sibling
# package `vidya`; in a checkout, under runtime/.
foreach(_dir "${CMAKE_CURRENT_LIST_DIR}/../vidya/include"
             "${CMAKE_CURRENT_LIST_DIR}/../../runtime/include")
  if(EXISTS "${_dir}/vidya/backend.h")
    get_filename_component(_vidya_include_dir "${_dir}" ABSOLUTE)
    break()
  endif()
endforeach()
if(NOT _vidya_include_dir)
  message(FATAL_ERROR "vidya/backend.h is missing beside ${CMAKE_CURRENT_LIST_DIR}; "
                      "reinstall with: pip install --force-reinstall vidya-runtime")
endif()

file(STRINGS "${_vidya_include_dir}/vidya/backend.h" _vidya_lines REGEX "define VD_ABI_M[AI][JN]OR")
string(REGEX MATCH "VD_ABI_MAJOR ([0-9]+)" _ "${_vidya_lines}")
set(_vidya_abi_major "${CMAKE_MATCH_1}")
string(REGEX MATCH "VD_ABI_MINOR ([0-9]+)" _ "${_vidya_lines}")
set(_vidya_abi "${_vidya_abi_major}.${CMAKE_MATCH_1}")
