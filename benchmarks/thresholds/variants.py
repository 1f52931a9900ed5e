"""Is there more in the rule? Regret of variants of "stable" and of the ensemble, on the stored models.

    python variants.py [--repeats 5]

Needs the models of `models.py` and the regrets of `regret.py`. One model: with 1,000 bootstraps, with other limits and
steps, without the closed-form threshold for costs, the smooth rules alone. Several models: averages of the folds'
models alone and of log-odds. "same share" moves the threshold to where the deployed scores of the test rows call as
many rows positive as the out-of-fold scores do: it looks at the test rows (not at their labels), to see whether
translating the threshold to the average's own scale could gain.
"""

import argparse
import json
import warnings

import numpy as np
from measures import METRICS, MISS, best_in_hindsight, counts
from regret import CACHE, MAIN, ratio, regrets, table
from scipy.special import expit, logit

from sklearn_binnet import _thresholds as th
from sklearn_binnet._thresholds import _selection as rules

UTILITIES = {name: th.METRICS[name].utility for name in METRICS if name != "cost"}
UTILITIES["cost"] = th.make_cost([[0, 1], [MISS, 0]]).utility


def limited(problem, optima, targets, step=2 / 3, limit=1.0):
    """Limited translation with other constants."""
    gap = step * (np.mean(targets) - optima.mean())
    z = optima.mean() + np.clip(gap, -limit * optima.std(), limit * optima.std())
    return float(problem.scale.inverse(z))


def thresholds(curve, metric, seed):
    options = {"seed": seed, "probability": True}
    stable = th.select(
        th.Problem(curve, UTILITIES[metric], bayes=1 / (1 + MISS) if metric == "cost" else None, **options)
    )
    problem = th.Problem(curve, UTILITIES[metric], **options)
    few, many = (rules.bootstrap_optima(problem, n) for n in (rules.BOOTSTRAPS, 1_000))
    targets = rules._smooth_targets(problem)
    return {
        "stable": stable.threshold,
        "without closed form": limited(problem, few, targets),
        "1000 bootstraps": limited(problem, many, targets),
        "limit 0.5": limited(problem, few, targets, limit=0.5),
        "limit 2": limited(problem, few, targets, limit=2.0),
        "whole way, limit 1": limited(problem, few, targets, step=1.0),
        "smooth rules alone": float(problem.scale.inverse(np.mean(targets))),
    }


def run_case(stored, seed):
    """Regret of each variant, for each metric."""
    n, y, proba = int(stored["n_train"]), stored["y"], stored["proba"]
    held_out = proba[1 + stored["fold"], np.arange(n)]
    curve = th.ThresholdCurve.from_scores(y[:n] == 1, held_out)
    single, average, folds = proba[0, n:], proba[:, n:].mean(axis=0), proba[1:, n:].mean(axis=0)
    log_odds = expit(logit(np.clip(proba[:, n:], 1e-6, 1 - 1e-6)).mean(axis=0))
    for metric, function in METRICS.items():
        found = thresholds(curve, metric, seed)
        decisions = {name: single >= threshold for name, threshold in found.items()}
        t, share = found["stable"], 1 - np.mean(held_out >= found["stable"])
        decisions["one model, same share"] = single >= np.quantile(single, share)
        decisions["average"] = average >= t
        decisions["average of folds"] = folds >= t
        decisions["average of log-odds"] = log_odds >= t
        decisions["average, same share"] = average >= np.quantile(average, share)
        best = best_in_hindsight(metric, y[n:], single)
        for name, decided in decisions.items():
            yield metric, name, float(best - function(*counts(y[n:], decided)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    known = json.loads((CACHE / "regret.json").read_text())
    found = {}
    for path in sorted(CACHE.glob("*-[0-9].npz")):
        name, classifier, seed = path.stem.rsplit("-", 2)
        if classifier not in MAIN or int(seed) >= options.repeats or "@" in name:
            continue
        for metric, variant, value in run_case(np.load(path), int(seed)):
            found[f"{path.stem}|{metric}|{variant}"] = value
            found[f"{path.stem}|{metric}|scikit_learn"] = known[f"{path.stem}|{metric}|scikit_learn"]
    means = table(found)
    print("| variant | ratio | 95 % interval | mean of the sets' ratios |\n|---|---|---|---|")
    for variant in dict.fromkeys(key[3] for key in means):
        value, (low, high), _ = ratio(means, variant)
        ours, base = regrets(means, variant)
        print(f"| {variant} | {value:.3f} | {low:.2f} to {high:.2f} | {np.mean(ours / base):.2f} |")


if __name__ == "__main__":
    main()
