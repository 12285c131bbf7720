"""The JSON Schemas in the repository are those of the code."""

from contracts import schemas
from contracts.events.facts import CustomerStandingRecorded
from contracts.events.notice import NoticeSent


def test_the_schemas_are_current() -> None:
    wanted = schemas.files()
    stored = {path: path.read_text(encoding="utf-8") for path in schemas.FOLDER.iterdir()}
    assert stored == wanted, "run python -m contracts.schemas"


def test_no_schema_shows_what_is_not_published() -> None:
    assert "private" not in schemas.schema_of(CustomerStandingRecorded)["properties"]
    assert "token" not in schemas.schema_of(NoticeSent)["properties"]
