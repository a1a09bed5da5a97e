// Owns: the one thread of ours: its making, its sleep, its end.
// Called by: the frontend's background.cc.
// Never: a signal of the program taken, a descriptor of its table; a child of a fork that believes
// it has the thread.
#pragma once

#include <cstdint>

namespace hakmem {

// What the thread does. On the thread, without a lock of ours.
struct BackgroundWork {
  // Once, before the first step.
  void (*begin)();
  // What is due. Returns the nanoseconds after which it wants to be called again, 0: when woken.
  uint64_t (*step)();
  // The thread is about to sleep until it is woken (true): whoever frees from here on has to rouse
  // it, and one more step shows what was freed before. Or it is awake again.
  void (*sleeping)(bool until_woken);
};
inline constexpr uint64_t kEndOfThread = UINT64_MAX;  // of a step: the thread ends, for good

enum class StartOfThread : uint8_t {
  kMade,
  kBusy,     // it is there, or another thread is making or ending it
  kRefused,  // it cannot be made
};

// Creates the thread, with all signals blocked, a small stack and a table of descriptors of its
// own, which is empty: what it opens no other thread or child of the program has. pthread_create
// allocates: not from inside an allocation, nor between the handlers of a fork.
StartOfThread start_background_thread(const BackgroundWork& work);

// Ends the thread, if it runs, and waits until it has ended: for a step of its, a millisecond or a
// few. Without a lock of ours; not on the thread itself.
void stop_background_thread();

// False in every child until it starts its own, whether it was made by fork, _Fork or clone.
bool background_thread_is_running();

// Makes the thread work now, if it sleeps: 6 to 10 us for the caller. Async-signal-safe.
void wake_background_thread();
// The same, if it sleeps until it is woken.
void rouse_background_thread();

}  // namespace hakmem
