// Owns: the library's word to `hakmem run`: that it serves this process, or who does instead.
// Called by: life_cycle.cc, in the constructor.
// Never: a wait, a descriptor left open; silence when nobody listens.
#pragma once

namespace hakmem {

// If HAKMEM_HANDSHAKE names an abstract socket (unix(7)), sends it one datagram: "+" and the mode
// when the process' malloc is ours, "-" and the file whose malloc comes first otherwise.
void greet_launcher();

}  // namespace hakmem
