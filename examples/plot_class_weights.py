"""
Probabilities after class weights
=================================

*"I train with* ``class_weight="balanced"`` *because one trip in thirteen has no tip.
Now the model says 38 % on average. Of which trips is that the probability?"*

It is the probability where both classes are equally frequent. Samplers that drop or
repeat rows do the same. `ThresholdTunerCV(calibrate=True)` maps the scores back
to the share of positives that the rows really have.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import calibration_curve
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet.datasets import load_taxi

X, y = load_taxi(return_X_y=True, as_frame=True)  # 1: no tip
X = X.astype(dict.fromkeys(X.select_dtypes(exclude="number"), "category"))
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)


class Undersampled(ClassifierMixin, BaseEstimator):
    """Train on as many common rows as rare ones, as imbalanced-learn's samplers do."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        rare, common = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
        common = np.random.default_rng(0).choice(common, len(rare), replace=False)
        rows = np.concatenate([rare, common])
        self.estimator_ = clone(self.estimator).fit(X.iloc[rows], np.asarray(y)[rows])
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        return self.estimator_.predict_proba(X)


# %%
# The wrong way
# -------------
#
# To read the output of such a model as a probability, or to divide it by a constant.

boosting = HistGradientBoostingClassifier(
    learning_rate=0.05, max_iter=60, random_state=0
)
weighted = clone(boosting).set_params(class_weight="balanced")
models = {
    "no weights": boosting,
    "class_weight": weighted,
    "sampler": Undersampled(boosting),
}

# %%
# The right way
# -------------
#
# The folds of the tuner are trained with the weights or the sampler too, but the rows
# that they have not seen come as they are. On these the scores are calibrated. Then the
# threshold is chosen among calibrated probabilities.

figures = {}
probabilities = {}
for name, model in models.items():
    for calibrate in (False, True):
        tuner = ThresholdTunerCV(
            model, scoring="f1", calibrate=calibrate, random_state=0
        ).fit(X_train, y_train)
        proba = tuner.predict_proba(X_test)[:, 1]
        key = f"{name}, calibrated" if calibrate else name
        figures[key] = proba.mean(), log_loss(y_test, proba), tuner.best_threshold_
        probabilities[key] = proba
print(f"{y_test.mean():.3f} of the test trips have no tip")
print(f"{'':<28}{'mean':>8}{'log-loss':>10}{'threshold':>11}")
for name, (mean, loss, threshold) in figures.items():
    print(f"{name:<28}{mean:>8.3f}{loss:>10.3f}{threshold:>11.3f}")

# %%
# Points on the diagonal are probabilities that hold.

figure, axes = plt.subplots(1, 2, figsize=(8.5, 4.2), layout="constrained")
colours = dict(zip(models, ("0.5", "#0072B2", "#D55E00"), strict=True))
for ax, ending, limit in zip(axes, ("", ", calibrated"), (0.9, 0.2), strict=True):
    for name, colour in colours.items():
        share, said = calibration_curve(
            y_test, probabilities[name + ending], n_bins=8, strategy="quantile"
        )
        ax.plot(said, share, "o-", color=colour, label=name)
    ax.plot([0, limit], [0, limit], color="black", linewidth=0.8)
    ax.set(title="as trained" if not ending else "calibrate=True", xlabel="predicted")
axes[0].set_ylabel("share without a tip")
axes[0].legend()

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_class_weights.png", dpi=120)
# sphinx_gallery_end_ignore
