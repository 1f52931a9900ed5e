"""Regret of each tuner on the stored models: test metric lost against the best threshold in hindsight.

    python regret.py [--tuners ours_stable scikit_learn]      run what is missing, then compare
    python regret.py --compare                                compare only
    python regret.py --compare --repeats 2                    compare on the first two repeats only
    python regret.py --compare --classifiers binarynet        compare on some classifiers only
    python regret.py --check                                  scikit-learn's rule against its class

The reference is the best threshold in hindsight of the refitted model, for every tuner: a tuner
that predicts with more models may have a negative regret.
"""

import argparse
import importlib
import json
import warnings
from pathlib import Path

import numpy as np
from classifiers import NAMES as MAIN
from measures import METRICS, best_in_hindsight, counts
from replay import Replay, register
from tuners import NAMES

HERE = Path(__file__).parent
CACHE = HERE / "results" / "cache"


def run_case(path, tuners, known):
    stored = np.load(path)
    X, y, X_test, y_test, folds = register(path.stem, stored)
    seed = int(path.stem.rsplit("-", 1)[1])
    scores = Replay(path.stem).fit(X, y).predict_proba(X_test)[:, 1]
    for metric, function in METRICS.items():
        best = best_in_hindsight(metric, y_test, scores)
        for tuner in tuners:
            key = f"{path.stem}|{metric}|{tuner}"
            if key in known:
                continue
            tune = importlib.import_module(f"tuners.{tuner}").tune
            model = tune(Replay(path.stem), X, y, folds, metric, seed)
            decided = model.predict(X_test) == 1
            known[key] = float(best - function(*counts(y_test, decided)))


def check(paths):
    """Compare the quick form of scikit-learn's rule with the class on every tenth case."""
    from tuners.scikit_learn import check

    results = []
    for path in paths:
        X, y, _, _, folds = register(path.stem, np.load(path))
        results += [check(Replay(path.stem), X, y, folds, metric) for metric in METRICS]
    print(f"{sum(results)} of {len(results)} thresholds of scikit-learn's class repeated")


def table(known):
    """Array (sets, tuners) of mean regrets over classifiers, repeats and metrics."""
    sums = {}
    for key, regret in known.items():
        case, metric, tuner = key.split("|")
        name, classifier, _ = case.rsplit("-", 2)
        sums.setdefault((name, classifier, metric, tuner), []).append(regret)
    return {key: float(np.mean(values)) for key, values in sums.items()}


def regrets(means, tuner, keep=lambda name, classifier, metric: True):
    """Regret of a tuner and of scikit-learn's on each set, two arrays."""
    per_set = {}
    for (name, classifier, metric, who), value in means.items():
        if keep(name, classifier, metric) and who in (tuner, "scikit_learn"):
            per_set.setdefault(name, {}).setdefault(who, []).append(value)
    return tuple(np.array([np.mean(found[who]) for found in per_set.values()]) for who in (tuner, "scikit_learn"))


def ratio(means, tuner, keep=lambda name, classifier, metric: True, draws=10_000):
    """Sum of regrets over sets relative to scikit-learn's, with a bootstrap interval over sets."""
    ours, base = regrets(means, tuner, keep)
    rows = np.random.default_rng(0).integers(0, len(ours), (draws, len(ours)))
    drawn = ours[rows].sum(1) / base[rows].sum(1)
    return ours.sum() / base.sum(), np.quantile(drawn, [0.025, 0.975]), len(ours)


def compare(known):
    means = table(known)
    tuners = [name for name in NAMES if any(key[3] == name for key in means)]
    models = sorted({classifier for _, classifier, _, _ in means})
    print(f"| tuner | ratio | 95 % interval | mean of the sets' ratios | {' | '.join(models)} | sets |")
    print("|---" * (len(models) + 5) + "|")
    for tuner in tuners:
        value, (low, high), n = ratio(means, tuner)
        by_model = [ratio(means, tuner, lambda s, c, m, model=model: c == model, 10)[0] for model in models]
        cells = " | ".join(f"{cell:.2f}" for cell in by_model)
        ours, base = regrets(means, tuner)
        print(f"| {tuner} | {value:.3f} | {low:.2f} to {high:.2f} | {np.mean(ours / base):.2f} | {cells} | {n} |")
    print("\n| tuner | " + " | ".join(METRICS) + " |\n|---|" + "---|" * len(METRICS))
    for tuner in tuners:
        cells = [f"{ratio(means, tuner, lambda s, c, m, metric=metric: m == metric, 10)[0]:.2f}" for metric in METRICS]
        print(f"| {tuner} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tuners", nargs="*", default=list(NAMES))
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--repeats", type=int, help="the first so many repeats only")
    parser.add_argument("--classifiers", nargs="*", help="these base classifiers only")
    options = parser.parse_args()

    def wanted(case):
        _, classifier, repeat = case.rsplit("-", 2)
        known_classifier = classifier in (options.classifiers or MAIN)
        return known_classifier and (options.repeats is None or int(repeat) < options.repeats)

    paths = [path for path in sorted(CACHE.glob("*-[0-9].npz")) if wanted(path.stem)]
    if options.check:
        warnings.simplefilter("ignore")
        check(paths[::10])
        return
    store = CACHE / "regret.json"
    known = json.loads(store.read_text()) if store.exists() else {}
    if not options.compare:
        warnings.simplefilter("ignore")
        for path in paths:
            run_case(path, options.tuners, known)
            store.write_text(json.dumps(known))
    known = {key: value for key, value in known.items() if wanted(key.split("|")[0])}
    print("At most 3,000 training rows\n")
    compare({key: value for key, value in known.items() if "@" not in key})
    large = {key: value for key, value in known.items() if "@" in key}
    if large:
        print("\nLarge training sets\n")
        compare(large)


if __name__ == "__main__":
    main()
