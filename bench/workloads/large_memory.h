// Owns: the scenarios about much memory, each described where it is written.
// Called by: the table in scenarios.cc.
// Never: a branch on the allocator that is measured, but for the do-nothing line.
#pragma once

#include "scenarios.h"

Outcome large_random(const Request& request);
Outcome grow(const Request& request);
Outcome chase(const Request& request);
Outcome revisit(const Request& request);
Outcome purge_latency(const Request& request);
Outcome realloc_churn(const Request& request);
