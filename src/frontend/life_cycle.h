// Owns: start-up, thread exit, fork and exit: where everything is wired.
// Called by: the first allocation, the constructor, glibc's hooks.
// Never: anything that can allocate before the heap works.
#pragma once

namespace hakmem {

// Parses the configuration and hands the backend to the heap; once, cheap when done. The first
// allocation of the process or the library's constructor, whichever comes first.
void start_up();

// Makes the calling thread's exit give its heap back.
void arm_thread_exit();

// Whether the calling thread's exit hook has run.
bool thread_is_ending();

}  // namespace hakmem
