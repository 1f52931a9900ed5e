"""
From probabilities to labels: taxi tips
=======================================

*"My network ends with a sigmoid and predicts 0.09, 0.34, 0.58. Where are my 0s and
1s?"*

The numbers are probabilities, and a label needs a threshold. The loss looks at the
probabilities only, so the threshold is chosen after the training. 0.5 is only right
where both mistakes cost the same.

The question came with a network of ten tanh units and the metrics ``MeanSquaredError``
and ``AUC``, on taxi trips in Chicago: does the rider leave a tip? One trip in thirteen
has no tip, and those are the ones to be found.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    balanced_accuracy_score,
    confusion_matrix,
)
from sklearn.model_selection import train_test_split

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet.datasets import load_taxi
from sklearn_binnet.plotting import ThresholdCurveDisplay

X, y = load_taxi(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)
print(f"{len(X_train)} trips to learn from, {len(X_test)} to test on")
print(f"{y.mean():.1%} without a tip")

# %%
# The network of the question
# ---------------------------
#
# These are the same layers, loss and metrics. Columns of strings go in as they are,
# numbers need no scaler, and ``y`` may hold any two labels.

clf = BinaryNetClassifier(
    hidden_layer_sizes=(10,),
    activation="tanh",
    encoding="standardize",
    learning_rate=0.01,
    metrics=["MeanSquaredError", "AUC"],
    n_estimators=1,
    random_state=0,
).fit(X_train, y_train)
proba = clf.predict_proba(X_test)[:, 1]
print("probabilities:", proba[:6].round(2))

# %%
# The wrong way
# -------------
#
# It is wrong to loop over the rows and predict them one by one, which is slow. It is
# also wrong to round: no trip reaches 0.5, so all of them are called "tip".

first = X_test.head(50)
looped = [
    int(clf.predict_proba(first.iloc[[i]])[0, 1] >= 0.5) for i in range(len(first))
]
print("labels from a loop:", looped[:6], "...")
rounded = balanced_accuracy_score(y_test, np.round(proba))
print(f"balanced accuracy of rounding: {rounded:.3f}; guessing reaches 0.5")

# %%
# The right way
# -------------
#
# `predict` gives labels for the whole table at once. They follow from `threshold`,
# which can change without another training.

assert clf.predict(first).tolist() == looped
for threshold in (0.5, 0.2, 0.1, 0.05):
    (tn, fp), (fn, tp) = confusion_matrix(
        y_test, clf.set_params(threshold=threshold).predict(X_test)
    )
    print(
        f"threshold {threshold:<5} found {tp:>3} of {tp + fn} trips without a tip, "
        f"with {fp:>4} false alarms"
    )

# %%
# Which threshold is best? `ThresholdTunerCV` chooses it on rows that the network was
# not trained on (5 folds), and gives an interval for it.

tuned = ThresholdTunerCV(
    clf.set_params(threshold=0.5), scoring="balanced_accuracy", random_state=0
)
tuned.fit(X_train, y_train)
low, high = tuned.threshold_interval_
print(
    f"best threshold {tuned.best_threshold_:.3f}, 95 % interval {low:.3f} to {high:.3f}"
)

scores = {
    "0.5": balanced_accuracy_score(y_test, clf.predict(X_test)),
    "tuned": balanced_accuracy_score(y_test, tuned.predict(X_test)),
}
for name, score in scores.items():
    print(f"balanced accuracy on test rows, threshold {name:<5}: {score:.3f}")

# %%
# The picture shows on the left how the threshold trades one kind of mistake for the
# other, and on the right the confusion matrix at 0.5 and at the tuned threshold.

figure, axes = plt.subplot_mosaic(
    [["curve", "curve", "before", "after"]], figsize=(13, 3.8), layout="constrained"
)
ThresholdCurveDisplay.from_estimator(
    tuned,
    metrics=["recall", "specificity", "balanced_accuracy", "queue_rate"],
    ax=axes["curve"],
)
axes["curve"].set(xlim=(0, 0.3), title="out of fold")
for place, title, labels in (
    ("before", "threshold 0.5", clf.predict(X_test)),
    ("after", f"threshold {tuned.best_threshold_:.2f}", tuned.predict(X_test)),
):
    ConfusionMatrixDisplay.from_predictions(
        y_test,
        labels,
        display_labels=["tip", "no tip"],
        cmap="Blues",
        colorbar=False,
        ax=axes[place],
    )
    axes[place].set_title(title)

# sphinx_gallery_start_ignore
figure.savefig(
    sys.argv[1] if len(sys.argv) > 1 else "plot_probabilities_to_labels.png", dpi=120
)
# sphinx_gallery_end_ignore
