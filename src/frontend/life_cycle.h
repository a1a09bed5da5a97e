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

// Whether the calling thread's exit hook has run; whether for the last time.
bool thread_is_ending();
bool thread_has_no_exit_left();
// For such a thread, which has got a heap for one call.
void give_up_borrowed_heap();
// For a thread of ours.
void never_give_a_heap();

}  // namespace hakmem
