// Owns: what the file of a program tells before it runs.
// Called by: run.cc.
// Never: the last word; the library in the running program has it.
#pragma once

#include <string>

namespace hakmem::cli {

// The file that execvp(3) would execute; empty when there is none.
std::string find_program(const std::string& name);

enum class ObstacleKind {
  none,
  linked_statically,  // it may execute a program that is not
  other_loader,       // which would stumble over the library
  other,
};

struct Obstacle {
  ObstacleKind kind = ObstacleKind::none;
  std::string reason;  // for the reader of a message

  bool exists() const { return kind != ObstacleKind::none; }
};

// Why the loader will not put a preloaded library into this program, as far as its file tells.
// Looks through one "#!" line.
Obstacle obstacle_to_preload(const std::string& file);

}  // namespace hakmem::cli
