"""
Searching architectures in a pipeline
=====================================

*"A grid search over layers and learning rates of my Keras network takes all night. Can
it be faster?"*

Yes, because most of that time is not arithmetic. Each fit builds and compiles a model
anew, and Keras returns to Python after every batch. This package compiles an
architecture once, and a whole training is one call.
"""

import sys
import warnings
from time import perf_counter

import keras
import matplotlib.pyplot as plt
import numpy as np
from scikeras.wrappers import KerasClassifier
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet.datasets import load_ionosphere

X, y = load_ionosphere(return_X_y=True)
X = X.astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)
TRAINING = {"epochs": 10, "batch_size": 32}

# %%
# The wrong way
# -------------
#
# This is the search with SciKeras, kept small: two sizes of one layer, two folds, ten
# epochs.


def build(units, meta):
    """Return one hidden layer and a sigmoid unit."""
    return keras.Sequential(
        [
            keras.layers.Input((meta["n_features_in_"],)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def timed_search(classifier, grid):
    """Return a fitted search over a pipeline, how many fits it took, and seconds."""
    pipeline = make_pipeline(StandardScaler(), classifier)
    step = type(classifier).__name__.lower()
    search = GridSearchCV(
        pipeline, {f"{step}__{name}": values for name, values in grid.items()}, cv=2
    )
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciKeras' own deprecations
        search.fit(X_train, y_train)
    fits = 2 * len(search.cv_results_["params"]) + 1
    return search, fits, perf_counter() - start


wrapped = KerasClassifier(
    build,
    model__units=8,
    loss="binary_crossentropy",
    optimizer="adam",
    verbose=0,
    **TRAINING,
)
keras.utils.set_random_seed(0)
theirs, their_fits, their_seconds = timed_search(
    wrapped, {"model__units": [8, 32], "optimizer__learning_rate": [0.01]}
)

# %%
# The right way
# -------------
#
# This is the same grid over the same networks: a single network in each fit, with a
# constant learning rate. The time includes compiling.

plain = {
    "activation": "relu",
    "encoding": None,
    "learning_rate_schedule": "constant",
    "n_estimators": 1,
    "random_state": 0,
}
ours_clf = BinaryNetClassifier(early_stopping=False, **plain, **TRAINING)
ours, our_fits, our_seconds = timed_search(
    ours_clf, {"hidden_layer_sizes": [(8,), (32,)], "learning_rate": [0.01]}
)

# %%
# The time that is left can be used for a wider grid: four times as many candidates,
# deeper ones among them, with up to sixty epochs and early stopping.

wide, wide_fits, wide_seconds = timed_search(
    BinaryNetClassifier(epochs=60, batch_size=32, **plain),
    {
        "hidden_layer_sizes": [(32,), (64, 32)],
        "learning_rate": [0.001, 0.003, 0.01, 0.03],
    },
)

rows = [
    ("SciKeras", theirs, their_fits, their_seconds),
    ("sklearn_binnet, same", ours, our_fits, our_seconds),
    ("sklearn_binnet, wide", wide, wide_fits, wide_seconds),
]
print(
    f"{'':<22}{'fits':>5}{'seconds':>9}{'a fit':>8}"
    f"{'cv accuracy':>13}{'test accuracy':>15}"
)
for name, search, fits, seconds in rows:
    score = search.score(X_test, y_test)
    print(
        f"{name:<22}{fits:>5}{seconds:>9.2f}{seconds / fits:>8.3f}"
        f"{search.best_score_:>13.3f}{score:>15.3f}"
    )
ratio = their_seconds / our_seconds
print(f"SciKeras took {ratio:.1f} times as long for the same grid, compiling included")
print("best of the wide grid:", wide.best_params_)

# %%
# The picture shows the seconds of a fit, and the accuracy over the wide grid.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
names = [name for name, *_ in rows]
bars = left.barh(
    names,
    [seconds / fits for _, _, fits, seconds in rows],
    color=["0.6", "#0072B2", "#56B4E9"],
)
left.bar_label(bars, fmt="%.2f s", padding=3)
left.margins(x=0.15)
left.invert_yaxis()
left.set(xlabel="seconds a fit, compiling included")
results = wide.cv_results_
sizes = [
    str(params["binarynetclassifier__hidden_layer_sizes"])
    for params in results["params"]
]
rates = [params["binarynetclassifier__learning_rate"] for params in results["params"]]
for size, colour, marker in zip(
    dict.fromkeys(sizes), ("#0072B2", "#D55E00"), "os", strict=True
):
    at = [number for number, other in enumerate(sizes) if other == size]
    right.plot(
        [rates[i] for i in at],
        results["mean_test_score"][at],
        marker=marker,
        color=colour,
        label=size,
    )
right.set(xscale="log", xlabel="learning rate", ylabel="accuracy, 2 folds")
right.legend(title="hidden layers", frameon=False)

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_grid_search.png", dpi=120)
# sphinx_gallery_end_ignore
