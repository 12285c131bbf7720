"""Which release this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as of

UNKNOWN = "unknown"


def version() -> str:
    """As pyproject.toml has it; "unknown" for source code that nobody installed."""
    try:
        return of("partnership-worker")
    except PackageNotFoundError:
        return UNKNOWN
