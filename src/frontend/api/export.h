// Owns: how a function is exported, and under a second name.
// Called by: the files that define exported functions; exports.map lists the names for the linker.
// Never: logic.
#pragma once

#define HAKMEM_EXPORT extern "C" __attribute__((visibility("default")))
// Of the two that everybody calls, from the start of a line of the cache: what they cost would
// depend on what else is linked in front of them, by 3 % of a pair.
#define HAKMEM_EXPORT_HOT extern "C" __attribute__((visibility("default"), aligned(64)))

// A declaration followed by this is `function` under another name.
#if defined(__clang__)
#define HAKMEM_ALIAS_ATTRIBUTES(function) alias(#function)
#else
#define HAKMEM_ALIAS_ATTRIBUTES(function) alias(#function), copy(function)
#endif
#define HAKMEM_ALIAS(function) \
  __attribute__((HAKMEM_ALIAS_ATTRIBUTES(function), visibility("default")))
// The same, for the library's own use.
#define HAKMEM_HIDDEN_ALIAS(function) \
  extern "C" __attribute__((HAKMEM_ALIAS_ATTRIBUTES(function), visibility("hidden")))
