"""
Costs that nobody knows exactly
===============================

*"A poor wine that reaches the shop costs more than a good one that is tasted again:
twice as much, or twelve times? We do not agree, and the threshold is needed today."*

One threshold serves a whole range of costs, at a price: its *regret*, the cost beyond
that of the best threshold for the true costs. It can be made least on average or at
worst.
"""

import sys

import numpy as np
from sklearn.naive_bayes import GaussianNB

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet.datasets import load_red_wine
from sklearn_binnet.plotting import CostCurveDisplay

X, grade = load_red_wine(return_X_y=True)
y = (grade <= 5).astype(int)  # 1: a poor wine
MISS = (2, 12)
COSTS = [[0, 1], [MISS, 0]]  # an entry may be a range

# "argmax": what is least on these rows, so that the regrets below can be compared.
tuner = ThresholdTunerCV(GaussianNB(), selection="argmax").fit(X, y)

# %%
# The wrong way
# -------------
#
# To take the middle that everybody can live with, a miss of seven false alarms, and its
# textbook threshold, 1 / (1 + 7). That one is right for calibrated probabilities, and
# naive Bayes gives none.

rules = {"0.5": 0.5, "textbook": 1 / (1 + np.mean(MISS))}

# %%
# The right way
# -------------
#
# `retune_uncertain` takes ranges, or distributions of :mod:`scipy.stats`, in the cost
# matrix. The cost is linear in each of its numbers, so the mean regret is least for the
# mean costs. The worst regret is another question, and has another answer.

for regret in ("mean", "worst"):
    tuner.retune_uncertain(COSTS, regret=regret)
    rules[f"least {regret} regret"] = tuner.best_threshold_


def regrets(threshold):
    """Return the mean and the worst regret of a threshold, in false alarms a wine."""
    curve, found = tuner.curve_, []
    for miss in np.linspace(*MISS, 41):
        costs = (curve.fp + miss * curve.fn) / len(y)
        found.append(costs[curve.index(threshold)] - costs.min())
    return np.mean(found), max(found)


results = {name: regrets(threshold) for name, threshold in rules.items()}
print(f"{'':<20}{'threshold':>10}{'mean regret':>13}{'worst regret':>14}")
for name, (mean, worst) in results.items():
    print(f"{name:<20}{rules[name]:>10.3f}{mean:>13.3f}{worst:>14.3f}")

# %%
# `CostCurveDisplay` shows what each rule costs at every ratio of the costs, which here
# add up to 2. How far a line is above the lowest one is the regret at that ratio. The
# first line trusts the scores as probabilities: the area under it is the Brier score.

display = CostCurveDisplay.from_estimator(tuner, miss_costs=MISS)
display.ax_.set_title("poor wines, naive Bayes: the threshold of least worst regret")

# sphinx_gallery_start_ignore
display.figure_.savefig(
    sys.argv[1] if len(sys.argv) > 1 else "plot_uncertain_costs.png", dpi=120
)
# sphinx_gallery_end_ignore
