// Owns: the message for an access that hit a guard page of the checks.
// Called by: the life cycle's constructor, where the checks are on.
// Never: a handler of the program's replaced; a fault survived.
#pragma once

namespace hakmem {

// Describes faults in guards on stderr, then lets them end the process as they would without us.
// The program may put its own handler in the place of ours, which then sees the fault alone.
void watch_guards();

}  // namespace hakmem
