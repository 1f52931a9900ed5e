"""Thresholds for groups: this package beside Fairlearn's ThresholdOptimizer.

    python groups.py               with an environment that holds fairlearn; without it, this package alone

Three groups (70, 20 and 10 %) whose scores differ for rows that are equally likely positive, a logistic regression,
and as many rows to choose on as the table says, drawn anew a hundred times. The truth is integrated over a fine grid
of scores: accuracy, and how far the recall of the groups is apart. At most 0.05 is asked for. Fairlearn draws lots
between two thresholds of a group; what is shown of it are expected values, and "lots" is the share of rows for which
lots are drawn.
"""

import argparse
import time
import warnings

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

TOLERANCE = 0.05
SHARES, SHIFT = (0.7, 0.2, 0.1), (0.0, 0.8, -0.8)
SIZES = (1000, 4000, 20_000)


def sample(n, seed):
    rng = np.random.default_rng(seed)
    group = rng.choice(len(SHARES), n, p=SHARES)
    truth = rng.normal(size=n)
    y = (rng.random(n) < expit(2 * truth - 0.5)).astype(int)
    return (truth + np.take(SHIFT, group))[:, None], y, group


def true_rows(n_points):
    """Return rows on a grid, their groups, their probabilities of being positive, and their weights."""
    truth = np.tile(np.linspace(-6, 6, n_points), len(SHARES))
    group = np.repeat(np.arange(len(SHARES)), n_points)
    weight = np.exp(-(truth**2) / 2) * np.take(SHARES, group)
    return (truth + np.take(SHIFT, group))[:, None], group, expit(2 * truth - 0.5), weight / weight.sum()


def ours(model, X, y, group, mode):
    """Return a function that gives the probability of a yes for rows and groups, and whether the tolerance is shown."""
    from sklearn_binnet import ThresholdTunerCV

    tuner = ThresholdTunerCV(model, cv="prefit", refit=False, scoring="accuracy")
    tuner.fit(X, y, sensitive=group)
    asked = [] if mode is None else f"equal_opportunity <= {TOLERANCE}{mode}"
    tuner.retune(groups=asked)
    report = tuner.group_report_
    return lambda X, group: tuner.predict(X, sensitive=group).astype(float), report is None or report["satisfied"]


def fairlearn(model, X, y, group, tolerance):
    from fairlearn.postprocessing import ThresholdOptimizer

    optimizer = ThresholdOptimizer(
        estimator=model,
        constraints="true_positive_rate_parity",
        objective="accuracy_score",
        prefit=True,
        predict_method="predict_proba",
        tol=tolerance,
    )
    optimizer.fit(X, y, sensitive_features=group)
    return lambda X, group: optimizer._pmf_predict(X, sensitive_features=group)[:, 1], True


def ways():
    """Return what is compared, by name."""
    found = {
        "one threshold": lambda *rows: ours(*rows, None),
        "ours": lambda *rows: ours(*rows, ""),
        "ours, [empirical]": lambda *rows: ours(*rows, " [empirical]"),
    }
    try:
        import fairlearn as package
    except ImportError:
        print("fairlearn is not installed: this package alone")
        return found
    assert package.__version__
    return found | {
        f"Fairlearn, tol={TOLERANCE}": lambda *rows: fairlearn(*rows, TOLERANCE),
        "Fairlearn, exact": lambda *rows: fairlearn(*rows, None),
    }


def run(draws, n_points, sizes=SIZES):
    """Return the lines of the table."""
    model = LogisticRegression().fit(*sample(20_000, 1)[:2])
    X_new, group_new, positive, weight = true_rows(n_points)
    lines = [
        "| rows | way | accuracy | apart | above 0.05 | shown | lots | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    compared = ways()
    for n in sizes:
        rows = {way: [] for way in compared}
        for draw in range(draws):
            X, y, group = sample(n, 1000 + draw)
            for way, choose in compared.items():
                start = time.process_time()
                answer, shown = choose(model, X, y, group)
                seconds = time.process_time() - start
                yes = answer(X_new, group_new)
                mass = weight * positive
                recall = [np.average(yes[group_new == g], weights=mass[group_new == g]) for g in range(len(SHARES))]
                accuracy = weight @ (positive * yes + (1 - positive) * (1 - yes))
                apart, lots = np.ptp(recall), weight @ ((yes > 1e-9) & (yes < 1 - 1e-9))
                rows[way].append((accuracy, apart, apart > TOLERANCE, shown, lots, seconds))
        for way, results in rows.items():
            accuracy, apart, above, shown, lots, _ = np.mean(results, axis=0)
            seconds = np.median([r[-1] for r in results])
            figures = f"{accuracy:.3f} | {apart:.3f} | {above:.0%} | {shown:.0%} | {lots:.1%} | {seconds:.3f}"
            lines.append(f"| {n} | {way} | {figures} |")
    return lines


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--points", type=int, default=5001)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options = parser.parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print("\n".join(run(options.draws, options.points, options.sizes)))


if __name__ == "__main__":
    main()
