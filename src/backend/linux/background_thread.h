// Owns: the one thread of ours: its creation, its sleep, whether it is there.
// Called by: the frontend's background.cc.
// Never: a signal of the program taken; a child of a fork that believes it has the thread.
#pragma once

#include <cstdint>

namespace hakmem {

// Does what is due. Returns the nanoseconds after which it wants to be called again, 0: when woken.
using BackgroundWork = uint64_t (*)();

// Creates the thread, detached, with all signals blocked and a small stack. False when it cannot be
// made (EAGAIN: too many threads) or is there already. pthread_create allocates: not from inside an
// allocation, nor between the handlers of a fork.
bool start_background_thread(BackgroundWork work);

// False in every child until it starts its own, whether it was made by fork, _Fork or clone: the
// thread's state is wiped there (MADV_WIPEONFORK, Linux 4.14).
bool background_thread_is_running();

// Makes the thread work now, if it sleeps: 6 to 10 us for the caller. Async-signal-safe.
void wake_background_thread();
// The same, if it sleeps until it is woken; it costs nothing otherwise.
void rouse_background_thread();

}  // namespace hakmem
