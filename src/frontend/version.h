// Owns: the version, as the build gives it.
// Called by: the control API, the printed configuration.
// Never: a second place with the number; the project's is in CMakeLists.txt.
#pragma once

#ifndef HAKMEM_VERSION_STRING
#error "HAKMEM_VERSION_STRING comes from the build"
#endif
