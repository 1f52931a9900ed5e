"""
Underfitting and overfitting
============================

*"How big should my network be, and what do early stopping, dropout and batch
normalisation do?"*

The course *Intro to Deep Learning* has chapters on capacity and on regularisation. Here
is what they teach on one question: is this red wine in the better half (grade 6 or
more)?
"""

import sys

import matplotlib.pyplot as plt

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet.datasets import load_red_wine
from sklearn_binnet.plotting import TrainingHistoryDisplay

frame = load_red_wine(as_frame=True).frame
train = frame.sample(frac=0.7, random_state=0)
valid = frame.drop(train.index)
X_train, y_train = train.drop(columns="quality"), train["quality"] >= 6
X_valid, y_valid = valid.drop(columns="quality"), valid["quality"] >= 6

# %%
# Six networks are trained for the same number of epochs, without early stopping. No
# hidden layers, ``()``, is logistic regression.

NETWORKS = {
    "linear unit": {"hidden_layer_sizes": ()},
    "16 units": {"hidden_layer_sizes": (16,)},
    "wider: 512 units": {"hidden_layer_sizes": (512,)},
    "deeper: 3 x 128 units": {"hidden_layer_sizes": (128, 128, 128)},
    "deeper, dropout 0.5": {"hidden_layer_sizes": (128, 128, 128), "dropout": 0.5},
    "deeper, both": {
        "hidden_layer_sizes": (128, 128, 128),
        "dropout": 0.5,
        "batch_normalization": True,
    },
}
fixed = {
    "activation": "relu",
    "encoding": "standardize",
    "learning_rate": 0.003,
    "learning_rate_schedule": "constant",
    "n_estimators": 1,
    "random_state": 0,
}
networks = {}
for name, layers in NETWORKS.items():
    clf = BinaryNetClassifier(
        **layers, **fixed, batch_size=64, epochs=40, early_stopping=False
    )
    networks[name] = clf.fit(X_train, y_train, X_val=X_valid, y_val=y_valid)

# %%
# The wrong way
# -------------
#
# It is wrong to look at the training loss alone. By that, the deepest network without
# regularisation is the best by far:

print(
    f"{'after 40 epochs':<24}{'training':>10}{'validation':>12}"
    f"{'least':>8}{'at epoch':>10}"
)
last, least = {}, {}
for name, clf in networks.items():
    history = clf.history_
    last[name], least[name] = (
        (history["loss"][-1], history["val_loss"][-1]),
        min(history["val_loss"]),
    )
    epoch = history["val_loss"].index(least[name]) + 1
    print(
        f"{name:<24}{last[name][0]:>10.3f}{last[name][1]:>12.3f}"
        f"{least[name]:>8.3f}{epoch:>10}"
    )

# %%
# The right way
# -------------
#
# Look at both losses. The linear unit underfits: both losses end high and close
# together. Width and depth lower the training loss, but from some epoch on the
# validation loss rises: the network overfits. Dropout, with or without batch
# normalisation, keeps the two losses close. Early stopping, which is on by default,
# keeps the epoch with the least validation loss. It takes no extra time, and gains most
# of what the other remedies gain.

stopped = BinaryNetClassifier(
    hidden_layer_sizes=(128, 128, 128), **fixed, batch_size=64, epochs=40, patience=10
)
stopped.fit(X_train, y_train, X_val=X_valid, y_val=y_valid)
(best,) = stopped.best_iter_
kept = stopped.history_["val_loss"][best - 1]
print("3 x 128 with early stopping:", end=" ")
print(f"epoch {best} of {stopped.n_iter_} kept", end=", ")
print(f"validation loss {kept:.3f}")

# %%
# The picture shows all six on one scale.

figure, axes = plt.subplots(
    2, 3, figsize=(12, 6.4), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, clf) in zip(axes.flat, networks.items(), strict=True):
    TrainingHistoryDisplay.from_history(clf.history_, best_epoch=None, ax=ax, name=name)
    ax.axvline(
        clf.history_["val_loss"].index(least[name]) + 1,
        color="black",
        linewidth=0.9,
        linestyle=":",
    )
    ax.set_ylim(0, 1.5)
    ax.label_outer()
    if ax is not axes.flat[0]:
        ax.get_legend().remove()

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_overfitting.png", dpi=120)
# sphinx_gallery_end_ignore
