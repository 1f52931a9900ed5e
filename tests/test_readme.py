"""The README's examples run, in its order."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.slow
@pytest.mark.xla
@pytest.mark.skipif(not README.exists(), reason="runs from the source folder")
def test_examples_run():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 5
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
    assert names["search"].best_score_ > 0.7
    assert names["pipe"].score(names["X_test"], names["y_test"]) > 0.7
    assert 0 <= names["tuned"].best_threshold_ <= 1


def test_ci_runs_the_test_command():
    ci = README.parent / ".ci" / "run"
    if not ci.exists():
        pytest.skip("runs from the source folder")
    commands = re.findall(r"```sh\n(.*?)\n```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(commands) == 2
    for part in (commands[1].split("&&")[1].strip(), commands[0].split("&&")[1].strip()):
        assert part in ci.read_text(encoding="utf-8")
