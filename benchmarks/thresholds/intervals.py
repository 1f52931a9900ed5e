"""How often does `threshold_interval_` hold the best threshold? A simulation whose truth is known.

    python intervals.py [--repeats 200] [--groups]

Scores are calibrated probabilities of two normal classes (distance 2), as with cv="prefit" on fresh rows. The best
threshold of each objective is known to any number of digits. One line for each share and number of positives: the
share of the samples whose interval at the 95 % level holds the best threshold, for each objective, and in brackets
what the percentiles of the plain bootstrap of the rows, without smoothing, would cover.

With --groups, five rows each belong together: they have one label, and half of the variance of their scores is
common to them. Each row by itself is as before, and so is the best threshold. The number of positives is one of groups,
the tuner is told of them, and in brackets is the cover of the same interval if it is not. More than 20,000 rows are
resampled without smoothing (the last line of each share).
"""

import argparse
import warnings
from dataclasses import replace

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from sklearn_binnet import _thresholds as th

DISTANCE, LEVEL = 2.0, 0.95
SIZES = [(share, positives) for share in (1 / 3, 0.1) for positives in (10, 25, 50, 100)]
"""Share of positives, and their number."""
GROUPED_SIZES = [(1 / 3, 25), (1 / 3, 50), (1 / 3, 2000), (0.1, 25), (0.1, 50), (0.1, 500)]
TOGETHER, COMMON = 5, 0.5
"""Rows of a group, and the share of the variance of their scores that is common to them."""
OBJECTIVES = {
    "balanced accuracy": th.find_metric("balanced_accuracy"),
    "F1": th.find_metric("f1"),
    "Matthews": th.find_metric("matthews_corrcoef"),
    "cost 1 : 5": th.make_cost([[0, 1], [5, 0]]),
}


def probability(x, share):
    """True probability of a row with the score x."""
    return expit(DISTANCE * x - DISTANCE**2 / 2 + logit(share))


def best_threshold(metric, share):
    cuts = np.linspace(-4, 6, 100_001)
    tp, fp = share * norm.sf(cuts - DISTANCE), (1 - share) * norm.sf(cuts)
    return probability(cuts[metric.utility(1 - share - fp, fp, share - tp, tp).argmax()], share)


def plain(problem, chosen):
    """The interval of the bootstrap of the rows."""
    ends = np.quantile(th.bootstrap_optima(problem), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = problem.scale.inverse(ends)
    return min(low, chosen), max(high, chosen)


def draw(share, positives, together, rng):
    """Return labels and scores of a sample, and the group of each row; a group has `together` rows."""
    n = round(positives / share)
    y = np.zeros(n, int)
    y[: rng.binomial(n, share)] = 1
    if together == 1:
        return y, probability(rng.normal(size=n) + DISTANCE * y, share), np.arange(n)
    noise = np.sqrt(COMMON) * rng.normal(size=(n, 1)) + np.sqrt(1 - COMMON) * rng.normal(size=(n, together))
    scores = probability(noise + DISTANCE * y[:, None], share).ravel()
    return np.repeat(y, together), scores, np.arange(n * together) // together


def intervals(metric, y, scores, groups, bayes):
    """Return the interval that is looked at, and the one beside it."""
    alone = th.Problem(th.ThresholdCurve.from_scores(y, scores), metric.utility, bayes=bayes)
    chosen = th.select(alone, confidence_level=LEVEL)
    if groups[-1] + 1 == len(groups):
        return chosen.interval, plain(alone, chosen.threshold)
    rows = th.GroupedRows(groups, scores, y.astype(float), 1.0 - y)
    return th.select(replace(alone, rows=rows), confidence_level=LEVEL).interval, chosen.interval


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--groups", action="store_true")
    options = parser.parse_args()
    repeats, together = options.repeats, TOGETHER if options.groups else 1
    warnings.simplefilter("ignore")
    print("| share | positives | " + " | ".join(OBJECTIVES) + " |\n|---|---|" + "---|" * len(OBJECTIVES))
    for share, positives in GROUPED_SIZES if options.groups else SIZES:
        cells = []
        for name, metric in OBJECTIVES.items():
            best, held = best_threshold(metric, share), np.zeros((repeats, 2))
            bayes = 1 / 6 if name.startswith("cost") else None
            for repeat in range(repeats):
                rng = np.random.default_rng([repeat, positives, round(100 * share)])
                ends = intervals(metric, *draw(share, positives, together, rng), bayes)
                held[repeat] = [low <= best <= high for low, high in ends]
            cells.append("{:.0f} ({:.0f})".format(*100 * held.mean(axis=0)))
        print(f"| {share:.2f} | {positives} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
