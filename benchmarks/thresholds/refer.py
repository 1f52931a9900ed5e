"""Rows to refer: this package beside MAPIE's controller, on the data of MAPIE's own example.

    python refer.py                with an environment that holds mapie; without it, this package alone

The data and the network are those of MAPIE's example "risk control of a binary classifier with multiple prediction
parameters": circles, 4,000 rows for a multi-layer perceptron, 500 rows to choose the two thresholds on, confidence
0.9. The 500 rows are drawn anew a hundred times, and a sample of 200,000 rows tells the truth. Two questions are
asked: precision and npv of at least 0.85, with the fewest referred; and at most a fifth referred, with the fewest
errors among the others. MAPIE tries pairs of thresholds from a grid, in steps of 0.1 as in its example (36 pairs), or
of 0.02 (1,176). It takes fitted models only. "Cross-fitted" chooses on out-of-fold scores of all 4,500 rows, for ten
of the draws.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import make_circles
from sklearn.neural_network import MLPClassifier

CONFIDENCE, TARGET, BUDGET = 0.9, 0.85, 0.2
TASKS = ("bounds", "budget")


def circles(n, seed):
    return make_circles(n_samples=n, noise=0.3, factor=0.3, random_state=seed)


def network():
    return MLPClassifier(max_iter=150, random_state=1)


def asked(task):
    return [f"precision >= {TARGET}", f"npv >= {TARGET}"] if task == "bounds" else BUDGET


def tuner(model, **options):
    from sklearn_binnet import ThresholdTunerCV

    return ThresholdTunerCV(model, scoring="accuracy", confidence_level=CONFIDENCE, **options)


def band(tuned):
    """Return the band of a tuner, or None where it is not shown to keep what was asked."""
    return tuned.refer_band_ if tuned.refer_report_["satisfied"] else None


def ours(model, X, y, task):
    return band(tuner(model, cv="prefit", refit=False, abstain=asked(task)).fit(X, y))


def mapie(model, X, y, task, step):
    from mapie.risk_control import BinaryClassificationController, BinaryRisk

    def decide(X, low, high):
        score = model.predict_proba(X)[:, 1]
        return np.where(score >= high, 1.0, np.where(score < low, 0.0, np.nan))

    edges = np.arange(0, 1 - 1e-9, step)
    # A pair that calls nobody negative has no p-value, after which its search finds nothing.
    pairs = np.array([(low, high) for low in edges[1:] for high in edges if high > low])
    right = BinaryRisk(
        risk_occurrence=lambda y_true, y_pred: y_pred == y_true,
        risk_condition=lambda y_true, y_pred: y_pred == y_pred,
        higher_is_better=True,
    )
    bounds = task == "bounds"
    controller = BinaryClassificationController(
        predict_function=decide,
        risk=["positive_predictive_value", "negative_predictive_value"] if bounds else "abstention_rate",
        target_level=[TARGET, TARGET] if bounds else BUDGET,
        confidence_level=CONFIDENCE,
        best_predict_param_choice="abstention_rate" if bounds else right,
        list_predict_params=pairs,
    )
    controller.calibrate(X, y)
    return controller.best_predict_param


def truth(scores, y, chosen):
    """Return referral rate, precision and npv of the decided rows, and their error rate."""
    yes, no = scores >= chosen[1], scores < chosen[0]
    right = np.sum(y[yes] == 1) + np.sum(y[no] == 0)
    share = [np.mean(~yes & ~no)]
    share += [np.mean(y[rows] == value) if rows.any() else 1.0 for rows, value in ((yes, 1), (no, 0))]
    return [*share, 1 - right / max(np.sum(yes | no), 1)]


def run(draws, n_truth, n_train=4000, n_choose=500):
    """Return, for each way, the bands that it found with their truth, and the seconds that it took."""
    X, y = circles(n_train, 1)
    model = network().fit(X, y)
    X_new, y_new = circles(n_truth, 2)
    scores = model.predict_proba(X_new)[:, 1]
    ways = {"ours": ours}
    try:
        import mapie as package

        assert package.__version__
        ways |= {
            "MAPIE, 36 pairs": lambda *args: mapie(*args, 0.1),
            "MAPIE, 1,176 pairs": lambda *args: mapie(*args, 0.02),
        }
    except ImportError:
        print("mapie is not installed: this package alone")
    found = {(task, way): [] for task in TASKS for way in [*ways, "ours, cross-fitted"]}
    for draw in range(draws):
        X_choose, y_choose = circles(n_choose, 1000 + draw)
        for task in TASKS:
            for way, choose in ways.items():
                start = time.process_time()
                chosen = choose(model, X_choose, y_choose, task)
                seconds = time.process_time() - start
                found[task, way].append((None if chosen is None else truth(scores, y_new, chosen), seconds))
        if draw < max(draws // 10, 1):  # six networks each
            own = tuner(network()).fit(np.vstack([X, X_choose]), np.append(y, y_choose))
            own_scores = own.predict_proba(X_new)[:, 1]
            for task in TASKS:
                chosen = band(own.retune(abstain=asked(task)))
                outcome = None if chosen is None else truth(own_scores, y_new, chosen)
                found[task, "ours, cross-fitted"].append((outcome, np.nan))
    return found


def table(found):
    """Return the lines of the table."""
    lines = [
        "| question | way | found | referred | errors among the decided | broken | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for (task, way), results in found.items():
        held = np.array([outcome for outcome, _ in results if outcome is not None]).reshape(-1, 4)
        kept = (held[:, 1:3] >= TARGET).all(axis=1) if task == "bounds" else held[:, 0] <= BUDGET
        row = [f"{len(held) / len(results):.0%}", f"{held[:, 0].mean():.3f}", f"{held[:, 3].mean():.3f}"]
        row += [f"{np.sum(~kept) / len(results):.0%}", f"{np.median([s for _, s in results]):.3f}"]
        lines.append(f"| {task} | {way} | " + " | ".join(row) + " |")
    return lines


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--truth", type=int, default=200_000)
    parser.add_argument("--train", type=int, default=4000)
    options = parser.parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print("\n".join(table(run(options.draws, options.truth, options.train))))


if __name__ == "__main__":
    main()
