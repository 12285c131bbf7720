"""The page of the policy says what the model says."""

from tests.policy_page import FILE, page


def test_the_page_of_the_policy_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "python -m tests.policy_page writes it anew"
