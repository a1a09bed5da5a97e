// Owns: giving many ranges back in one call, process_madvise(2), Linux 6.15 for the process itself.
// Called by: the purge ladder, where a person asked for it and there is no filter.
// Never: a descriptor that a child could inherit or a program close.
#pragma once

#include "backend/linux/memory/purge_ladder.h"

namespace hakmem {

PurgeProgress purge_by_process_madvise(const AddressRange* ranges, size_t count);

}  // namespace hakmem
