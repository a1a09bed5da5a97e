// Ends at once, or waits for the end of its input when it has an argument.
#include <unistd.h>

int main(int argc, char** argv) {
  (void)argv;
  char byte;
  return argc > 1 && read(0, &byte, 1) < 0;
}
