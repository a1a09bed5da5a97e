// Owns: the record of a program's system calls, by numbers in a file.
// Called by: call_filter.c, before main.
// Never: a call refused or delayed for long.
#pragma once

// All calls of the calling process and its children from now on, but those of lists/minimal. The
// number is in the file before the call is made.
void record_calls(const char* path);
