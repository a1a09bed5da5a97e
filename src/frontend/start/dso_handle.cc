// Owns: the handle that pthread_atfork and its like know this library by.
// Called by: libc's static part.
// Never: in libhakmem.a: a program has its own from the compiler's start files.
//
// The shared library is linked without those: their destructor writes to a page of its own in every
// process that ends, and so does every child of a fork, on a page that is shared until then.
// Only its address counts, and that it is aligned: libc's static part on aarch64 reads it as a
// word.
extern "C" {
extern __attribute__((visibility("hidden"))) const void* const __dso_handle;
const void* const __dso_handle = nullptr;
}
