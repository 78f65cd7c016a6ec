"""CMake's view of vidya: `find_package(Vidya)` finds the plugin header through this package.

scikit-build-core takes this directory from the entry point `cmake.root`; any other build passes
`-DVidya_ROOT=$(python -m vidya_cmake)`.
"""
