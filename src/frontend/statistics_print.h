// Owns: the statistics as text.
// Called by: malloc_stats, hakmem_print_statistics, exit with HAKMEM_STATS.
// Never: an allocation, stdio.
#pragma once

namespace hakmem {

void print_statistics(int descriptor);

}  // namespace hakmem
