// Owns: the Linux implementation of the heap's backend.
// Called by: the frontend's life cycle, which hands it to the heap; tests.
// Never: included by the heap.
#pragma once

#include "backend/backend.h"

namespace hakmem {

extern const Backend kLinuxBackend;

}  // namespace hakmem
