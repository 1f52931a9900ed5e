"""
Another share of positives
==========================

*"We tuned the threshold on wines of which half were poor. This year's wines are better,
but nobody has tasted them yet. Does the threshold still hold?"*

The best threshold depends on how many positives there are. Their share can be
estimated from rows without labels: the scores of new wines are a mixture of the scores
of poor and of good ones.
"""

import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet.datasets import load_red_wine

X, grade = load_red_wine(return_X_y=True)
y = (grade <= 5).astype(int)  # 1: a poor wine
X_train, X_rest, y_train, y_rest = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
# This year: only every sixth poor wine is left.
poor = np.flatnonzero(y_rest == 1)
this_year = np.sort(np.concatenate([np.flatnonzero(y_rest == 0), poor[::6]]))
X_new, y_new = X_rest[this_year], y_rest[this_year]

model = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
tuner = ThresholdTunerCV(model, scoring="f1").fit(X_train, y_train)

# %%
# The wrong way
# -------------
#
# To leave the threshold as it is. Or to count the rows that are called positive: many
# of them are false alarms, and these do not become fewer.

results = {"old threshold": f1_score(y_new, tuner.predict(X_new))}
called = tuner.predict(X_new).mean()
print(f"poor wines: {y_train.mean():.2f} then, {y_new.mean():.2f} now")
print(f"called poor: {called:.2f}, F1 {results['old threshold']:.3f}")

# %%
# The right way
# -------------
#
# `estimate_prevalence` looks at the scores of the new wines, not at their labels. Its
# interval counts the chance in both sets of rows. `retune` takes the estimate.

found = tuner.estimate_prevalence(X_new)
low, high = found.interval
print(f"estimated: {found.prevalence:.2f}, interval {low:.2f} to {high:.2f}")
before = tuner.best_threshold_
tuner.retune(prevalence=found.prevalence)
results["new threshold"] = f1_score(y_new, tuner.predict(X_new))
print(f"threshold {before:.2f}, now {tuner.best_threshold_:.2f}")
print(f"F1 {results['new threshold']:.3f}")

# %%
# This takes it that poor wines look as poor wines did. Where the rows themselves have
# changed, no share of positives explains the scores, and a warning says so. Here the
# alcohol comes as a share of the weight, not of the volume as before:

X_other = X_new.copy()
X_other[:, 10] *= 0.79
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    other = tuner.estimate_prevalence(X_other)
print(f"misfit {found.misfit:.2f} before, {other.misfit:.2f} now")
for warning in caught:
    print(warning.message)

# %%
# The scores of this year's wines, and those of the two classes that they are mixed of.

figure, ax = plt.subplots(figsize=(8.5, 4), layout="constrained")
bins = np.linspace(0, 1, 21)
scores, oof = tuner.estimator_.predict_proba(X_new)[:, 1], tuner.oof_scores_
ax.hist(scores, bins, density=True, color="0.85", label="this year's wines")
parts = [np.histogram(oof[y_train == k], bins, density=True)[0] for k in (0, 1)]
for share, colour, name in (
    (y_train.mean(), "black", "mixed as they were"),
    (found.prevalence, "#D55E00", "mixed as estimated"),
):
    mixture = share * parts[1] + (1 - share) * parts[0]
    ax.stairs(mixture, bins, color=colour, linewidth=1.8, label=name)
ax.set(xlabel="score", ylabel="density", xlim=(0, 1))
ax.legend()

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_prevalence.png", dpi=120)
# sphinx_gallery_end_ignore
