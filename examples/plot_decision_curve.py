"""
Is the model worth using?
=========================

*"The AUC is 0.88. Shall we act on the model, or better on everybody?"*

The rows are 442 people with diabetes (scikit-learn's copy of the data of Efron et al.):
age, sex, body mass index, blood pressure and six blood values. The question is whose
disease progresses far within a year. Those could be seen more often, which costs the
clinic time and helps only those whose disease does progress.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet.plotting import DecisionCurveDisplay

X, progression = load_diabetes(return_X_y=True)
y = (progression > 200).astype(int)  # 1: progresses far
print(f"progress far: {y.mean():.2f}")

# %%
# The wrong way
# -------------
#
# It is wrong to compare models by the AUC. It says how well they rank, not whether
# their decisions help. One model here is trained with ``class_weight="balanced"``, as
# is often advised for rare classes. It ranks as well as the other.

folds = StratifiedKFold(10, shuffle=True, random_state=0)
models = {
    "plain": make_pipeline(StandardScaler(), LogisticRegression()),
    "balanced": make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced")
    ),
}
probabilities, aucs = {}, {}
for name, model in models.items():
    proba = cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]
    probabilities[name], aucs[name] = proba, roc_auc_score(y, proba)
    print(f"{name}: AUC {aucs[name]:.3f}")

# %%
# The right way: net benefit
# --------------------------
#
# Say from which probability on you would see somebody more often. If it is 0.2, four
# visits in vain are worth one that helps. The net benefit at 0.2 is the share of people
# whom a visit helps, less a quarter of the share who come in vain. Acting on everybody
# has a net benefit too, and acting on nobody one of 0: a model has to beat both.

display = DecisionCurveDisplay.from_predictions(
    y, probabilities, thresholds=np.arange(0.02, 0.62, 0.02)
)
plt.close(display.figure_)
print(
    "threshold probability   "
    + "".join(f"{name:>10}" for name in models)
    + "       all"
)
rows = {}
for p in (0.1, 0.2, 0.4, 0.5):
    place = int(np.abs(display.thresholds - p).argmin())
    rows[p] = [*(line[place] for line in display.net_benefits.values())]
    rows[p].append(display.treat_all[place])
    print(f"{p:<24.1f}" + "".join(f"{value:>10.3f}" for value in rows[p]))

# %%
# At 0.5 the balanced model has less than half the benefit of the plain one: its
# probabilities are too high, so it acts too often. The AUC could not show that.
#
# Net benefit is a metric of the tuner too. A threshold tuned for it mends the balanced
# model at the threshold probability that was asked for. The curve above takes the
# probabilities at their word.

tuned = ThresholdTunerCV(
    models["balanced"], scoring="net_benefit@0.5", cv=folds, random_state=0
).fit(X, y)
print(f"threshold {tuned.best_threshold_:.2f}, net benefit {tuned.best_score_:.3f}")

# %%
# The bands in the picture say how far the lines may be off for 442 rows.

figure, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
display.plot(ax, name="who should be seen more often?")

# sphinx_gallery_start_ignore
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "plot_decision_curve.png", dpi=120)
# sphinx_gallery_end_ignore
