"""Do intervals and constraints hold for the refitted model with out-of-fold thresholds? The truth is known.

    python refitted.py --run logistic forest network networks --repeats 100
    python refitted.py --compare

The probability of a positive is a known function of six columns: a slope, a product, a square, and two columns of
noise. A classifier is tuned with cv=5, and its true metrics are found on 50,000 further rows, whose probabilities take
the place of their labels, so that they carry no chance of their own. "network" is one network with the tuner's folds;
"networks" are five with their own out-of-fold probabilities (cv=None), which is the default way. The default averages
the refitted model and those of the folds; where it does, there is a second line for this average.

Each repeat is one line in results/cache, so that a run may be ended and goes on later.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet import _thresholds as th

CACHE = Path(__file__).parent / "results" / "cache"
LEVEL, TRUTH = 0.95, 50_000
SIZES = (200, 500, 1000, 2000, 4000)
COSTS = [[0, 1], [5, 0]]
OBJECTIVES = {
    "balanced accuracy": ({"scoring": "balanced_accuracy"}, th.find_metric("balanced_accuracy")),
    "F1": ({"scoring": "f1"}, th.find_metric("f1")),
    "Matthews": ({"scoring": "matthews_corrcoef"}, th.find_metric("matthews_corrcoef")),
    "cost 1 : 5": ({"scoring": "cost", "costs": COSTS}, th.make_cost(COSTS)),
}
CONSTRAINTS = {
    "recall >= 0.85": ("specificity", "recall", 1, 0.85),
    "fpr <= 0.1": ("recall", "fpr", -1, 0.1),
    "precision >= 0.6": ("recall", "precision", 1, 0.6),
}
NETWORK = {"retrieval": False, "epochs": 16}
MODELS = {
    "logistic": lambda seed: (LogisticRegression(), 5),
    "forest": lambda seed: (RandomForestClassifier(50, min_samples_leaf=2, random_state=seed), 5),
    "network": lambda seed: (BinaryNetClassifier(**NETWORK, n_estimators=1, random_state=seed), 5),
    "networks": lambda seed: (BinaryNetClassifier(**NETWORK, random_state=seed), None),
}


def sample(n, rng):
    """Return columns and the probability of a positive, a quarter of the rows on average."""
    X = rng.normal(size=(n, 6))
    return X, expit(1.5 * X[:, 0] + X[:, 1] * X[:, 2] + 0.7 * X[:, 3] ** 2 - 2.4)


def true_curve(proba, scores):
    """Return the curve of the truth: each row is positive by its probability and negative by the rest."""
    y = np.repeat([1, 0], len(scores))
    return th.ThresholdCurve.from_scores(y, np.tile(scores, 2), np.concatenate([proba, 1 - proba]))


def true_value(proba, scores, threshold, metric):
    """Return the true value of a metric at a threshold."""
    yes = scores >= threshold
    tp, fp = proba[yes].sum(), (1 - proba)[yes].sum()
    counts = (1 - proba).sum() - fp, fp, proba.sum() - tp, tp
    return float(th.find_metric(metric).function(*counts))


def repeat(model, n, number):
    """Return whether intervals and constraints held in one sample: for the refitted model, and for the average."""
    rng = np.random.default_rng([number, n])
    X, proba = sample(n, rng)
    y = (rng.random(n) < proba).astype(int)
    X_true, proba_true = sample(TRUTH, np.random.default_rng(0))
    estimator, cv = MODELS[model](number)
    tuned = ThresholdTunerCV(estimator, cv=cv, confidence_level=LEVEL, random_state=number).fit(X, y)
    scores = {"refitted": tuned.estimator_.predict_proba(X_true)[:, 1]}
    if cv is not None:
        scores["average"] = tuned.predict_proba(X_true)[:, 1]
    curves = {name: true_curve(proba_true, values) for name, values in scores.items()}
    held = {name: {} for name in scores}
    for objective, (request, metric) in OBJECTIVES.items():
        low, high = tuned.retune(**request).threshold_interval_
        for name, curve in curves.items():
            best = curve.thresholds[metric.utility(curve.tn, curve.fp, curve.fn, curve.tp).argmax()]
            held[name][objective] = bool(low <= best <= high)
    for constraint, (scoring, metric, sign, target) in CONSTRAINTS.items():
        tuned.retune(scoring=scoring, constraint=constraint)
        for name, values in scores.items():
            value = true_value(proba_true, values, tuned.best_threshold_, metric)
            found = bool(tuned.constraint_satisfied_)
            held[name][constraint] = None if not found else bool(sign * value >= sign * target)
    return held


def read(model):
    path = CACHE / f"refitted-{model}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(models, repeats, sizes):
    """Try all sizes once, then again, so that an early end leaves the same number of repeats for each."""
    CACHE.mkdir(parents=True, exist_ok=True)
    done = {(model, row["n"], row["repeat"]) for model in models for row in read(model)}
    for number in range(repeats):
        for model in models:
            for n in sizes:
                if (model, n, number) not in done:
                    row = {"n": n, "repeat": number, "held": repeat(model, n, number)}
                    with open(CACHE / f"refitted-{model}.jsonl", "a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")


def compare():
    """Print percent of intervals that hold the best threshold, and percent of samples that violate a constraint."""
    names = [*OBJECTIVES, *CONSTRAINTS]
    print("| model | n | samples | " + " | ".join(names) + " |\n|---|---|---|" + "---|" * len(names))
    for model in MODELS:
        rows = read(model)
        for which in ("refitted", "average"):
            told = [row for row in rows if which in row["held"]]
            sizes = sorted({row["n"] for row in told})
            for n in [*sizes, "all"] if told else []:
                held = [row["held"][which] for row in told if n in ("all", row["n"])]
                cells = [f"{100 * np.mean([one[name] for one in held]):.0f}" for name in OBJECTIVES]
                for name in CONSTRAINTS:
                    violated = 100 * np.mean([one[name] is False for one in held])
                    found = 100 * np.mean([one[name] is not None for one in held])
                    cells.append(f"{violated:.0f}" + ("" if found == 100 else f" (found in {found:.0f})"))
                print(f"| {model}, {which} | {n} | {len(held)} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", nargs="+", choices=MODELS, default=[])
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.run:
        run(options.run, options.repeats, SIZES)
    if options.compare:
        compare()


if __name__ == "__main__":
    main()
