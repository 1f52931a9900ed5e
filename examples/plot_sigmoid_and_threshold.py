"""
Where does the threshold go?
============================

*"How does Keras tell classification from regression? And where do I set the threshold
of my sigmoid?"*

Keras doesn't tell them apart. A network computes numbers: the last activation says
which numbers are possible, and the loss what they mean. A sigmoid with binary
cross-entropy gives probabilities. No part of the training makes a label; the threshold
comes afterwards, in `predict`.

The question came with a network of two layers of 124 units, dropout of 0.5 and 0.1, and
SGD with learning rate 0.1 and momentum 0.003. Here it classifies radar returns from the
ionosphere: good or bad?
"""

import sys
from time import perf_counter

import keras
import matplotlib.pyplot as plt
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet.datasets import load_ionosphere

X, y = load_ionosphere(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)


def network(**params):
    """Return the network of the question."""
    settings = {
        "hidden_layer_sizes": (124, 124),
        "activation": "relu",
        "dropout": (0.5, 0.1),
        "optimizer": keras.optimizers.SGD(momentum=0.003),
        "learning_rate": 0.1,
        "learning_rate_schedule": "constant",
        "encoding": "standardize",
        "batch_size": 32,
        "epochs": 40,
        "early_stopping": False,
        "n_estimators": 1,
        "random_state": 0,
    }
    return BinaryNetClassifier(**settings | params)


# %%
# The wrong way
# -------------
#
# It is wrong to look for the threshold in the training: in the loss, the last layer or
# `compile`. Train the same network with five thresholds, and the losses are the same to
# the last digit. Only the metric ``BinaryAccuracy`` changes, because it counts labels.
# It uses the estimator's `threshold`, so that the learning curve is about the labels
# that you will get.

thresholds = [0.1, 0.3, 0.5, 0.7, 0.9]
losses, accuracies = [], []
for threshold in thresholds:
    clf = network(threshold=threshold, metrics=["BinaryAccuracy"])
    clf.fit(X_train, y_train, X_val=X_test, y_val=y_test)
    losses.append(clf.history_["val_loss"])
    accuracies.append(clf.history_["val_binary_accuracy"][-1])
    print(f"threshold {threshold}: validation loss {losses[-1][-1]:.6f}", end=", ")
    print(f"binary accuracy {accuracies[-1]:.3f}")
same_loss = all(loss == losses[0] for loss in losses)
print("losses equal in every epoch:", same_loss)

# %%
# The right way
# -------------
#
# A grid search can choose a threshold like any parameter, but then it trains every
# candidate on every fold:

start = perf_counter()
search = GridSearchCV(
    network(), {"threshold": thresholds}, scoring="balanced_accuracy", cv=3
).fit(X_train, y_train)
search_seconds = perf_counter() - start

# %%
# `ThresholdTunerCV` trains each fold once, tries every threshold, and gives an
# interval.

start = perf_counter()
tuned = ThresholdTunerCV(
    network(), scoring="balanced_accuracy", cv=3, random_state=0
).fit(X_train, y_train)
tuner_seconds = perf_counter() - start
low, high = tuned.threshold_interval_

searched = search.best_params_["threshold"]
print(f"{'':<18}{'seconds':>8}  threshold              balanced accuracy on test rows")
for name, seconds, words, model in (
    (
        "GridSearchCV",
        search_seconds,
        f"{searched:.1f}, one of {len(thresholds)}",
        search,
    ),
    (
        "ThresholdTunerCV",
        tuner_seconds,
        f"{tuned.best_threshold_:.3f} ({low:.3f} to {high:.3f})",
        tuned,
    ),
):
    score = balanced_accuracy_score(y_test, model.predict(X_test))
    print(f"{name:<18}{seconds:>8.2f}  {words:<21}  {score:.3f}")
print(f"GridSearchCV took {search_seconds / tuner_seconds:.1f} times as long")

# %%
# The picture shows on the left that the loss does not depend on the threshold, and on
# the right how the labels do.

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained")
left.plot(
    thresholds,
    [loss[-1] for loss in losses],
    "o-",
    color="#0072B2",
    label="validation loss",
)
left.plot(thresholds, accuracies, "s--", color="#D55E00", label="BinaryAccuracy")
left.set(xlabel="threshold of the estimator", ylim=(0, 1), title="after the last epoch")
left.legend(frameon=False, loc="center right")
curve = tuned.curve_
balanced = (curve.tp / (curve.tp + curve.fn) + curve.tn / (curve.tn + curve.fp)) / 2
right.axvspan(low, high, color="0.87", label="95 % interval of the tuner")
right.plot(
    curve.thresholds,
    balanced,
    color="#0072B2",
    label="every threshold, folds trained once",
)
right.plot(
    thresholds,
    search.cv_results_["mean_test_score"],
    "s",
    color="#D55E00",
    label="GridSearchCV",
)
right.axvline(
    tuned.best_threshold_,
    color="black",
    linewidth=1.2,
    label=f"tuned: {tuned.best_threshold_:.2f}",
)
right.set(
    xlabel="threshold",
    ylabel="balanced accuracy, out of fold",
    xlim=(0, 1),
    ylim=(0.5, 1),
)
right.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))

# sphinx_gallery_start_ignore
figure.savefig(
    sys.argv[1] if len(sys.argv) > 1 else "plot_sigmoid_and_threshold.png", dpi=120
)
# sphinx_gallery_end_ignore
