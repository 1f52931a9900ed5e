"""How often does `threshold_interval_` hold the best threshold? A simulation whose truth is known.

    python intervals.py [--repeats 200]

Scores are calibrated probabilities of two normal classes (distance 2), as with cv="prefit" on fresh rows. The best
threshold of each objective is known to any number of digits. One line for each share and number of positives: the
share of the samples whose interval at the 95 % level holds the best threshold, for each objective, and in brackets
what the percentiles of the plain bootstrap of the rows, without smoothing, would cover.
"""

import argparse
import warnings

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from sklearn_binnet import _thresholds as th

DISTANCE, LEVEL = 2.0, 0.95
SHARES, POSITIVES = (1 / 3, 0.1), (10, 25, 50, 100)
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    print("| share | positives | " + " | ".join(OBJECTIVES) + " |\n|---|---|" + "---|" * len(OBJECTIVES))
    for share in SHARES:
        for positives in POSITIVES:
            n, cells = round(positives / share), []
            for name, metric in OBJECTIVES.items():
                best, held = best_threshold(metric, share), np.zeros((repeats, 2))
                for repeat in range(repeats):
                    rng = np.random.default_rng([repeat, positives, round(100 * share)])
                    y = np.zeros(n, int)
                    y[: rng.binomial(n, share)] = 1
                    scores = probability(rng.normal(size=n) + DISTANCE * y, share)
                    curve = th.ThresholdCurve.from_scores(y, scores)
                    bayes = 1 / 6 if name.startswith("cost") else None
                    problem = th.Problem(curve, metric.utility, bayes=bayes)
                    chosen = th.select(problem, confidence_level=LEVEL)
                    ends = chosen.interval, plain(problem, chosen.threshold)
                    held[repeat] = [low <= best <= high for low, high in ends]
                cells.append("{:.0f} ({:.0f})".format(*100 * held.mean(axis=0)))
            print(f"| {share:.2f} | {positives} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
