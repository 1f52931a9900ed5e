"""
Every row has its own costs
===========================

*"A reminder to tip annoys some riders. It pays on a long trip, hardly on a short one.
On which trips do we show it?"*

A missed rider costs the tip that a reminder would have brought, and that grows with the
fare. So no single threshold is right: each trip has its own, and the classifier has to
give probabilities that hold.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet.datasets import load_taxi

X, y = load_taxi(return_X_y=True, as_frame=True)  # 1: no tip
X = X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), "category"))
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)


def trip_costs(X):
    """Return the costs of each trip: of a needless reminder and of a missed one."""
    fare = 3.25 + 2.25 * X["distance"].to_numpy()
    return np.column_stack([np.full(len(X), 0.4), 0.2 * fare])


def total(decided):
    """Return what decisions on the test trips cost, in dollars."""
    needless, missed = trip_costs(X_test).T
    return np.where(decided == 1, needless * (1 - y_test), missed * y_test).sum()


# %%
# The wrong way
# -------------
#
# One threshold for all trips, the best for the costs of an average trip. The tuner
# finds it, and it can even learn it from the costs of every training trip (`costs` of
# `fit`). But a trip of two miles and one of twenty are still treated alike.

tuner = ThresholdTunerCV(
    HistGradientBoostingClassifier(learning_rate=0.05, max_iter=60, random_state=0),
    scoring="cost",
    random_state=0,
)
tuner.fit(X_train, y_train, costs=trip_costs(X_train))
results = {
    "no reminder": total(np.zeros(len(X_test))),
    "always a reminder": total(np.ones(len(X_test))),
    "one threshold": total(tuner.predict(X_test)),
}
print(f"one threshold: {tuner.best_threshold_:.3f}")

# %%
# The right way
# -------------
#
# `predict` takes the costs of the rows that it decides on. Each row is positive where
# its probability reaches its own threshold, the cost of a false alarm divided by the
# sum of both costs. The probability is calibrated on the out-of-fold scores first, so
# this also works with class weights and with scores that are no probabilities.

decided = tuner.predict(X_test, costs=trip_costs(X_test))
results["by each trip's costs"] = total(decided)
for name, dollars in results.items():
    print(f"{name:<22}{dollars:8.0f} dollars")

# %%
# Both rules in one picture: each point is a trip, above the line it gets a reminder.

needless, missed = trip_costs(X_test).T
probability = tuner.calibration_(tuner.predict_proba(X_test)[:, 1])
figure, ax = plt.subplots(figsize=(8.5, 4.2), layout="constrained")
miles = X_test["distance"].to_numpy()
for label, text, colour in ((0, "tip", "0.75"), (1, "no tip", "#D55E00")):
    rows = y_test == label
    ax.scatter(miles[rows], probability[rows], 8, colour, label=text, zorder=2 + label)
order = np.argsort(miles)
own = needless / (needless + missed)
ax.plot(miles[order], own[order], color="#0072B2", label="each trip's own threshold")
one = tuner.calibration_(tuner.best_threshold_)
ax.axhline(one, color="black", linestyle="--", label="one threshold")
ax.set(xlabel="miles", ylabel="probability of no tip", xlim=(0, 25), ylim=(0, 0.4))
ax.legend(loc="upper right")

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_row_costs.png", dpi=120)
# sphinx_gallery_end_ignore
