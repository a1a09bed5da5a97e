// Owns: the statistics as text and as JSON.
// Called by: malloc_stats, hakmem_print_statistics, exit with HAKMEM_STATS.
// Never: an allocation, stdio.
#pragma once

namespace hakmem {

void print_statistics(int descriptor);
// One object; "schema" rises when a name changes its meaning or goes.
void print_statistics_as_json(int descriptor);

// The same to the file of HAKMEM_STATS_FILE, or to stderr where none is named.
void print_statistics_at_exit();

}  // namespace hakmem
