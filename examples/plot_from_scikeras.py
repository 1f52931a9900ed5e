"""
From SciKeras in one line
=========================

*"I have my network in a SciKeras wrapper, with a grid over its parameters. What do I
have to change?"*

One line: pass the wrapper as ``model=``. A grid over its ``units`` is now a grid over
``model__units``.
"""

import sys
import warnings
from time import perf_counter

import keras
import matplotlib.pyplot as plt
import numpy as np
from scikeras.wrappers import KerasClassifier
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    train_test_split,
)
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet.datasets import load_ionosphere

X, y = load_ionosphere(return_X_y=True)
X = StandardScaler().fit_transform(X).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)


def build(units, meta):
    """Return the network, as SciKeras wants it."""
    return keras.Sequential(
        [
            keras.layers.Input((meta["n_features_in_"],)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def quietly(function, *args):
    """Return a result and its seconds, without SciKeras' own deprecations."""
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(*args)
    return result, perf_counter() - start


wrapper = KerasClassifier(
    build,
    units=32,
    loss="binary_crossentropy",
    optimizer="adam",
    epochs=15,
    batch_size=32,
    verbose=0,
)

# %%
# Before
# ------

keras.utils.set_random_seed(0)
before, before_seconds = quietly(wrapper.fit, X_train, y_train)
alone, _ = quietly(before.predict_proba, X_test[:1])
accuracy, _ = quietly(before.score, X_test, y_test)
print(f"SciKeras: {before_seconds:.2f} s, accuracy {accuracy:.3f}")
print("probabilities of one row have the shape", alone.shape, "instead of (1, 2)")

# %%
# A threshold cannot be tuned around it:

try:
    quietly(TunedThresholdClassifierCV(wrapper, cv=2).fit, X_train, y_train)
except Exception as error:
    complaint = f"{type(error).__name__}: {error}"
    print("TunedThresholdClassifierCV:", complaint.splitlines()[0][:150])

# %%
# After
# -----
#
# This is the one line. The columns are scaled already, so ``encoding=None``; without it
# they are standardized inside.

after = BinaryNetClassifier(
    model=wrapper, encoding=None, early_stopping=False, n_estimators=1, random_state=0
)

first, first_seconds = quietly(after.fit, X_train, y_train)
again, again_seconds = quietly(after.set_params(random_state=1).fit, X_train, y_train)
print(f"sklearn_binnet: {first_seconds:.2f} s, then {again_seconds:.2f} s")
print(f"accuracy {after.score(X_test, y_test):.3f}")
print("probabilities of one row have the shape", after.predict_proba(X_test[:1]).shape)
first_ratio, again_ratio = (
    before_seconds / first_seconds,
    before_seconds / again_seconds,
)
print(f"SciKeras took {first_ratio:.1f} times as long as the first fit")
print(f"SciKeras took {again_ratio:.0f} times as long as the next one")

# %%
# A grid search goes over the wrapper's parameters, and thresholds can be tuned:

search, search_seconds = quietly(
    GridSearchCV(after, {"model__units": [8, 32]}, cv=3).fit, X_train, y_train
)
print(f"best of the grid: {search.best_params_}, {search_seconds:.2f} s for 7 fits")
tuned = ThresholdTunerCV(after, scoring="f1", cv=3, random_state=0).fit(
    X_train, y_train
)
low, high = tuned.threshold_interval_
print(f"tuned threshold {tuned.best_threshold_:.3f}")
print(f"95 % interval: {low:.3f} to {high:.3f}")

# %%
# The picture shows the seconds of each fit.

figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
names = ["SciKeras", "model=wrapper, first fit", "model=wrapper, next fit"]
bars = ax.barh(
    names,
    [before_seconds, first_seconds, again_seconds],
    color=["0.6", "#0072B2", "#56B4E9"],
)
ax.bar_label(bars, fmt="%.2f s", padding=3)
ax.invert_yaxis()
ax.margins(x=0.15)
ax.set(xlabel="seconds")

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_from_scikeras.png", dpi=120)
# sphinx_gallery_end_ignore
