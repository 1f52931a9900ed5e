"""
A network that stays at 50 %: lists of 5s and 6s
================================================

*"I made the easiest data I could think of, 200 lists that hold twenty 5s or twenty 6s,
and my Keras network is right in half of the cases. What is wrong?"*

Three things are wrong, and each of them is enough: the head, the loss and the scale of
the columns.
"""

import sys

import keras
import matplotlib.pyplot as plt
import numpy as np

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet.plotting import TrainingHistoryDisplay

y = np.arange(200) % 2
X = np.where(y == 1, 6.0, 5.0)[:, None] * np.ones(20)
order = np.random.default_rng(0).permutation(200)
train, test = order[:140], order[140:]
print("two rows:", X[0, :4], "...", X[1, :4], "...")

# %%
# The wrong way
# -------------
#
# The network of the question has two sigmoid units for one-hot targets, a squared loss,
# plain SGD, and columns that are not scaled.

keras.utils.set_random_seed(0)
wrong = keras.Sequential(
    [
        keras.layers.Input((20,)),
        keras.layers.Dense(20, activation="sigmoid"),
        keras.layers.Dense(2, activation="sigmoid"),
    ]
)
wrong.compile(optimizer="sgd", loss="mean_squared_error", metrics=["accuracy"])
one_hot = np.eye(2)[y]
history = wrong.fit(
    X[train],
    one_hot[train],
    validation_data=(X[test], one_hot[test]),
    epochs=30,
    verbose=0,
)
wrong_accuracy = float(np.mean(wrong(X[test]).numpy().argmax(axis=1) == y[test]))
print(f"accuracy of the network in the question: {wrong_accuracy:.2f}")

# %%
# - **The head.** Two sigmoid units give two probabilities for one question, and these
#   need not sum to 1. Use one sigmoid unit, or two units with softmax.
# - **The loss.** The gradient of the squared error vanishes where a sigmoid is
#   saturated. Cross-entropy has no such plateau; it is the loss for probabilities.
# - **The scale.** 5 and 6 lie far from 0 and close together. Sums of twenty of them
#   saturate the hidden units, so that the two kinds of rows look nearly the same to the
#   last layer.
#
# The right way
# -------------
#
# With the defaults the columns are scaled inside, there is one probability, and the
# loss is cross-entropy.

accuracies = []
for seed in range(5):
    clf = BinaryNetClassifier(random_state=seed).fit(X[train], y[train])
    accuracies.append(clf.score(X[test], y[test]))
print("accuracy with the defaults, five seeds:", accuracies)

# %%
# You can also use a Keras model of your own. The head of the question is refused, and
# the message says what to change:

try:
    BinaryNetClassifier(model=wrong).fit(X[train], y[train])
except ValueError as error:
    refusal = str(error)
    print(refusal)

# %%
# Two softmax units with categorical cross-entropy work:


def softmax_head():
    """Build the network of the question with another head and loss."""
    model = keras.Sequential(
        [
            keras.layers.Input((20,)),
            keras.layers.Dense(20, activation="tanh"),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


mended = BinaryNetClassifier(
    model=softmax_head,
    encoding="standardize",
    n_estimators=1,
    epochs=30,
    metrics=["accuracy"],
    random_state=0,
)
mended.fit(X[train], y[train], X_val=X[test], y_val=y[test])
mended_accuracy = mended.score(X[test], y[test])
print(f"accuracy with two softmax units: {mended_accuracy:.2f}")

# %%
# The picture shows the learning curves: above those of the question, below those of the
# mended network.

figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained")
TrainingHistoryDisplay.from_history(history, ax=axes[0], name="as in the question")
TrainingHistoryDisplay.from_estimator(
    mended, ax=axes[1], name="softmax, cross-entropy, scaled"
)
for ax in axes[:, 1]:
    ax.set_ylim(0, 1.05)

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_constant_lists.png", dpi=120)
# sphinx_gallery_end_ignore
