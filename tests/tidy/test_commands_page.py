"""docs/commands.md is what the contracts and the rules say."""

from tests.commands_page import FILE, page


def test_the_page_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "run python -m tests.commands_page"
