"""The words of refusals: each code has them, and what its details mean stands in docs/refusals.md."""

from contracts.rejection_details import DETAILS, MEANINGS
from contracts.rejections import EXPLANATIONS, RejectionCode
from tests.refusals_page import FILE, page


def test_each_code_has_its_words_and_its_details() -> None:
    assert EXPLANATIONS.keys() == DETAILS.keys() == set(RejectionCode)
    assert MEANINGS.keys() == {name for names in DETAILS.values() for name in names}
    assert list(MEANINGS) == sorted(MEANINGS)


def test_the_page_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == page(), "run python -m tests.refusals_page"
