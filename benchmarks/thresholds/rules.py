"""Other rules to choose one threshold, on the stored models: the regret of each beside scikit-learn's tuner.

    python rules.py                          at most 3,000 training rows, and the large sets
    python rules.py --classifiers logistic --repeats 2 --large-only

One refitted model, with the threshold from the out-of-fold scores of `models.py`; metrics and regret as in `regret.py`.
"stable" is the package's rule. The others are what was tried in its place:

- "step without a limit": the step towards the threshold for costs fades where rows are many, but has no other limit.
- "step keeps its length" and "step fades faster": without that limit, the step towards the smooth rules does not fade
  where rows are many, or fades with their number instead of its root.
- "no step": the mean of the bootstrap's optima.
- "exact maximum" of the curve.
- "plateau": the middle of the run of thresholds around the maximum that come within half a standard error of it.
- "textbook unless told": 1/2 (the prevalence for balanced accuracy, the Bayes threshold for the cost), unless the gain
  of the package's rule over it is more than one standard error.

The ratio is that of the sums over sets. Its interval is from a bootstrap that draws sets and, within each, repeats:
with three large sets the sets alone cannot tell much.
"""

import argparse
import warnings

import numpy as np
from classifiers import NAMES
from measures import METRICS, MISS, best_in_hindsight, counts
from models import CACHE
from replay import Replay, register

from sklearn_binnet import _thresholds as th
from sklearn_binnet._thresholds import _selection as rules

HALF, DRAWS = 0.5, 10_000


def pose(metric, y, scores, seed):
    """Pose the choice of a threshold as the tuner does."""
    cost = metric == "cost"
    utility = th.make_cost(np.array([[0.0, 1.0], [MISS, 0.0]])).utility if cost else th.METRICS[metric].utility
    curve = th.ThresholdCurve.from_scores(y == 1, scores)
    return th.Problem(curve, utility, bayes=1 / (1 + MISS) if cost else None, seed=seed, probability=True)


def noise(problem, cut, other):
    """Return the standard error of the objective at a cut, and of its gain over that at another cut."""
    bins = problem.bins(rules.BOOTSTRAP_BINS)
    places = np.unique(np.concatenate([bins.cuts, [cut, other]]))
    at, rng = problem.counts.at(places), np.random.default_rng(problem.seed)
    drawn = [
        np.hstack([np.zeros((200, 1)), th.poisson_sums(np.diff(sums), np.diff(squares), 200, rng)])
        for sums, squares in ((at.tp, at.tp_sq), (at.fp, at.fp_sq))
    ]
    values = problem.objective(*th.Counts(*drawn, *drawn).confusion())
    here, there = (values[:, np.searchsorted(places, place)] for place in (cut, other))
    return float(np.nanstd(here)), float(np.nanstd(here - there))


def thresholds(metric, y, scores, seed):
    """Return the threshold of each rule."""
    problem = pose(metric, y, scores, seed)
    optima = rules.bootstrap_optima(problem)
    centre, stable = float(optima.mean()), rules.stable_z(problem, optima)
    bins = problem.bins(rules.SMOOTH_BINS)
    rows = 2 / sum(1 / size for size in bins.effective_size())
    fade = min(1.0, np.sqrt(rules.FADE_ROWS / rows))
    step = (stable - centre) / fade
    if problem.bayes is not None:  # without the limit of the package's rule
        step = rules.plug_in_threshold(problem, bins, rules.beta_calibration(problem, bins)) - centre
    found = {"stable": stable, "step without a limit": centre + step * fade, "step keeps its length": centre + step}
    found |= {"step fades faster": centre + step * fade**2, "no step": centre}
    found = {name: float(problem.scale.inverse(z)) for name, z in found.items()}
    found["exact maximum"] = th.argmax_threshold(problem)
    textbook = {"balanced_accuracy": np.mean(y), "cost": 1 / (1 + MISS)}.get(metric, 0.5)
    values, cuts = problem.values, [problem.curve.index(found["exact maximum"]), problem.curve.index(textbook)]
    error, _ = noise(problem, *cuts)
    near = values >= values[cuts[0]] - HALF * error
    low, high = cuts[0], cuts[0]
    while low > 0 and near[low - 1]:
        low -= 1
    while high < len(near) - 1 and near[high + 1]:
        high += 1
    ends = problem.scale.forward(problem.curve.thresholds[[low, high]])
    found["plateau"] = float(problem.scale.inverse(ends.mean()))
    cut = problem.curve.index(found["stable"])
    _, error = noise(problem, cut, cuts[1])
    found["textbook unless told"] = found["stable"] if values[cut] - values[cuts[1]] > error else textbook
    return found


def regrets(path):
    """Return the regret of each rule for each metric on a stored case."""
    from tuners.scikit_learn import tune

    X, y, X_test, y_test, folds = register(path.stem, np.load(path))
    scores = np.empty(len(y))
    for train, test in folds:
        scores[test] = Replay(path.stem).fit(X[train], y[train]).predict_proba(X[test])[:, 1]
    seed = int(path.stem.rsplit("-", 1)[1])
    at_test = Replay(path.stem).fit(X, y).predict_proba(X_test)[:, 1]
    found = {}
    for metric, function in METRICS.items():
        chosen = thresholds(metric, y, scores, seed)
        chosen["scikit_learn"] = tune(Replay(path.stem), X, y, folds, metric, seed).best_threshold_
        best = best_in_hindsight(metric, y_test, at_test)
        for rule, threshold in chosen.items():
            found[metric, rule] = float(best - function(*counts(y_test, at_test >= threshold)))
    return found


def compare(found):
    """Return the lines of the table, for regrets by case."""
    cells = {}  # rule: set: classifier: repeat: metric
    for case, by_metric in found.items():
        name, classifier, repeat = case.rsplit("-", 2)
        for (metric, rule), regret in by_metric.items():
            sets = cells.setdefault(rule, {}).setdefault(name, {}).setdefault(classifier, {})
            sets.setdefault(repeat, {})[metric] = regret
    base, rng = cells.pop("scikit_learn"), np.random.default_rng(0)
    names, models = list(base), sorted({model for of_set in base.values() for model in of_set})
    lines = ["| rule | ratio | 95 % interval | " + " | ".join([*models, *METRICS]) + " | sets |"]
    lines.append("|---" * (len(models) + len(METRICS) + 4) + "|")

    def sums(of_rule, model=None, metric=None):
        """Mean over classifiers, repeats and metrics, summed over sets."""

        def one(by_repeat):
            return np.mean([v for m in by_repeat.values() for k, v in m.items() if metric in (None, k)])

        return sum(np.mean([one(r) for c, r in of_rule[n].items() if model in (None, c)]) for n in names)

    drawn_sets = rng.integers(0, len(names), (DRAWS, len(names)))
    for rule, of_rule in cells.items():
        total = np.zeros((2, DRAWS, len(names)))
        for place, name in enumerate(names):
            for model in of_rule[name]:
                both = np.array(
                    [
                        [np.mean(list(of[name][model][r].values())) for r in of_rule[name][model]]
                        for of in (of_rule, base)
                    ]
                )
                picked = np.random.default_rng(1).integers(0, both.shape[1], (DRAWS, len(names), both.shape[1]))
                total[:, :, place] += both[:, picked[:, place]].mean(axis=-1) / len(of_rule[name])
        drawn = np.take_along_axis(total, drawn_sets[None], axis=2).sum(axis=2)
        low, high = np.quantile(drawn[0] / drawn[1], [0.025, 0.975])
        parts = [sums(of_rule, model) / sums(base, model) for model in models]
        parts += [sums(of_rule, None, metric) / sums(base, None, metric) for metric in METRICS]
        row = [f"{sums(of_rule) / sums(base):.3f}", f"{low:.2f} to {high:.2f}", *(f"{part:.2f}" for part in parts)]
        lines.append(f"| {rule} | {' | '.join(row)} | {len(names)} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classifiers", nargs="*", default=list(NAMES))
    parser.add_argument("--repeats", type=int, help="the first so many repeats only")
    parser.add_argument("--large-only", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for large in (True,) if options.large_only else (False, True):
        found = {}
        for path in sorted(CACHE.glob("*-[0-9].npz")):
            _, classifier, repeat = path.stem.rsplit("-", 2)
            few = options.repeats is None or int(repeat) < options.repeats
            if classifier in options.classifiers and few and ("@" in path.stem) == large:
                found[path.stem] = regrets(path)
        if found:
            print(f"\n{'Large training sets' if large else 'At most 3,000 training rows'}, {len(found)} cases\n")
            print("\n".join(compare(found)), flush=True)


if __name__ == "__main__":
    main()
