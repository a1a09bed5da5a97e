// Owns: what /proc/self/status said at start.
// Called by: start-up: whether threads of ours and huge pages are to be had.
// Never: read twice; a system call that a filter might kill for: a program that is started under
// one may open and read files, or it could not be loaded.
#pragma once

namespace hakmem {

struct ProcessStatus {
  bool has_filter = false;               // seccomp(2), inherited
  bool has_huge_pages_disabled = false;  // PR_SET_THP_DISABLE, inherited
};

// proc_pid_status(5). The first call opens the file: at start-up. Without it nothing is known.
const ProcessStatus& process_status_at_start();

}  // namespace hakmem
