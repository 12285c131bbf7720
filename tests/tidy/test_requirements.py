"""Every requirement has a test that names it, and every mark names a requirement."""

import subprocess
import sys

from tests.requirements import requirements


def test_the_list_is_whole() -> None:
    assert requirements() == [f"R{number}" for number in range(1, 131)]


def test_every_requirement_has_a_test() -> None:
    table = subprocess.run([sys.executable, "-m", "tests.requirements"], capture_output=True, text=True, check=False)
    assert table.returncode == 0, [line for line in table.stdout.splitlines() if "NO" in line or "no req" in line]
