// Becomes the program of its arguments.
#include <unistd.h>

int main(int argc, char** argv) {
  return argc > 1 ? execvp(argv[1], argv + 1) : 1;
}
