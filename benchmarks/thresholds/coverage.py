"""How often does a tuned threshold violate its constraint? A simulation whose truth is known.

    python coverage.py --run ours              with this package's environment
    python coverage.py --run mapie             with an environment that holds mapie
    python coverage.py --compare

Scores are calibrated probabilities of two normal classes (distance 2, a quarter positive), as with
cv="prefit" on fresh rows. A threshold is tuned for each constraint at the 95 % level; the true
metric of that threshold is known in closed form. Power: the second metric of the chosen threshold
(0 where none was found), higher is better.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

HERE = Path(__file__).parent
SHARE, DISTANCE, LEVEL = 0.25, 2.0, 0.95
SIZES, DRAWS = (200, 500, 1000, 2000, 4000), 300
# constraint, target and the metric to be as high as possible meanwhile
TASKS = {
    "recall": (">=", 0.85, "specificity"),
    "fpr": ("<=", 0.10, "recall"),
    "precision": (">=", 0.75, "recall"),
}


def sample(n, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < SHARE).astype(int)
    z = rng.normal(size=n) + DISTANCE * y
    return y, expit(DISTANCE * z - DISTANCE**2 / 2 + logit(SHARE))


def truth(threshold):
    """True metrics of a threshold on the probability."""
    if threshold is None:
        return None
    cut = -np.inf if threshold <= 0 else np.inf
    if 0 < threshold < 1:
        cut = (logit(threshold) - logit(SHARE) + DISTANCE**2 / 2) / DISTANCE
    recall, fpr = norm.sf(cut - DISTANCE), norm.sf(cut)
    called = SHARE * recall + (1 - SHARE) * fpr
    precision = SHARE * recall / called if called > 0 else 1.0
    return {"recall": recall, "fpr": fpr, "precision": precision, "specificity": 1 - fpr}


def run_ours(mode):
    from sklearn.base import BaseEstimator, ClassifierMixin

    from sklearn_binnet import ThresholdTunerCV

    class Scores(ClassifierMixin, BaseEstimator):
        """Rows are probabilities already."""

        def fit(self, X, y):
            self.classes_ = np.array([0, 1])
            return self

        def predict_proba(self, X):
            return np.column_stack([1 - X[:, 0], X[:, 0]])

    def tune(y, scores, metric, sign, target, second):
        tuned = ThresholdTunerCV(
            Scores().fit(None, None),
            scoring=second,
            constraint=f"{metric} {sign} {target}{mode}",
            confidence_level=LEVEL,
            cv="prefit",
            refit=False,
        ).fit(scores[:, None], y)
        return tuned.best_threshold_ if tuned.constraint_satisfied_ else None

    return tune


def run_mapie(method):
    import mapie.risk_control as rc

    def tune(y, scores, metric, sign, target, second):
        def predict_proba(X):
            return np.column_stack([1 - X[:, 0], X[:, 0]])

        choice = {"specificity": rc.false_positive_rate, "recall": rc.recall}[second]
        controller = rc.BinaryClassificationController(
            predict_proba,
            risk=metric,
            target_level=target,
            confidence_level=LEVEL,
            best_predict_param_choice=choice,
            fwer_method=method,
            # a fixed sequence has to start where the constraint holds most surely
            list_predict_params=np.linspace(0, 0.99, 100)[:: 1 if metric == "recall" else -1],
        ).calibrate(scores[:, None], y)
        best = controller.best_predict_param
        return None if best is None else float(best)

    return tune


RUNS = {
    "ours": lambda: run_ours(""),
    "ours_strict": lambda: run_ours(" [strict]"),
    "ours_empirical": lambda: run_ours(" [empirical]"),
    "mapie": lambda: run_mapie("bonferroni_holm"),
    "mapie_sequence": lambda: run_mapie("fixed_sequence"),
}


def run(name):
    warnings.simplefilter("ignore")
    tune, rows = RUNS[name](), []
    start = time.process_time()
    for metric, (sign, target, second) in TASKS.items():
        for n in SIZES:
            violated, power, found = 0, 0.0, 0
            for draw in range(DRAWS):
                y, scores = sample(n, 1_000_003 * n + draw)
                known = truth(tune(y, scores, metric, sign, target, second))
                if known is None:
                    continue
                found += 1
                bad = known[metric] < target if sign == ">=" else known[metric] > target
                violated += bool(bad)
                power += known[second]
            rows.append([metric, n, violated / DRAWS, power / DRAWS, found / DRAWS])
            print(name, *rows[-1], f"{time.process_time() - start:.0f} s", flush=True)
    out = HERE / "results" / "cache" / f"coverage-{name}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(rows))


def compare():
    known = {}
    for name in RUNS:
        path = HERE / "results" / "cache" / f"coverage-{name}.json"
        if path.exists():
            known[name] = {(row[0], row[1]): row[2:] for row in json.loads(path.read_text())}
    print("| constraint | n | " + " | ".join(known) + " |\n|---|---|" + "---|" * len(known))
    for metric, (sign, target, second) in TASKS.items():
        for n in SIZES:
            cells = []
            for rows in known.values():
                violated, power, found = rows[metric, n]
                cells.append(f"{violated:.3f}, {power:.3f}, {found:.2f}")
            print(f"| {metric} {sign} {target}; {second} | {n} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", choices=RUNS)
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    if options.run:
        run(options.run)
    if options.compare:
        compare()
