# What `cmake --install` puts where, and the Debian packages that CPack makes of it.
#
# Soname: libhakmem.so.MAJOR. Within one major version functions and structure members are only
# added, so that a program keeps running with any later library of the same soname.
include(CMakePackageConfigHelpers)

install(TARGETS hakmem EXPORT hakmemTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    COMPONENT library NAMELINK_COMPONENT development)
install(TARGETS hakmem_static EXPORT hakmemTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
if(TARGET hakmem_uring)
  install(TARGETS hakmem_uring LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT uring)
endif()
install(DIRECTORY include/hakmem DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/hakmem)
install(EXPORT hakmemTargets NAMESPACE hakmem:: DESTINATION ${package_folder}
  COMPONENT development)
configure_package_config_file(cmake/hakmemConfig.cmake.in ${PROJECT_BINARY_DIR}/hakmemConfig.cmake
  INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hakmemConfigVersion.cmake
  COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hakmemConfig.cmake ${PROJECT_BINARY_DIR}/hakmemConfigVersion.cmake
  DESTINATION ${package_folder} COMPONENT development)
# The prefix is known when the file is read: `cmake --install --prefix` and a moved tree change it.
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
  BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE prefix_from_pc)
set(pc_prefix "\${pcfiledir}/${prefix_from_pc}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
endif()
cmake_path(APPEND pc_includedir "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
cmake_path(APPEND pc_libdir "\${prefix}" ${CMAKE_INSTALL_LIBDIR})
configure_file(cmake/hakmem.pc.in ${PROJECT_BINARY_DIR}/hakmem.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/hakmem.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
set(components library development tools)
if(TARGET hakmem_uring)
  list(APPEND components uring)
endif()
foreach(component IN LISTS components)
  set(package_of_library libhakmem${PROJECT_VERSION_MAJOR})
  set(package_of_uring libhakmem-uring${PROJECT_VERSION_MAJOR})
  set(package_of_development libhakmem-dev)
  set(package_of_tools hakmem)
  install(FILES LICENSE RENAME copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package_of_${component}} COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_PACKAGE_CONTACT "the hakmem maintainers <maintainers@hakmem.invalid>")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL ${components})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
# Of whatever has a soname, in every component. A program needs the version that it was linked with,
# or a later one of the same soname.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME ${package_of_library})
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
file(WRITE ${PROJECT_BINARY_DIR}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/triggers)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
  "kernel-aware memory allocator (library)\n malloc for servers: preload it or link it.")
# A package of its own, for few want it. Both carry the soname's number in package and file name, so
# that two major versions are installed side by side.
if(TARGET hakmem_uring)
  set(CPACK_DEBIAN_LIBRARY_PACKAGE_SUGGESTS "${package_of_uring} (= ${PROJECT_VERSION})")
  set(CPACK_DEBIAN_URING_PACKAGE_NAME ${package_of_uring})
  set(CPACK_DEBIAN_URING_PACKAGE_SECTION libs)
  set(CPACK_DEBIAN_URING_PACKAGE_DEPENDS "${package_of_library} (= ${PROJECT_VERSION})")
  set(CPACK_COMPONENT_URING_DESCRIPTION
    "kernel-aware memory allocator (module for io_uring)\n Purges by io_uring where HAKMEM_BACKGROUND or HAKMEM_PURGE asks for it.")
endif()
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME ${package_of_development})
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${package_of_library} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "kernel-aware memory allocator (development files)\n Headers, static library, pkg-config and CMake packages.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME ${package_of_tools})
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${package_of_library} (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_TOOLS_DESCRIPTION
  "kernel-aware memory allocator (command)\n Runs programs on hakmem and checks that they really are.")
include(CPack)
