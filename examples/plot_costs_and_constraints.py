"""
Costs and constraints
=====================

*"A poor wine that reaches the shop costs us as much as five good ones that are tasted
again. Which threshold?"* and *"We must find 90 % of the poor wines. Which threshold?"*

The two questions lead to two thresholds. Both are estimates, so both come with their
uncertainty.
"""

import sys
import warnings

import matplotlib.pyplot as plt
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet.datasets import load_red_wine
from sklearn_binnet.plotting import ThresholdCurveDisplay

X, grade = load_red_wine(return_X_y=True)
y = (grade <= 5).astype(int)  # 1: a poor wine
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)
# [[true negative, false positive], [false negative, true positive]]
COSTS = [[0, 1], [5, 0]]


def outcome(labels):
    """Return mean cost of a wine, recall and false alarms on the test rows."""
    (_, fp), (fn, tp) = confusion_matrix(y_test, labels)
    return (fp + 5 * fn) / len(y_test), tp / (tp + fn), fp


# %%
# Five networks are trained once, each without one fold of the rows. So there is an
# out-of-fold probability for every training row (`oof_proba_`). With ``cv="oof"`` the
# tuner reads those, and nothing is trained again.

clf = BinaryNetClassifier(hidden_layer_sizes=(64,), retrieval=False, random_state=0)
clf.fit(X_train, y_train)
tuner = ThresholdTunerCV(
    clf, cv="oof", refit=False, scoring="cost", costs=COSTS, random_state=0
)
tuner.fit(X_train, y_train)

# %%
# The wrong way
# -------------
#
# It is wrong to leave the threshold at 0.5: that is right where both mistakes cost the
# same. It is also wrong to train with weights of five to one instead: every price then
# needs another network, and its outputs are no longer probabilities.
#
# The right way: costs
# --------------------

thresholds, results = {"0.5": 0.5}, {"0.5": outcome(clf.predict(X_test))}
low, high = tuner.threshold_interval_
thresholds["costs"] = tuner.best_threshold_
results["costs"] = outcome(tuner.predict(X_test))
print(f"costs: threshold {tuner.best_threshold_:.3f}")
print(f"95 % interval: {low:.3f} to {high:.3f}")
cost_display = ThresholdCurveDisplay.from_estimator(
    tuner, metrics=["cost"], costs=COSTS
)
plt.close(cost_display.figure_)

# %%
# For calibrated probabilities the best threshold is 1 / (1 + 5) = 0.17, whatever the
# data. The tuner draws its threshold towards that, as far as the data allow.
#
# The right way: a constraint
# ---------------------------
#
# We want the best precision among the thresholds with a recall of at least 90 %. "At
# least 90 %" can mean two things. It can be about these rows: then about every second
# new sample falls short. Or it can be about new wines, with 95 % confidence, which is
# what a constraint means here. `retune` reads both from the stored probabilities.

for name, constraint in (
    ("recall 90 %, here", "recall >= 0.9 [empirical]"),
    ("recall 90 %, sure", "recall >= 0.9"),
):
    tuner.retune(scoring="precision", constraint=constraint)
    thresholds[name] = tuner.best_threshold_
    results[name] = outcome(tuner.predict(X_test))
    (line,) = tuner.constraint_report_
    print(f"{name}: threshold {tuner.best_threshold_:.3f}, ", end="")
    print(f"recall {line['estimate']:.3f}, bound {line['bound']:.3f}")
recall_display = ThresholdCurveDisplay.from_estimator(
    tuner, metrics=["precision", "recall", "queue_rate"]
)
plt.close(recall_display.figure_)

# %%
title = f"on {len(y_test)} test rows"
print(f"{title:<20}{'threshold':>10}{'cost':>8}{'recall':>8}{'false alarms':>14}")
for name, (cost, recall, alarms) in results.items():
    print(f"{name:<20}{thresholds[name]:>10.3f}{cost:>8.3f}{recall:>8.3f}{alarms:>14}")

# %%
# If no threshold satisfies a constraint, a warning says so, and what it would take:

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    tuner.retune(scoring="recall", constraint="precision >= 0.98")
print("satisfied:", tuner.constraint_satisfied_)
print(caught[0].message)

# %%
# The picture shows the cost against the threshold, and below precision and recall with
# what the constraint rules out. Bands and grey intervals are of 95 %.

figure, axes = plt.subplots(2, 1, figsize=(8.5, 6.6), layout="constrained")
cost_display.plot(axes[0], name="a miss costs five false alarms")
recall_display.plot(axes[1], name="recall of at least 90 %, with 95 % confidence")

# sphinx_gallery_start_ignore
figure.savefig(
    sys.argv[1] if len(sys.argv) > 1 else "plot_costs_and_constraints.png", dpi=120
)
# sphinx_gallery_end_ignore
