// Owns: who gives idle memory back: the background thread, or whoever frees.
// Called by: the life cycle (start-up), the safe point.
// Never: a thread in a program that has none, unless it is asked for.
#pragma once

namespace hakmem {

// Lets the page heap hand purging over, as the configuration has it.
void prepare_background();

// At a safe point.
void make_background_thread();

// The program is about to install a filter, or runs under one: when this returns there is no thread
// of ours any more and none will be made, and purges are what libc's malloc calls, for good.
void confine();
bool is_confined();

// A thread of the program has ended: ours ends before the program is alone, and before this
// returns.
void background_after_thread_exit();
void background_after_fork_in_child();

// "thread", "uring" (a thread that purges through a ring) or "none": a thread comes when there is
// something for it to do.
const char* background_in_use();

}  // namespace hakmem
