"""
Costs and constraints
=====================

*"A poor wine that reaches the shop costs us as much as five good ones that are tasted again. Which threshold?"* and
*"We must find 90 % of the poor wines. Which threshold?"*

Two ways to say what matters, and two thresholds. Both come with their uncertainty: a threshold is an estimate like any
other.
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
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
COSTS = [[0, 1], [5, 0]]  # [[true negative, false positive], [false negative, true positive]]


def outcome(labels):
    """Return mean cost of a wine, recall and false alarms on the test rows."""
    (_, fp), (fn, tp) = confusion_matrix(y_test, labels)
    return (fp + 5 * fn) / len(y_test), tp / (tp + fn), fp


# %%
# Five networks, each without one fold, are trained once. They hold an out-of-fold probability for every training row,
# and all that follows is read from those: nothing is trained again.

clf = BinaryNetClassifier(hidden_layer_sizes=(64,), n_estimators=5, random_state=0).fit(X_train, y_train)
tuner = ThresholdTunerCV(clf, scoring="cost", costs=COSTS, random_state=0).fit(X_train, y_train)

# %%
# The wrong way
# -------------
#
# To leave the threshold at 0.5, which is right where both mistakes cost the same. Or to train with weights of five to
# one instead: that asks for another network for every price, and its probabilities are none any more.
#
# The right way: costs
# --------------------

thresholds, results = {"0.5": 0.5}, {"0.5": outcome(clf.predict(X_test))}
low, high = tuner.threshold_interval_
thresholds["costs"], results["costs"] = tuner.best_threshold_, outcome(tuner.predict(X_test))
print(f"costs: threshold {tuner.best_threshold_:.3f}, 95 % interval {low:.3f} to {high:.3f}")
cost_display = ThresholdCurveDisplay.from_estimator(tuner, metrics=["cost"], costs=COSTS)
plt.close(cost_display.figure_)

# %%
# For probabilities that can be trusted the best threshold is 1 / (1 + 5) = 0.17, whatever the data. The tuner draws its
# answer towards that, as far as the data allow.
#
# The right way: a constraint
# ---------------------------
#
# The best precision among the thresholds with a recall of at least 90 %. `retune` reads it from the stored
# probabilities. "At least 90 %" can mean two things: of these rows, or of wines to come. The first is satisfied by
# about every second sample only, the second holds with 95 % confidence and is what a constraint means here.

for name, constraint in (("recall 90 %, here", "recall >= 0.9 [empirical]"), ("recall 90 %, sure", "recall >= 0.9")):
    tuner.retune(scoring="precision", constraint=constraint)
    thresholds[name], results[name] = tuner.best_threshold_, outcome(tuner.predict(X_test))
    (line,) = tuner.constraint_report_
    print(f"{name}: threshold {thresholds[name]:.3f}, recall {line['estimate']:.3f}, bound {line['bound']:.3f}")
recall_display = ThresholdCurveDisplay.from_estimator(tuner, metrics=["precision", "recall", "queue_rate"])
plt.close(recall_display.figure_)

# %%
print(f"{'on ' + str(len(y_test)) + ' test rows':<20}{'threshold':>10}{'cost':>8}{'recall':>8}{'false alarms':>14}")
for name, (cost, recall, alarms) in results.items():
    print(f"{name:<20}{thresholds[name]:>10.3f}{cost:>8.3f}{recall:>8.3f}{alarms:>14}")

# %%
# What cannot be had is said, with what it would take:

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    tuner.retune(scoring="recall", constraint="precision >= 0.98")
print("satisfied:", tuner.constraint_satisfied_)
print(caught[0].message)

# %%
# The picture: cost against threshold, and precision and recall with what the constraint rules out. Bands and grey
# intervals are 95 %.

figure, axes = plt.subplots(2, 1, figsize=(8.5, 6.6), layout="constrained")
cost_display.plot(axes[0], name="a miss costs five false alarms")
recall_display.plot(axes[1], name="recall of at least 90 %, with 95 % confidence")

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_costs_and_constraints.png", dpi=120)
# sphinx_gallery_end_ignore
