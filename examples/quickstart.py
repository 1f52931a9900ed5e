"""Real data in, a classifier with a tuned threshold out.

This trains the built-in network on radar returns from the ionosphere. At least 85 % of
the bad returns should be found, with 95 % confidence. It compares labels at the default
threshold with labels at the tuned one, on rows that neither network nor tuner has seen,
and saves a picture of what the threshold does.

    python examples/quickstart.py [picture.png]
"""

import sys

from sklearn.metrics import f1_score, precision_score, recall_score
from sklearn.model_selection import train_test_split

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet.datasets import load_ionosphere
from sklearn_binnet.plotting import ThresholdCurveDisplay

SCORES = {"precision": precision_score, "recall": recall_score, "F1": f1_score}


def main(picture: str = "quickstart.png") -> None:
    X, y = load_ionosphere(return_X_y=True)  # 1: a bad return
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=0
    )

    clf = BinaryNetClassifier(random_state=0).fit(X_train, y_train)
    # Each of the five networks has left out a fold. With cv="oof" the tuner takes the
    # out-of-fold probabilities that they have given, and trains nothing.
    tuned = ThresholdTunerCV(
        clf,
        cv="oof",
        refit=False,
        scoring="f1",
        constraint="recall >= 0.85",
        random_state=0,
    ).fit(X_train, y_train)
    low, high = tuned.threshold_interval_
    print(f"Stopped after {clf.n_iter_} epochs; best epochs {clf.best_iter_}.")
    print(
        f"Tuned threshold {tuned.best_threshold_:.3f}, "
        f"95 % interval {low:.3f} to {high:.3f}.\n"
    )

    print(
        f"{'on ' + str(len(y_test)) + ' test rows':<20}"
        f"{'default 0.5':>12}{'tuned':>12}{'change':>12}"
    )
    labels = clf.predict(X_test), tuned.predict(X_test)
    for name, score in SCORES.items():
        before, after = (score(y_test, predicted) for predicted in labels)
        print(f"{name:<20}{before:>12.3f}{after:>12.3f}{after - before:>+12.3f}")

    display = ThresholdCurveDisplay.from_estimator(
        tuned, name="What the threshold does (training rows, out of fold)"
    )
    display.figure_.savefig(picture, dpi=120)
    print(f"\nPicture saved as {picture}.")


if __name__ == "__main__":
    main(*sys.argv[1:2])
