"""Costs of each row at prediction: what is saved, ours beside the package empulse, on the same models.

    python row_costs.py --data FOLDER [--sets churn_tv bank_marketing give_me_some_credit] [--repeats 5]

"Saved" is 1 less the cost on test rows, relative to the cheaper of calling all rows negative or all positive (Bahnsen,
Aouada, Ottersten 2015, "Example-dependent cost-sensitive decision trees", Expert Systems with Applications 42). Costs
of churn_tv come with the set. In bank_marketing a call costs 1, and a missed deposit 0.0246 of a fifth of the balance,
at least 1, as in Bahnsen et al. In give_me_some_credit a defaulted loan costs three quarters of three monthly incomes
(25,000 at most), a refused good one a twentieth of it and the mean profit of a loan. These columns' missing numbers
count as their median. "balanced" models are trained with class weights.
"""

import argparse
import importlib.util
import warnings

import numpy as np
from models import as_numbers, loader
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import ThresholdTunerCV

MAX_TRAIN, MAX_TEST = 6_000, 20_000


def churn(data):
    fp, fn, tp, tn = np.asarray(data["costs"], dtype=float).T
    return np.column_stack([tn, fp, fn, tp])


def marketing(data):
    balance = data["X"]["balance"].to_numpy(float)
    missed = np.maximum(0.0246 * 0.2 * balance, 1)
    one, zero = np.ones(len(missed)), np.zeros(len(missed))
    return np.column_stack([zero, one, missed, one])


def credit(data):
    income = data["X"][:, data["feature_names"].index("MonthlyIncome")]
    loan = np.minimum(3 * np.where(np.isnan(income), np.nanmedian(income), income), 25_000) + 100
    zero = np.zeros(len(loan))
    return np.column_stack([zero, 0.05 * loan + 0.05 * loan.mean(), 0.75 * loan, zero])


COSTS = {"churn_tv": churn, "bank_marketing": marketing, "give_me_some_credit": credit}
MODELS = {
    "logistic": lambda weight: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, class_weight=weight)),
    "boosting": lambda weight: HistGradientBoostingClassifier(max_iter=60, class_weight=weight, random_state=0),
}


def by_probability(costs, probability):
    c_tn, c_fp, c_fn, c_tp = costs.T
    return probability * (c_fn - c_tp) >= (1 - probability) * (c_fp - c_tn)


def empulse(method):
    def decide(model, X, y, costs, X_test, costs_test):
        from empulse.models import CSThresholdClassifier

        # Its own `calibrator` needs costs in `fit`, and fails with a pipeline (0.13.1); this does the same.
        calibrated = CalibratedClassifierCV(clone(model), method=method, ensemble=False)
        named = dict(zip(("tn_cost", "fp_cost", "fn_cost", "tp_cost"), costs_test.T, strict=True))
        return CSThresholdClassifier(calibrated, calibrator=None).fit(X, y).predict(X_test, **named) == 1

    return decide


def ours(by_row, ensemble):
    def decide(model, X, y, costs, X_test, costs_test):
        tuned = ThresholdTunerCV(clone(model), scoring="cost", ensemble=ensemble).fit(X, y, costs=costs)
        return tuned.predict(X_test, costs=costs_test if by_row else None) == 1

    return decide


RULES = {
    "0.5": lambda model, X, y, costs, X_test, costs_test: clone(model).fit(X, y).predict(X_test) == 1,
    "uncalibrated": lambda model, X, y, costs, X_test, costs_test: by_probability(
        costs_test, clone(model).fit(X, y).predict_proba(X_test)[:, 1]
    ),
    "empulse, sigmoid": empulse("sigmoid"),
    "empulse, isotonic": empulse("isotonic"),
    "ours, one threshold": ours(False, False),
    "ours, by row": ours(True, False),
    "ours, by row, average": ours(True, "auto"),
}


def saved(decided, y, costs):
    def cost(called):
        column = np.where(y == 1, 2 + called, called.astype(int))
        return costs[np.arange(len(y)), column].sum()

    nothing, all_rows = np.zeros(len(y), dtype=bool), np.ones(len(y), dtype=bool)
    return 1 - cost(decided) / min(cost(nothing), cost(all_rows))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", nargs="*", default=list(COSTS), choices=list(COSTS))
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    load = loader(options.data)
    there = importlib.util.find_spec("empulse") is not None
    rules = {name: rule for name, rule in RULES.items() if there or not name.startswith("empulse")}
    print(f"| set | model | {' | '.join(rules)} |")
    print("|---" * (len(rules) + 2) + "|")
    for name in options.sets:
        data = load.load(name)
        X, y, costs = as_numbers(data), np.asarray(data["y"]).astype(int), COSTS[name](data)
        for model in options.models:
            for weight in (None, "balanced"):
                runs = []
                for seed in range(options.repeats):
                    n_train = min(MAX_TRAIN, int(0.6 * len(y)))
                    train, test = train_test_split(np.arange(len(y)), train_size=n_train, stratify=y, random_state=seed)
                    test = test[:MAX_TEST]
                    split = X[train], y[train], costs[train], X[test], costs[test]
                    estimator = MODELS[model](weight)
                    runs.append([saved(rule(estimator, *split), y[test], costs[test]) for rule in rules.values()])
                cells = [f"{mean:.3f}" for mean in np.mean(runs, axis=0)]
                label = model if weight is None else f"{model}, balanced"
                print(f"| {name} | {label} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
