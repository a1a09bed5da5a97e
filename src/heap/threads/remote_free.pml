/* Owns: the protocol of remote frees against abandoning and adopting a heap, for spin(1).
 * Code: remote_free.cc (deliver, collect_if_abandoned), heap_registry.cc (abandon, adopt_heap).
 * Never: two threads that change one heap at once (assertions in `inside`); a batch that lies in the
 * inbox of a heap that nobody will look at (the last assertion, when all threads are gone).
 *
 * All steps on `state` and the inbox are sequentially consistent in the code, and atomic here. */

mtype = { owned, abandoned, claimed };

mtype state = owned;
byte inbox = 0;      /* batches posted and not taken in */
byte inside = 0;     /* threads that change the heap */
byte taken = 0;      /* batches taken in */
byte running = 4;

inline enter() { inside++; assert(inside == 1) }
inline leave() { assert(inside == 1); inside-- }

/* ThreadHeap::collect_inbox, by whoever may change the heap */
inline collect() {
  enter();
  atomic { taken = taken + inbox; inbox = 0 };
  leave()
}

/* collect_if_abandoned; the two reads of the loop are two steps */
inline collect_if_abandoned() {
  do
  :: atomic { inbox == 0 -> break }
  :: else ->
     if
     :: atomic { state == abandoned -> state = claimed };
        collect();
        state = abandoned
     :: atomic { state != abandoned -> break }
     fi
  od
}

/* heap_registry.cc: abandon */
inline abandon() {
  collect();
  state = abandoned;
  collect_if_abandoned()
}

/* A thread that frees two batches of blocks of the heap. */
active [2] proctype sender() {
  byte left = 2;
  do
  :: left > 0 ->
     atomic { inbox++; left-- };
     collect_if_abandoned()
  :: else -> break
  od;
  running--
}

/* The thread that owns the heap at first: works, then ends. */
active proctype owner() {
  do
  :: collect()
  :: break
  od;
  abandon();
  running--
}

/* A new thread, which adopts the heap if it finds it abandoned, works, and ends as well. */
active proctype adopter() {
  if
  :: atomic { state == abandoned -> state = owned };
     do
     :: collect()
     :: break
     od;
     abandon()
  :: skip
  fi;
  running--
}

active proctype observer() {
  running == 0;
  assert(state == abandoned);
  assert(inbox == 0);
  assert(taken == 4)
}
