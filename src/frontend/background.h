// Owns: who gives idle memory back: the background thread, the kernel at a deadline, or whoever
// frees.
// Called by: the life cycle (start-up), the safe point.
// Never: a thread in a program that has none, unless it is asked for.
#pragma once

namespace hakmem {

// Lets the page heap hand purging over, as the configuration has it.
void prepare_background();

// At a safe point.
void make_background_thread();

void background_after_fork_in_child();

// Each is false also where libc cannot tell (glibc before 2.32).
bool process_has_threads();
bool process_has_one_thread();

// "thread", "uring" or "none": a thread comes when there is something for it to do.
const char* background_in_use();

}  // namespace hakmem
