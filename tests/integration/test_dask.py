"""Dask: searches and thresholds on separate worker processes, one of which is killed, and tables in parts."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from sklearn_binnet import ThresholdTunerCV
from tests.integration.tables import ANSWER, STRANGE, TABLE
from tests.small import X, net, y

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

FOLDS = list(StratifiedKFold(2).split(X, y))
EVERYWHERE = [X, y, *(rows for fold in FOLDS for rows in fold)]
"""Of another array, joblib's Dask backend keeps one copy on one worker, which can die."""
GRID = {"learning_rate": [1e-6, 0.02], "threshold": [0.4, 0.5]}


@pytest.fixture(scope="module")
def client():
    # The memory manager would take back copies that stand on several workers on purpose.
    with (
        dask.config.set({"distributed.scheduler.active-memory-manager.start": False}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def search():
    return GridSearchCV(net(epochs=10), GRID, cv=FOLDS, scoring="neg_log_loss", error_score="raise")


@pytest.fixture(scope="module")
def alone():
    return search().fit(X, y)


def assert_same(found, expected):
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(found.cv_results_[name], expected.cv_results_[name])
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


def test_a_search_on_two_processes_has_the_bits_of_one(client, alone):
    pids = set(client.run(os.getpid).values())
    assert len(pids) == 2
    assert os.getpid() not in pids
    with joblib.parallel_config(backend="dask", scatter=EVERYWHERE):
        assert_same(search().fit(X, y), alone)
        held = [[key for key in keys if "ndarray" in key] for keys in client.has_what().values()]
    # X, y and both halves of the rows, each once on each worker, and nothing else.
    assert [len(keys) for keys in held] == [4, 4]


def test_a_killed_worker_costs_time_only(client, alone):
    killed = []

    def kill():
        pids = client.run(os.getpid)
        while not killed:
            busy = [address for address, keys in client.processing().items() if keys]
            if busy:
                os.kill(pids[busy[0]], signal.SIGKILL)
                killed.append(pids[busy[0]])
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    with joblib.parallel_config(backend="dask", scatter=EVERYWHERE):
        killer.start()
        found = search().fit(X, y)
    killer.join()
    assert_same(found, alone)
    client.wait_for_workers(2, timeout=120)
    assert killed[0] not in client.run(os.getpid).values()


def test_a_tuner_on_two_processes_equals_one(client):
    tuner = ThresholdTunerCV(LogisticRegression(), scoring="f1", cv=5, random_state=0)
    expected = tuner.fit(X, y)
    with joblib.parallel_config(backend="dask", scatter=[X]):
        found = ThresholdTunerCV(LogisticRegression(), scoring="f1", cv=5, random_state=0).fit(X, y)
    # A regression's last digit depends on where its rows lie in memory.
    assert found.best_threshold_ == pytest.approx(expected.best_threshold_, rel=1e-12)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), rtol=1e-12)


def test_a_table_in_parts_is_scored_part_by_part():
    dataframe = pytest.importorskip("dask.dataframe")
    clf = net(epochs=2).fit(TABLE, ANSWER)
    parts = dataframe.from_pandas(STRANGE, npartitions=4)

    def score(part):
        return pd.Series(clf.predict_proba(part)[:, 1], index=part.index)

    found = parts.map_partitions(score, meta=(None, float)).compute(scheduler="synchronous")
    np.testing.assert_allclose(found, clf.predict_proba(STRANGE)[:, 1], rtol=1e-12)
    with pytest.raises(TypeError, match=r"got a dask DataFrame, .* Pass X.compute\(\)"):
        clf.predict(parts)


def test_the_messages_of_a_search_are_counted(monkeypatch, capsys):
    from distributed.comm.tcp import TCP

    messages = pytest.importorskip("benchmarks.messages", reason="benchmarks are not part of the source archive")
    monkeypatch.setattr(TCP, "write", TCP.write)  # what the command puts in its place goes away with the test
    messages.main(rows=60, folds="arrays", workers=2, dry=True)  # a single one would not be asked
    del TCP.noted
    title, took, _, *lines = capsys.readouterr().out.splitlines()
    assert title.startswith("60 rows x 20 columns")
    assert took.startswith("20 fits: ")
    kinds = {line[:50].strip(): line[50:].split() for line in lines}
    assert sum(int(cells[0]) for kind, cells in kinds.items() if "compute-task" in kind) >= 5  # some may share one
    assert all(int(cell.replace(",", "")) > 0 for cells in kinds.values() for cell in cells[:3])
