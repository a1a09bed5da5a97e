// Owns: the library's word to `hakmem run`: that it serves this process, or who does instead.
// Called by: life_cycle.cc, in the constructor.
// Never: a descriptor left open; silence when somebody listens; a wait in a process that nobody
// asked about, or of more than seconds.
#pragma once

namespace hakmem {

// If HAKMEM_HANDSHAKE names this process and an abstract socket (unix(7)), as "PROCESS/NAME",
// connects to it and sends one packet: "+" and the mode when the process' malloc is ours, "-" and
// the file whose malloc comes first otherwise. Waits for the other end to hang up, so that what it
// reports stands before anything that the program does.
void greet_launcher();

}  // namespace hakmem
