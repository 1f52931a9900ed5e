"""
Rows for a person
=================

*"The model may decide the clear cases. The others should go to a pathologist. Which
are the clear cases?"*

The rows are 569 biopsies of the breast, with thirty measurements of the cells
(scikit-learn's copy of the Wisconsin data). The model answers "malignant". Where it is
sure enough, nobody else looks.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import ThresholdTunerCV

X, target = load_breast_cancer(return_X_y=True)
y = 1 - target  # 1: malignant
# Three measurements only: with all thirty there is little to refer.
X_train, X_test, y_train, y_test = train_test_split(
    X[:, :3], y, test_size=0.5, stratify=y, random_state=0
)
model = make_pipeline(StandardScaler(), LogisticRegression())


def outcome(decisions):
    """Return what is referred, and how often yes and no are right, on test rows."""
    yes, no = decisions == 1, decisions == -1
    return np.mean(~yes & ~no), np.mean(y_test[yes] == 1), np.mean(y_test[no] == 0)


# %%
# The wrong way
# -------------
#
# It is wrong to refer what has a probability "around 0.5", such as 0.4 to 0.6. How
# often the model then errs on the rest is left to chance. Of those called benign one in
# eleven is malignant, as the table below shows.

tuner = ThresholdTunerCV(model, scoring="accuracy", random_state=0)
tuner.fit(X_train, y_train)
probability = tuner.predict_proba(X_test)[:, 1]
decisions = np.where(probability >= 0.6, 1, np.where(probability < 0.4, -1, 0))
results = {"0.4 to 0.6": outcome(decisions)}
bands = {"0.4 to 0.6": (0.4, 0.6)}

# %%
# The right way: bounds
# ---------------------
#
# Of the biopsies called malignant at least 90 % shall be so (precision), and of those
# called benign at least 90 % too (npv). `abstain` takes these bounds. They hold with 95
# % confidence, and among all pairs of thresholds that keep them, that one is taken that
# refers the fewest. `retune` reads it from the stored out-of-fold probabilities.

tuner.retune(abstain=["precision >= 0.9", "npv >= 0.9"])
results["bounds"] = outcome(tuner.decide(X_test))
bands["bounds"] = tuner.refer_band_
for line in tuner.refer_report_["constraints"]:
    print(f"{line['constraint']}: {line['estimate']:.3f}, at least {line['bound']:.3f}")

# %%
# The right way: a budget, or a price
# -----------------------------------
#
# If the pathologist can see one biopsy in ten, the question is which ones: those that
# leave the fewest errors. If a look costs a tenth of a false alarm, and a missed tumour
# costs ten false alarms, the question is which look is worth its price.

tuner.retune(abstain="referral_rate <= 0.1 [empirical]")
results["budget of 10 %"] = outcome(tuner.decide(X_test))
bands["budget of 10 %"] = tuner.refer_band_
tuner.retune(scoring="cost", costs=[[0, 1], [10, 0]], abstain={"cost": 0.1})
results["a look costs 0.1"] = outcome(tuner.decide(X_test))
bands["a look costs 0.1"] = tuner.refer_band_

# %%
title = f"on {len(y_test)} test rows"
print(f"{title:<20}{'no below':>9}{'yes from':>9}{'referred':>9}", end="")
print(f"{'precision':>10}{'npv':>7}")
for name, (referred, precision, npv) in results.items():
    low, high = bands[name]
    print(f"{name:<20}{low:>9.3f}{high:>9.3f}{referred:>9.3f}", end="")
    print(f"{precision:>10.3f}{npv:>7.3f}")

# %%
# `predict` gives the referred rows a label of your choice, or masks them:

named = tuner.predict(X_test, referred=-1)
print("first decisions:", named[:12])

# %%
# The picture shows the probabilities of the test rows, and the four bands.

figure, axes = plt.subplots(5, 1, figsize=(8, 5), sharex=True, layout="constrained")
bins = np.linspace(0, 1, 41)
axes[0].hist(probability[y_test == 0], bins, color="#0072B2", alpha=0.7, label="benign")
axes[0].hist(
    probability[y_test == 1], bins, color="#D55E00", alpha=0.7, label="malignant"
)
axes[0].set(yscale="log", ylabel="biopsies")
axes[0].legend(frameon=False, ncols=2)
for ax, (name, (low, high)) in zip(axes[1:], bands.items(), strict=True):
    ax.barh(0, low, color="#0072B2")
    ax.barh(0, high - low, left=low, color="0.8")
    ax.barh(0, 1 - high, left=high, color="#D55E00")
    ax.set(yticks=[], xlim=(0, 1))
    ax.set_title(f"{name}: {results[name][0]:.0%} referred", loc="left", fontsize=10)
axes[-1].set_xlabel("probability of a malignant tumour")

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_refer.png", dpi=120)
# sphinx_gallery_end_ignore
