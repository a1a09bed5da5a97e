// The competitive bound of the hold time: what the rule pays on a trace against what the offline
// optimum pays, which knows every reuse.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "decide_at.h"
#include "policy/retention/hold_times.h"
#include "policy/retention/memory_price.h"

namespace hakmem {
namespace {

constexpr size_t kMib = size_t{1} << 20;
constexpr MemoryKind kSmall = MemoryKind::kSmallPages;
constexpr MemoryKind kHuge = MemoryKind::kHugePage;
constexpr double kNever = std::numeric_limits<double>::infinity();
// Hold times are whole nanoseconds, of which there are a million at least.
constexpr double kRounding = 1e-4;

struct Memory {
  MemoryKind kind;
  size_t bytes;
};
constexpr Memory kMemories[] = {{kSmall, 4096},     {kSmall, 65'536},        {kSmall, 300'000},
                                {kSmall, 2 * kMib}, {kSmall, 1024 * kMib},   {kHuge, 2 * kMib},
                                {kHuge, 64 * kMib}, {kHuge, size_t{1} << 40}};

// What the machine charges for one piece of memory, in nanoseconds.
struct Charges {
  Charges(const CostEstimates& costs, const MemoryPrice& price, Memory memory) {
    const double mib = static_cast<double>(memory.bytes) / kMib;
    purge = CostEstimates::kPurgeCall + mib * static_cast<double>(costs.purge_per_mib(memory.kind));
    fault = mib * static_cast<double>(costs.fault_per_mib(memory.kind));
    rent_per_ns = mib * static_cast<double>(price.price()) / 1e9;
  }

  // Free for `gap` nanoseconds, given back after `hold`.
  double idle(double gap, double hold) const {
    if (gap <= hold) return gap * rent_per_ns;
    return hold * rent_per_ns + purge + (gap == kNever ? 0 : fault);
  }
  double optimum(double gap) const { return std::min(idle(gap, gap), idle(gap, 0)); }

  double purge;
  double fault;
  double rent_per_ns;
};

// From each free to the next use. A gap of kNever is the end of the memory's life: what comes after
// it is new memory.
using Trace = std::vector<double>;
// Nanoseconds that memory is kept before one gap.
using Rule = std::function<double(double gap)>;

// Memory has to be touched once before it can be given back once: every life starts with that.
double ratio(const Charges& charges, const Trace& trace, const Rule& hold) {
  double paid = charges.fault;
  double optimum = charges.fault;
  for (const double gap : trace) {
    paid += charges.idle(gap, hold(gap));
    optimum += charges.optimum(gap);
    if (gap != kNever) continue;
    paid += charges.fault;
    optimum += charges.fault;
  }
  return paid / optimum;
}

Rule always(double hold) {
  return [hold](double) { return hold; };
}

struct NamedTrace {
  std::string name;
  Trace gaps;
};

// `around`: the hold time that the traces are made to hurt.
std::vector<NamedTrace> traces(double around) {
  std::mt19937_64 random(7);
  std::exponential_distribution<double> exponential(1.0 / around);
  std::uniform_real_distribution<double> magnitude(-3, 3);
  std::vector<NamedTrace> all = {
      {"always reused", Trace(5000, around / 100)}, {"just in time", Trace(5000, around)},
      {"just too late", Trace(5000, around + 1)},   {"long after", Trace(5000, 1000 * around)},
      {"never reused", Trace(5000, kNever)},
  };
  NamedTrace memoryless{"exponential", {}};
  NamedTrace wide{"over six magnitudes", {}};
  NamedTrace bursts{"bursts", {}};
  NamedTrace mixed{"just too late, then never", {}};
  for (int index = 0; index < 5000; ++index) {
    memoryless.gaps.push_back(exponential(random));
    wide.gaps.push_back(around * std::pow(10, magnitude(random)));
    bursts.gaps.push_back(index % 20 == 19 ? around * 1.0001 : around / 1000);
    mixed.gaps.push_back(index % 3 == 2 ? kNever : around + 1);
  }
  for (NamedTrace* trace : {&memoryless, &wide, &bursts, &mixed}) all.push_back(*trace);
  return all;
}

struct SkiRental : testing::Test {
  CostEstimates costs;
  MemoryPrice price{costs};

  double hold(Memory memory) const {
    return static_cast<double>(decide_at(price, memory.bytes, memory.kind, 0).until_ns);
  }

  void expect_bound(double bound) {
    for (const Memory memory : kMemories) {
      ASSERT_GT(hold(memory), static_cast<double>(kShortestHold));
      ASSERT_LT(hold(memory), static_cast<double>(kLongestHold));
      const Charges charges(costs, price, memory);
      for (const NamedTrace& trace : traces(hold(memory))) {
        EXPECT_LE(ratio(charges, trace.gaps, always(hold(memory))), bound * (1 + kRounding))
            << trace.name << ", " << memory.bytes << " bytes";
      }
    }
  }
};

TEST_F(SkiRental, PaysAtMostTwiceTheOptimum) {
  expect_bound(2);
}

TEST_F(SkiRental, PaysAtMostTwiceTheOptimumUnderPressureAndOnAColdHost) {
  price.set_pressure(350);
  expect_bound(2);
  for (int touch = 0; touch < 100; ++touch) costs.record_fault(kHuge, 2 * kMib, 5'000'000);
  for (int touch = 0; touch < 100; ++touch) costs.record_fault(kSmall, 65536, 80'000);
  expect_bound(2);
}

TEST_F(SkiRental, TheBoundIsTight) {
  for (const Memory memory : kMemories) {
    const Charges charges(costs, price, memory);
    const Trace late(5000, hold(memory) + 1);
    EXPECT_GT(ratio(charges, late, always(hold(memory))), 1.99);
  }
}

TEST_F(SkiRental, OtherHoldTimesBreakTheBound) {
  for (const Memory memory : kMemories) {
    const Charges charges(costs, price, memory);
    for (const double factor : {0.5, 0.9, 1.1, 2.0}) {
      const double other = factor * hold(memory);
      double worst = 0;
      for (const NamedTrace& trace : traces(other)) {
        worst = std::max(worst, ratio(charges, trace.gaps, always(other)));
      }
      EXPECT_GT(worst, 2.05) << factor;
      if (factor == 2.0) EXPECT_GT(worst, 2.9);
    }
  }
}

// A band's sizes share the hold time of one: what that costs at the other end of the band.
TEST_F(SkiRental, BandsCostATenthOfTheBoundAtMost) {
  const HoldTimes times = hold_times(price);
  for (const size_t bytes : {size_t{65'536}, size_t{65'537}, size_t{262'144}, size_t{262'145},
                             2 * kMib, 2 * kMib + 1, 16 * kMib, 16 * kMib + 1, 1024 * kMib}) {
    for (const MemoryKind kind : {kSmall, kHuge}) {
      if (kind == kHuge && bytes < 2 * kMib) continue;
      const size_t band = static_cast<size_t>(band_of(bytes));
      const double hold = static_cast<double>(times[static_cast<size_t>(kind)][band]);
      const Charges charges(costs, price, {kind, bytes});
      for (const NamedTrace& trace : traces(hold)) {
        EXPECT_LE(ratio(charges, trace.gaps, always(hold)), 2.2) << trace.name << ", " << bytes;
      }
    }
  }
}

TEST_F(SkiRental, ARightExpectationPaysTheOptimum) {
  for (const Memory memory : kMemories) {
    const Charges charges(costs, price, memory);
    const Rule foreseeing = [&](double gap) {
      const uint64_t expected = gap == kNever ? UINT64_MAX : static_cast<uint64_t>(gap);
      const MemoryDecision decision = decide_at(price, memory.bytes, memory.kind, expected);
      // Lazy freeing at its dearest: the kernel takes all at once.
      const bool keeps = decision.action == MemoryAction::kKeep;
      return keeps ? static_cast<double>(decision.until_ns) : 0.0;
    };
    for (const NamedTrace& trace : traces(hold(memory))) {
      EXPECT_LE(ratio(charges, trace.gaps, foreseeing), 1 + kRounding) << trace.name;
    }
  }
}

TEST_F(SkiRental, AWronglyExpectedReusePaysThreeTimesTheOptimumAtMost) {
  double worst = 0;
  for (const Memory memory : kMemories) {
    const Charges charges(costs, price, memory);
    for (const double part : {1e-6, 0.3, 0.6, 1.0}) {
      const uint64_t expected = static_cast<uint64_t>(part * hold(memory));
      const MemoryDecision decision = decide_at(price, memory.bytes, memory.kind, expected);
      ASSERT_EQ(decision.action, MemoryAction::kKeep);
      const double kept = static_cast<double>(decision.until_ns);
      for (const NamedTrace& trace : traces(kept)) {
        worst = std::max(worst, ratio(charges, trace.gaps, always(kept)));
      }
    }
  }
  EXPECT_LE(worst, 3 * (1 + kRounding));
  EXPECT_GT(worst, 2.9);
}

}  // namespace
}  // namespace hakmem
