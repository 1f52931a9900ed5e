"""Retrieval members: NumPy against brute force, who votes, weights, shares of families, and what is kept of a fit."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet._fit import fit_shares, fit_temperatures
from sklearn_binnet._networks import _constants as constants
from sklearn_binnet._networks._builtin import BuiltinNetwork, Spec
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._retrieval import RetrievalNetwork, _vote_sums, condensed
from sklearn_binnet._training._types import Data
from tests.small import X, Y, y

saving = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
TRAIN = {"hidden_layer_sizes": (4,), "epochs": 3, "n_estimators": 2, "random_state": 0}


def net(**params):
    """Return a small classifier with retrieval members."""
    return BinaryNetClassifier(**TRAIN | params)


@pytest.fixture(scope="module")
def fitted():
    return net().fit(X, y)


@pytest.fixture(scope="module")
def several():
    return net().fit(X, Y, sample_weight=np.linspace(0.5, 2, len(X)))


def votes_of(clf):
    """Return the votes that the first retrieval member keeps, (K, 2)."""
    votes = clf._fitted.families[1]._members[0].votes.reshape(-1, 2)
    return votes[votes.sum(axis=1) > 0]


def brute_force(member, odds, family, X_train, votes, rows, places=None):
    """Log-odds of rows by the definition, in float64 and off the grid; those at `places` do not vote for themselves."""
    scale, kernel, pseudo_count = (w.astype(float) for w in member[-3:])
    pace = constants.RETRIEVAL_PACE
    kernel = constants.SCALE_FACTOR * pace * scale[:, None] * (pace * kernel)
    z = family.encoder.transform(rows).astype(float) @ kernel
    c = family.encoder.transform(X_train).astype(float) @ kernel
    near = np.exp(-np.sqrt(((z[:, None] - c[None]) ** 2).sum(-1)))
    if places is not None:
        near[np.arange(len(rows)), places] = 0
    sums = near @ votes / np.tile(votes.sum(0).reshape(2, -1).sum(0), 2)
    a = np.exp(10 * pace * pseudo_count)
    yes, no = np.split(sums, 2, axis=1)
    return np.log(yes + a * expit(odds)) - np.log(no + a * expit(-odds))


@pytest.mark.parametrize("n_votes", [2, 6])
def test_gradient_of_votes_is_the_one_that_tensorflow_derives(n_votes):
    rng = np.random.default_rng(0)
    z, c = rng.normal(size=(5, 4)), rng.normal(size=(9, 4))
    c[:2], z[4] = z[:2], c[7]  # the first two are the same rows, the last one is a copy of a candidate
    z, c = tf.constant(z, tf.float32), tf.constant(c, tf.float32)
    votes = tf.constant(rng.random((9, n_votes)), tf.float32)
    others = tf.constant(np.arange(5)[:, None] != np.r_[0, 1, 10:17], tf.float32)
    pull = tf.constant(rng.normal(size=(5, n_votes)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([z, c])
        ours = _vote_sums(z, c, votes, others)
        squares = tf.reduce_sum((z[:, None] - c[None]) ** 2, 2)
        theirs = tf.matmul(tf.exp(-tf.sqrt(tf.maximum(squares, 1e-6))) * others, votes)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    for ours_at, theirs_at in zip(tape.gradient(ours, [z, c], pull), tape.gradient(theirs, [z, c], pull), strict=True):
        np.testing.assert_allclose(ours_at, theirs_at, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("which", ["fitted", "several"])
def test_numpy_does_what_the_definition_says(which, request):
    clf = request.getfixturevalue(which)
    labels = y[:, None] if which == "fitted" else Y
    weight = np.ones(len(X)) if which == "fitted" else np.linspace(0.5, 2, len(X))
    votes = np.concatenate([labels * weight[:, None], (1 - labels) * weight[:, None]], axis=1)
    family = clf._fitted.families[1]
    rows = np.random.default_rng(1).normal(size=(50, 4))
    for k, member in enumerate(family.weights):
        odds = family._odds.mean_logits(rows, member=k)
        expected = brute_force(member, odds, family, X, votes, rows)
        # The grid moves a row by less than a thousandth of the largest distance.
        np.testing.assert_allclose(expit(family.mean_logits(rows, member=k)), expit(expected), atol=2e-3)


@pytest.mark.parametrize("which", ["fitted", "several"])
def test_keras_model_is_what_predicts(which, request):
    clf = request.getfixturevalue(which)
    rows = np.concatenate([X, np.random.default_rng(1).normal(scale=30, size=(50, 4))])
    p = clf.predict_proba(rows)[:, -clf.n_labels_ :]
    np.testing.assert_allclose(clf.model_(rows).numpy(), p, atol=1e-6)
    assert len(clf.models_) == 4
    parts = [[logit(m(rows).numpy().astype(float)) for m in clf.models_[i : i + 2]] for i in (0, 2)]
    mean = sum(share * np.mean(part, axis=0) for share, part in zip(clf.member_weights_, parts, strict=True))
    np.testing.assert_allclose(expit(mean / clf.temperature_), p, atol=1e-5)


@saving
def test_keras_model_survives_saving(fitted, tmp_path):
    fitted.model_.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_allclose(loaded(X).numpy()[:, 0], fitted.predict_proba(X)[:, 1], atol=1e-6)


# ------------------------------------------------------------------ who votes
def test_no_row_votes_for_itself_but_twins_do():
    """What is trained: the row itself is left out by its place, a row with the same columns votes."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 4)).astype(np.float32)
    rows[7] = rows[3]
    labels = rng.integers(0, 2, (30, 2)).astype(np.float32)
    weights = rng.uniform(0.5, 2, (30, 2)).astype(np.float32)
    weights[25:] = 0  # what only fills a shape up
    encoder = ColumnEncoder.fit(None, rows)
    odds = BuiltinNetwork(Spec(4, (5,), "selu", False, 2, scales_columns=True), (0.0,), encoder)
    network = RetrievalNetwork(odds, Data(rows, labels, weights))
    drawn = [w + 0.1 * rng.normal(size=w.shape).astype(np.float32) for w in network.initial_weights(0)]
    model = network.build()
    assert [w.shape for w in drawn] == [tuple(v.shape) for v in model.weights]
    model.set_weights(drawn)
    batch = np.arange(10)
    logits = model([rows[batch], batch, rows, labels, weights, np.arange(30)]).numpy()
    votes = np.concatenate([labels * weights, (1 - labels) * weights], axis=1).astype(float)
    small = keras.Model(model.inputs[0], model.get_layer("logit").output)
    expected = brute_force(drawn, small(rows[batch]).numpy(), network, rows, votes, rows[batch], places=batch)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3)
    own = brute_force(drawn, small(rows[batch]).numpy(), network, rows, votes, rows[batch])
    assert np.abs(own - expected).min() > 0.01


def test_noise_is_even_odds():
    noise = np.random.default_rng(0).permutation(np.repeat([0, 1], 100))
    clf = net(epochs=12).fit(X, noise)
    family = clf._fitted.families[1]
    assert np.mean((family.mean_logits(X)[:, 0] > 0) == noise) > 0.65  # these rows voted for themselves
    assert log_loss(noise, clf.oof_proba_) < np.log(2) + 0.03  # those did not
    np.testing.assert_allclose(clf.oof_proba_, 0.5, atol=0.25)


def test_rows_of_no_weight_are_left_out():
    weight = np.ones(len(X))
    weight[::5] = 0
    kept = weight > 0
    without = net().fit(X[kept], y[kept])
    np.testing.assert_array_equal(net().fit(X, y, sample_weight=weight).predict_proba(X), without.predict_proba(X))


def test_weights_weigh_votes():
    weight = np.where(y == 1, 8.0, 1.0)
    plain, heavy = net().fit(X, y), net().fit(X, y, sample_weight=weight)
    by_class = net(class_weight={0: 1.0, 1: 8.0}).fit(X, y)
    votes = [votes_of(clf) for clf in (plain, heavy, by_class)]
    share = y.mean()
    np.testing.assert_allclose(votes[0].sum(axis=0), [share, 1 - share], rtol=1e-5)
    heavier = 8 * share / (8 * share + 1 - share)
    np.testing.assert_allclose(votes[1].sum(axis=0), [heavier, 1 - heavier], rtol=1e-5)
    np.testing.assert_allclose(votes[2].sum(axis=0), [heavier, 1 - heavier], rtol=1e-5)
    middle = [clf._fitted.families[1].mean_logits(X).mean() for clf in (plain, heavy)]
    assert middle[1] > middle[0] + 1


def test_unseen_rows_judge_the_families(fitted):
    """Shares and temperature are those of log-odds by members that have not seen the row, nor its label as a vote."""
    assert fitted.member_weights_.shape == (2, 1)
    np.testing.assert_allclose(fitted.member_weights_.sum(axis=0), 1)
    assert fitted.oof_proba_.shape == y.shape
    assert log_loss(y, fitted.oof_proba_) > log_loss(y, fitted.predict_proba(X)[:, 1])


# ------------------------------------------------------------------ what is kept of training rows
def test_condensing_keeps_votes_and_places():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 3))
    label = (rng.random(500) < 0.1).astype(float)[:, None]
    votes = np.concatenate([label, 1 - label], axis=1) * rng.uniform(0.5, 2, (500, 1))
    positions, masses = condensed(z, votes, 200)
    assert len(positions) == len(masses) <= 200
    np.testing.assert_allclose(masses.sum(axis=0), votes.sum(axis=0))
    for k in range(2):  # rows of a class keep their mean
        np.testing.assert_allclose(masses[:, k] @ positions, votes[:, k] @ z, atol=1e-9)
    rare = masses[:, 0] > 0
    assert rare.sum() == label.sum()  # all of the rarer class stay as they are
    assert not (masses[rare, 1] > 0).any()
    queries = rng.normal(size=(100, 3))
    exact, near = (
        np.exp(-np.linalg.norm(queries[:, None] - p[None], axis=2)) @ v for p, v in ((z, votes), (positions, masses))
    )
    np.testing.assert_allclose(near, exact, rtol=0.1)
    same = condensed(z, votes, 500)
    assert same[0] is z


def test_condensing_several_labels():
    rng = np.random.default_rng(0)
    z, votes = rng.normal(size=(300, 2)), rng.random((300, 6))
    positions, masses = condensed(z, votes, 50)
    assert len(positions) <= 50
    np.testing.assert_allclose(masses.sum(axis=0), votes.sum(axis=0))


def test_blocks_do_not_change_a_bit(fitted, several):
    many = np.random.default_rng(3).normal(size=(1000, 4))
    many[::7] *= 1e6  # beyond the grid
    for clf in (fitted, several):
        family = clf._fitted.families[1]
        together = family.mean_logits(many)
        for part in (slice(0, 1), slice(3, 19), slice(5, 70), slice(63, 65), slice(98, 99), slice(900, 1000)):
            np.testing.assert_array_equal(family.mean_logits(many[part]), together[part])


def test_far_rows_have_finite_answers(fitted):
    far = np.array([[1e6, -1e6, 1e300, 0], [np.nan, 0, 0, 0], [0, 0, 0, 0]])
    assert np.all(np.isfinite(fitted.predict_proba(far)))


def test_same_seed_same_bits_and_pickles(fitted):
    again = net().fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))
    other = net(random_state=1).fit(X, y)
    assert np.any(other.predict_proba(X) != fitted.predict_proba(X))


# ------------------------------------------------------------------ the stack
def test_shares_are_those_of_the_likeliest_weights():
    rng = np.random.default_rng(0)
    z = rng.normal(scale=2, size=(2, 3000, 2))
    truth = np.array([[0.9, 0.2], [0.3, 0.0]])
    targets = (rng.random((3000, 2)) < expit((truth[:, None] * z).sum(axis=0))).astype(np.float32)
    weights = rng.choice([1.0, 2.0], (3000, 2)).astype(np.float32)
    shares = fit_shares(z, targets, weights)
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(
        z[:, :, 0].T, targets[:, 0], sample_weight=weights[:, 0]
    )
    np.testing.assert_allclose(shares[:, 0], model.coef_[0] / model.coef_.sum(), atol=1e-3)
    temperature = fit_temperatures((shares[:, None] * z).sum(axis=0), targets, weights)
    assert 1 / temperature[0] == pytest.approx(model.coef_.sum(), rel=1e-3)
    assert shares[1, 1] < 0.15
    np.testing.assert_array_equal(fit_shares(z, np.ones_like(targets), weights), 0.5)
    harmful = np.stack([-z[0], z[0]])
    np.testing.assert_allclose(fit_shares(harmful, (z[0] > 0).astype(np.float32), weights), [[0, 0], [1, 1]])
    np.testing.assert_array_equal(fit_shares(-np.abs(z), np.abs(targets * 0 + (z[0] > 9)), weights).sum(axis=0), 1)


def test_calibration_says_what_is_learnt():
    raw, even, stacked = (net(calibration=how).fit(X, y) for how in (None, "temperature", "stacking"))
    assert raw.temperature_ == 1
    assert even.temperature_ != 1
    for clf in (raw, even):
        np.testing.assert_array_equal(clf.member_weights_, 0.5)
    assert np.any(stacked.member_weights_ != 0.5)
    np.testing.assert_allclose(raw.decision_function(X) / even.temperature_, even.decision_function(X))


# ------------------------------------------------------------------ when there is retrieval
def test_without_retrieval_the_networks_are_the_same(fitted):
    alone = net(retrieval=False, n_bins=64).fit(X, y)
    assert not hasattr(alone, "member_weights_")
    assert alone.retrieval_histories_ == []
    for one, other in zip(alone._fitted.weights, fitted._fitted.families[0].weights, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert alone.history_ == fitted.history_
    assert net(n_estimators=1).fit(X, y).retrieval_histories_ == []


def test_one_network_may_have_one_retrieval_member():
    clf = net(n_estimators=1, retrieval=True).fit(X, y)
    assert len(clf.models_) == 2
    assert np.any(clf.member_weights_ != 0.5)
    np.testing.assert_allclose(clf.model_(X).numpy()[:, 0], clf.predict_proba(X)[:, 1], atol=1e-6)


def test_given_validation_rows_judge():
    clf = net().fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert np.any(clf.member_weights_ != 0.5)
    assert not hasattr(clf, "oof_proba_")
    assert len(votes_of(clf)) == 150


def test_its_recipe_is_its_own():
    """What describes the networks does not change the retrieval members."""
    plain = net().fit(X, y)
    other = net(n_bins=16, activation="relu", hidden_layer_sizes=(3, 3), optimizer="sgd", dropout=0.1).fit(X, y)
    for a, b in zip(plain._fitted.families[1].weights[0], other._fitted.families[1].weights[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert other._fitted.encoder.n_encoded != plain._fitted.encoder.n_encoded
    np.testing.assert_allclose(other.model_(X).numpy()[:, 0], other.predict_proba(X)[:, 1], atol=1e-6)


def test_beside_a_model_of_the_users_own():
    def model(n_features):
        return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(1, "sigmoid")])

    clf = BinaryNetClassifier(model=model, retrieval=True, n_estimators=2, epochs=2, random_state=0).fit(X, y)
    assert len(clf.models_) == 4
    np.testing.assert_allclose(clf.model_(X).numpy()[:, 0], clf.predict_proba(X)[:, 1], atol=1e-6)
    auto = BinaryNetClassifier(model=model, n_estimators=2, epochs=2, random_state=0).fit(X, y)
    assert len(auto.models_) == 2


def test_warm_start_goes_on_with_both_families(fitted):
    clf = net(warm_start=True).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))
    before = [w.copy() for w in clf._fitted.families[1].weights[0]]
    shares = clf.member_weights_
    clf.fit(X[::-1] + 0.01, y[::-1])
    assert any(np.any(a != b) for a, b in zip(before, clf._fitted.families[1].weights[0], strict=True))
    np.testing.assert_array_equal(votes_of(clf)[:, 0] > 0, y[::-1] == 1)  # the new rows vote
    np.testing.assert_array_equal(clf.member_weights_, shares)
    clf.set_params(retrieval=False).fit(X, y)
    assert len(clf.models_) == 2
    with pytest.raises(ValueError, match="retrieval=True has nothing to go on from"):
        clf.set_params(retrieval=True).fit(X, y)


def test_a_stream_trains_the_networks_alone(fitted):
    clf = pickle.loads(pickle.dumps(fitted))
    before = clf._fitted.families[1].mean_logits(X)
    first = clf._fitted.families[0].mean_logits(X)
    clf.partial_fit(X[:64], y[:64])
    np.testing.assert_array_equal(clf._fitted.families[1].mean_logits(X), before)
    assert np.any(clf._fitted.families[0].mean_logits(X) != first)
    np.testing.assert_array_equal(clf.member_weights_, fitted.member_weights_)
    clf.partial_fit(X[:64], y[:64])
    assert len(clf.models_) == 4
    with pytest.warns(UserWarning, match=r"retrieval=True has no effect: partial_fit keeps no rows"):
        BinaryNetClassifier(hidden_layer_sizes=(4,), retrieval=True).partial_fit(X, y, classes=[0, 1])


def test_fits_side_by_side_equal_single_fits():
    fits = [(X[:150], y[:150], {}), (X[50:], y[50:], {})]
    for model, (rows, labels, _) in zip(net().fit_many(fits), fits, strict=True):
        alone = clone(net()).fit(rows, labels)
        np.testing.assert_allclose(model.predict_proba(X), alone.predict_proba(X), atol=1e-4)


def test_the_tuner_takes_its_out_of_fold_probabilities():
    tuner = ThresholdTunerCV(net(), random_state=0).fit(X, y)
    np.testing.assert_array_equal(tuner.oof_scores_, tuner.estimator_.oof_proba_)


def test_categories_and_missing_values():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(X.copy(), columns=list("abcd"))
    table.loc[::7, "a"] = np.nan
    table["few"] = pd.Categorical(np.where(y == 1, "u", "v"))
    table["many"] = pd.Categorical([f"level {i}" for i in rng.integers(0, 60, len(X))])
    clf = net().fit(table, y)
    matrix = clf.to_matrix(table)
    np.testing.assert_allclose(clf.model_(matrix).numpy()[:, 0], clf.predict_proba(table)[:, 1], atol=1e-6)
    unknown = table.assign(many="never seen")
    assert np.all(np.isfinite(clf.predict_proba(unknown)))
    family = clf._fitted.families[1]
    assert len(family.encoder.embedding_sizes) == 1
