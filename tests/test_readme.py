"""The README's commands are those that continuous integration runs."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
CI = README.parent / ".ci" / "run"


@pytest.mark.skipif(not CI.exists(), reason="runs from the source folder")
def test_ci_runs_the_commands():
    commands = re.findall(r"```sh\n(.*?)\n```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(commands) == 2
    for part in (commands[1].split("&&")[1].strip(), commands[0].split("&&")[1].strip()):
        assert part in CI.read_text(encoding="utf-8")
