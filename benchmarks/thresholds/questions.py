"""How long each question takes that a fitted tuner answers from stored evidence.

    python questions.py [--rows 100000] [--repeats 5] [--only cost "equal opportunity"]

A tuner is fitted once on `--rows` rows, with the group and the cluster of each row where a question needs them. After
that nothing is fitted: `retune` and its relatives work on the stored scores. The times are the least of the repeats, by
the clock and in processor seconds; where other work keeps the machine busy, the latter are the ones to read. Where a
question is about new rows, there are as many. Of displays all is computed, bands too, but not drawn.
"""

import argparse
import time
import warnings

import numpy as np
from scipy.special import expit
from scipy.stats import uniform
from speed import Column

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet.plotting import CostCurveDisplay, CumulativeGainDisplay, DecisionCurveDisplay, ThresholdCurveDisplay

LIMIT = 0.05


def rows(n, seed=0):
    """Return probabilities as the only column, targets, the group of each row, and the costs of each row."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(int)
    X = expit(rng.normal(size=n) + 1.5 * y - 2.5)[:, None]
    return X, y, rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]), rng.exponential(size=(n, 2)) * [1, 5]


def undrawn(display):
    """Return a kind of display that computes what it shows, with its bands, and leaves the drawing to others."""
    return type(display.__name__, (display,), {"plot": lambda self, *args, **options: self})


def questions(n):
    """Return a function without arguments for each question."""
    X, y, group, costs = rows(n)
    X_new, _, _, costs_new = rows(n, seed=1)
    common = {"cv": "prefit", "refit": False}
    model = Column().fit(X, y)
    plain = ThresholdTunerCV(model, **common).fit(X, y)
    priced = ThresholdTunerCV(model, scoring="cost", **common).fit(X, y, costs=costs)
    grouped = ThresholdTunerCV(model, scoring="accuracy", **common).fit(X, y, sensitive=group)
    clustered = ThresholdTunerCV(model, **common).fit(X, y, groups=np.arange(n) // 5)
    exact = ThresholdTunerCV(model, selection="argmax", **common).fit(X, y)
    one_to_five = [[0, 1], [5, 0]]
    return {
        "balanced accuracy": lambda: plain.retune(scoring="balanced_accuracy"),
        "F1": lambda: plain.retune(scoring="f1"),
        "F1, exact maximum": lambda: exact.retune(scoring="f1"),
        "Matthews correlation": lambda: plain.retune(scoring="matthews_corrcoef"),
        "a function of the counts": lambda: plain.retune(scoring=lambda tn, fp, fn, tp: tp - 0.3 * fp),
        "net benefit": lambda: plain.retune(scoring="net_benefit@0.2"),
        "cost": lambda: plain.retune(costs=one_to_five),
        "cost of each row": lambda: priced.retune(scoring="cost"),
        "new costs of each row": lambda: plain.retune(costs=costs),
        "recall >= 0.9": lambda: plain.retune(scoring="precision", constraint="recall >= 0.9"),
        "precision >= 0.4": lambda: plain.retune(scoring="recall", constraint="precision >= 0.4"),
        "two constraints": lambda: plain.retune(scoring="f1", constraint=["recall >= 0.5", "precision >= 0.3"]),
        "queue of 10 %": lambda: plain.retune(scoring="recall", constraint="queue_rate <= 0.1"),
        "refer 10 %": lambda: plain.retune(scoring="accuracy", abstain=0.1),
        "refer by bounds": lambda: plain.retune(scoring="accuracy", abstain=["precision >= 0.6", "npv >= 0.9"]),
        "refer by cost": lambda: plain.retune(costs=one_to_five, abstain={"cost": 0.2}),
        "decision curve": lambda: undrawn(DecisionCurveDisplay).from_estimator(plain),
        "cost curve": lambda: undrawn(CostCurveDisplay).from_estimator(plain),
        "cumulative gain": lambda: undrawn(CumulativeGainDisplay).from_estimator(plain),
        "threshold curve": lambda: undrawn(ThresholdCurveDisplay).from_estimator(plain),
        "prevalence": lambda: plain.retune(scoring="f1", prevalence=0.05),
        "equal opportunity": lambda: grouped.retune(parity="equal_opportunity <= 0.05"),
        "demographic parity": lambda: grouped.retune(parity="demographic_parity <= 0.05"),
        "equalized odds": lambda: grouped.retune(parity="equalized_odds <= 0.05"),
        "uncertain costs, mean": lambda: plain.retune_uncertain([[0, 1], [(2, 20), 0]]),
        "uncertain costs, distribution": lambda: plain.retune_uncertain([[0, 1], [uniform(2, 18), 0]]),
        "uncertain costs and share, worst": lambda: plain.retune_uncertain(
            [[0, (1, 2)], [(2, 20), 0]], prevalence=(0.05, 0.2), regret="worst"
        ),
        "rows in clusters": lambda: clustered.retune(scoring="f1"),
        "share of positives, em": lambda: plain.estimate_prevalence(X_new),
        "share of positives, bbse": lambda: plain.estimate_prevalence(X_new, method="bbse"),
        "calibration": lambda: ThresholdTunerCV.calibration_.fget(plain),
        "decisions by each row's costs": lambda: priced.predict(X_new, costs=costs_new),
    }


def best_of(ask, repeats):
    """Return the least time of a question, by the clock and in processor seconds."""
    times = []
    for _ in range(repeats):
        start, start_processor = time.perf_counter(), time.process_time()
        ask()
        times.append((time.perf_counter() - start, time.process_time() - start_processor))
    return np.min(times, axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="these questions only")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    asked = questions(options.rows)
    if unknown := set(options.only or ()) - set(asked):
        parser.error(f"unknown questions {sorted(unknown)}; there are {', '.join(asked)}")
    print(f"| question of {options.rows} rows | ms | CPU ms | |\n|---|---|---|---|")
    slow = []
    for name in options.only or asked:
        seconds, processor = best_of(asked[name], options.repeats)
        late = min(seconds, processor) > LIMIT
        if late:
            slow.append(name)
        note = f"above {1000 * LIMIT:.0f} ms" if late else ""
        print(f"| {name} | {1000 * seconds:.1f} | {1000 * processor:.1f} | {note} |", flush=True)
    print(f"\n{len(slow)} questions take more than {1000 * LIMIT:.0f} ms" + (f": {', '.join(slow)}" if slow else ""))


if __name__ == "__main__":
    main()
