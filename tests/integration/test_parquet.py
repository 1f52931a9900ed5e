"""Parquet files larger than memory: read group by group, scored block by block, learnt from with `partial_fit`."""

import numpy as np
import pytest

from sklearn_binnet import BinaryNetClassifier
from tests.small import PLAIN

pa = pytest.importorskip("pyarrow")

N, GROUP = 4096, 512


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    import pyarrow.parquet

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, N))
    kind = rng.choice(["oak", "elm"], N)
    yes = (a + (kind == "elm") + 0.3 * rng.normal(size=N) > 0.5).astype(int)
    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"
    pyarrow.parquet.write_table(pa.table({"a": a, "b": b, "kind": kind, "yes": yes}), path, row_group_size=GROUP)
    return path


def blocks(path):
    import pyarrow.dataset

    for batch in pyarrow.dataset.dataset(path).to_batches(batch_size=GROUP):
        table = pa.Table.from_batches([batch])
        yield table.drop_columns(["yes"]), table["yes"].to_numpy()


def test_learning_and_scoring_block_by_block(parquet):
    import pyarrow.parquet

    stream = BinaryNetClassifier(**PLAIN, random_state=0)
    sizes = []
    for _ in range(4):
        for X, y in blocks(parquet):
            stream.partial_fit(X, y, classes=[0, 1])
            sizes.append(len(y))
    assert max(sizes) == GROUP
    table = pyarrow.parquet.read_table(parquet)
    X, y = table.drop_columns(["yes"]), table["yes"].to_numpy()
    whole = BinaryNetClassifier(**PLAIN, epochs=4, early_stopping=False, random_state=0).fit(X, y)
    assert abs(stream.score(X, y) - whole.score(X, y)) < 0.02
    parts = [stream.predict_proba(part) for part, _ in blocks(parquet)]
    np.testing.assert_allclose(np.concatenate(parts), stream.predict_proba(X), rtol=1e-12)
