"""Pairs of measurements that were taken in turn: their ratio, its interval, and what may be said."""
import math
import statistics
from dataclasses import dataclass

CONFIDENCE = 0.95
# Smaller differences matter to nobody.
MARGIN = 0.05


@dataclass
class Ratio:
    """The median of the pairs' ratios; with the confidence above the true one is between `low` and
    `high`."""
    median: float
    low: float
    high: float

    def __str__(self):
        return f"{percent(self.median)} ({percent(self.low)} to {percent(self.high)})"

    def verdict(self, more, less):
        """A sentence, with `more` or `less` of the first. Only what the whole interval says is said,
        so that the same machine gives the same words again."""
        if self.low > 1 + MARGIN:
            return f"{percent(self.median)}, {more}."
        if self.high < 1 - MARGIN:
            return f"{percent(self.median)}, {less}."
        bound = max(self.high - 1, 1 - self.low)
        if bound < 2 * MARGIN:
            return f"no difference that matters: it is below {bound:.0%}."
        return f"undecided between {percent(self.low)} and {percent(self.high)}."


def percent(ratio):
    return f"{100 * (ratio - 1):+.0f} %"


def ratio_of(values, others):
    """Of paired values. The interval is that of the sign test: no distribution is assumed (Hahn and
    Meeker, Statistical Intervals, 5.2)."""
    ratios = sorted(value / other for value, other in zip(values, others))
    count = len(ratios)
    outside = 0
    tail = 0.0
    # One rank further in, as long as what lies outside is improbable enough.
    while outside < count // 2:
        tail += math.comb(count, outside) / 2 ** count
        if 2 * tail > 1 - CONFIDENCE:
            break
        outside += 1
    rank = max(outside - 1, 0)
    return Ratio(statistics.median(ratios), ratios[rank], ratios[-1 - rank])
