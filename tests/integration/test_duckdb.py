"""DuckDB: results of queries as tables, and a query that has not run."""

import numpy as np
import pytest

from tests.integration.tables import ANSWER, TABLE
from tests.small import net

duckdb = pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def query():
    connection = duckdb.connect()
    connection.register("trees", TABLE)
    return connection.sql("select size, mass, kind, town from trees")


@pytest.mark.parametrize("form", ["df", "pl", "to_arrow_table"])
def test_results_are_read_as_the_table_that_they_come_from(query, form):
    if form == "pl":
        pytest.importorskip("polars")
    clf = net(epochs=5).fit(TABLE, ANSWER)
    result = getattr(query, form)()
    np.testing.assert_array_equal(clf.to_matrix(result), clf.to_matrix(TABLE))
    again = net(epochs=5).fit(result, ANSWER)
    np.testing.assert_array_equal(again.predict_proba(result), clf.predict_proba(TABLE))


def test_a_query_that_has_not_run_is_refused(query):
    with pytest.raises(TypeError, match=r"got a \w*duckdb DuckDBPyRelation, .* Pass X.df\(\)"):
        net().fit(query, ANSWER)
