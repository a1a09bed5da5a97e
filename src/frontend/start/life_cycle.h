// Owns: start-up, thread exit, fork and exit: where everything is wired.
// Called by: the first allocation, the constructor, glibc's hooks.
// Never: anything that can allocate before the heap works.
#pragma once

namespace hakmem {

// Parses the configuration and hands the backend to the heap; once, cheap when done. The first
// allocation of the process or the library's constructor, whichever comes first.
void start_up();

// False also where libc cannot tell, and in a program that once had more.
bool process_has_one_thread();

// Makes the calling thread's exit give its heap back.
void arm_thread_exit();

// For a thread that has no exit hook left, and has got a heap for one call.
void give_up_borrowed_heap();

}  // namespace hakmem
