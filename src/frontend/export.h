// Owns: how a function is exported, and under a second name.
// Called by: the files that define exported functions; exports.map lists the names for the linker.
// Never: logic.
#pragma once

#define HAKMEM_EXPORT extern "C" __attribute__((visibility("default")))

// A declaration followed by this is `function` under another name.
#if defined(__clang__)
#define HAKMEM_ALIAS(function) __attribute__((alias(#function), visibility("default")))
#else
#define HAKMEM_ALIAS(function) \
  __attribute__((alias(#function), copy(function), visibility("default")))
#endif
