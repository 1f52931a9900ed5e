"""
One row, several labels
=======================

*"A row of mine can belong to several classes at once. Softmax or sigmoid? And why does
my network never predict the rare ones?"*

Use sigmoid. The outputs of softmax sum to 1, which is right if the classes exclude each
other and wrong if they don't. Several labels are several yes/no questions, with one
sigmoid unit each. And each label needs a threshold of its own: a rare label seldom
reaches 0.5, however good the network is.

Here a red wine can be good, strong, sweet and salty, in any combination. The columns
that two of these words are defined by, and salt, are hidden from the network.
"""

import sys

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet.datasets import load_red_wine

frame = load_red_wine(as_frame=True).frame
labels = {
    "good": frame["quality"] >= 7,
    "strong": frame["alcohol"] >= 12,
    "sweet": frame["residual sugar"] > 4,
    "salty": frame["chlorides"] > 0.12,
}
Y = np.column_stack(list(labels.values())).astype(int)
X = frame.drop(columns=["quality", "alcohol", "residual sugar", "chlorides"])
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.3, random_state=0)
print("share of yes:", dict(zip(labels, Y.mean(axis=0).round(2).tolist(), strict=True)))
print("wines with 0, 1, 2, ... labels:", np.bincount(Y.sum(axis=1)))

# %%
# The wrong way
# -------------
#
# This is a softmax over the four labels. Its outputs sum to 1, as if every wine had
# exactly one label. Many have none or two.


def network(activation):
    """Return a network of 64 units with four outputs."""
    model = keras.Sequential(
        [
            keras.layers.Input((X.shape[1],)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(4, activation=activation),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="binary_crossentropy")
    return model


scaled = {
    name: (part - X_train.mean()) / X_train.std()
    for name, part in (("train", X_train), ("test", X_test))
}
keras.utils.set_random_seed(0)
softmax = network("softmax")
softmax.fit(scaled["train"].to_numpy(), Y_train, epochs=25, verbose=0)
shares = softmax(scaled["test"].to_numpy()).numpy()
print("softmax outputs of three wines, and their sums:")
print(np.column_stack([shares[:3], shares[:3].sum(axis=1)]).round(2))

# %%
# The package refuses such a head for several labels, and says what to use:

try:
    BinaryNetClassifier(model=network("softmax"), encoding="standardize").fit(
        X_train, Y_train
    )
except ValueError as error:
    refusal = str(error)
    print(refusal)

# %%
# The right way
# -------------
#
# Pass an indicator matrix as `y`, and use four sigmoid units. Five networks are
# trained, each without one fold, so that every training row has probabilities from a
# network that has not seen it. The thresholds are tuned on those, one for each label.

clf = BinaryNetClassifier(
    model=lambda: network("sigmoid"),
    encoding="standardize",
    n_estimators=5,
    retrieval=False,
    epochs=40,
    random_state=0,
).fit(X_train, Y_train)
tuned = ThresholdTunerCV(clf, scoring="f1_macro", random_state=0).fit(X_train, Y_train)

answers = {
    "softmax at 0.5": (shares >= 0.5).astype(int),
    "sigmoid at 0.5": clf.predict(X_test),
    "a threshold each": tuned.predict(X_test),
}
print(
    f"{'F1 on test rows':<18}"
    + "".join(f"{name:>8}" for name in labels)
    + f"{'macro':>8}"
)
scores = {}
for name, answer in answers.items():
    single = f1_score(Y_test, answer, average=None)
    scores[name] = single.mean()
    print(
        f"{name:<18}"
        + "".join(f"{value:>8.3f}" for value in single)
        + f"{scores[name]:>8.3f}"
    )
print(
    "thresholds:",
    dict(zip(labels, tuned.best_threshold_.round(3).tolist(), strict=True)),
)

# %%
# The picture shows how the F1 of each label depends on its threshold, and which
# threshold was chosen. All four lie below 0.5. With about a hundred positive rows, a
# label's own curve is mostly noise around its top. So the tuner draws the thresholds of
# rare labels towards the one that is best for all. The grey stripes show how uncertain
# the thresholds are.

figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), sharey=True, layout="constrained")
for number, (ax, name) in enumerate(zip(axes, labels, strict=True)):
    curve = tuned.curve_[number]
    ax.axvspan(*tuned.threshold_interval_[number], color="0.87", label="95 % interval")
    f1 = 2 * curve.tp / (2 * curve.tp + curve.fp + curve.fn)
    ax.plot(curve.thresholds, f1, color="#0072B2", label="F1, out of fold")
    ax.axvline(0.5, color="0.45", linestyle=":", label="0.5")
    ax.axvline(
        tuned.best_threshold_[number], color="black", linewidth=1.2, label="chosen"
    )
    ax.set(
        title=f"{name}: {Y[:, number].mean():.0%} of wines",
        xlabel="threshold",
        xlim=(0, 1),
        ylim=(0, 1),
    )
axes[0].set_ylabel("F1")
axes[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_multilabel.png", dpi=120)
# sphinx_gallery_end_ignore
