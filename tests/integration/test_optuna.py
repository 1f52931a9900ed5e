"""Optuna: a study that prunes by epoch, with one network and with several, and its search for scikit-learn."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from tests.small import X, net, y

optuna = pytest.importorskip("optuna")

pytestmark = [
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore:`optuna.terminator` module has been deprecated:FutureWarning"),
]
RATES = [0.02, 1e-7, 1e-7]  # the first trial learns, the others should be pruned


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def study_of(objective):
    study = optuna.create_study(
        sampler=optuna.samplers.GridSampler({"trial": [0, 1, 2]}, seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=3),
    )
    for number in range(3):
        study.enqueue_trial({"trial": number})
    study.optimize(objective, n_trials=3)
    return study


def check(study):
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "PRUNED", "PRUNED"]
    assert len(study.trials[0].intermediate_values) == 10
    assert len(study.trials[1].intermediate_values) == 4  # the fit went no further


def test_the_keras_callback_prunes_a_single_network():
    integration = pytest.importorskip("optuna_integration.keras")

    def objective(trial):
        rate = RATES[trial.suggest_int("trial", 0, 2)]
        callback = integration.KerasPruningCallback(trial, "val_loss")
        clf = net(learning_rate=rate, epochs=10, early_stopping=False, callbacks=[callback])
        clf.fit(X[60:], y[60:], X_val=X[:60], y_val=y[:60])
        return clf.history_["val_loss"][-1]

    check(study_of(objective))


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_a_function_prunes_by_the_mean_over_the_networks(n_estimators):
    def objective(trial):
        rate = RATES[trial.suggest_int("trial", 0, 2)]

        def report(epoch, logs):
            trial.report(logs["val_loss"], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        clf = net(learning_rate=rate, epochs=10, n_estimators=n_estimators, callbacks=[report])
        return clf.fit(X, y).history_["val_loss"][-1]

    study = study_of(objective)
    check(study)
    assert study.best_trial.number == 0


def test_functions_reach_the_clones_of_a_cross_validation():
    def objective(trial):
        rate = RATES[trial.suggest_int("trial", 0, 2)]
        seen = []
        clf = net(learning_rate=rate, epochs=2, callbacks=[lambda epoch, logs: seen.append(epoch)])
        score = cross_val_score(clf, X, y, cv=2, scoring="neg_log_loss", error_score="raise").mean()
        assert seen == [0, 1, 0, 1]
        return -score

    study = optuna.create_study()
    study.enqueue_trial({"trial": 0})
    study.optimize(objective, n_trials=1)
    assert np.isfinite(study.best_value)


def test_search_for_scikit_learn():
    integration = pytest.importorskip("optuna_integration.sklearn")
    search = integration.OptunaSearchCV(
        net(epochs=10),
        {"learning_rate": optuna.distributions.CategoricalDistribution([1e-6, 0.02])},
        cv=2,
        n_trials=4,
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"learning_rate": 0.02}
    assert search.score(X, y) > 0.8
