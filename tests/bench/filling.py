"""Partnerships of other customers: copies of real ones under other ids, made by MongoDB itself, with their journal."""

from typing import Any

from tests.support.deployment import Deployment

OFFSETS_APART = 10**9
"""Between the log offsets of two copies, which are unique within a lane."""


def fill(deployment: Deployment, model: Deployment, partnerships: int) -> None:
    """At least so many more.

    Their journal entries are without what was published: that is what a recovery reads, and no batch.
    """
    if not partnerships:
        return
    copies = -(-partnerships // model.db.partnerships.estimated_document_count())
    own: dict[str, dict[str, Any]] = {
        "customers": {},
        "partnerships": {"customer_id": _renamed("$customer_id")},
        "journal": {
            "subject": _renamed("$subject"),
            "offset": {"$add": ["$offset", {"$multiply": [{"$add": ["$copy", 1]}, OFFSETS_APART]}]},
            "records": [],
        },
    }
    for name, changes in own.items():
        model.db[name].aggregate(
            [
                {"$set": {"copy": {"$range": [0, copies]}}},
                {"$unwind": "$copy"},
                {"$set": {"_id": _renamed("$_id"), **changes}},
                {"$unset": "copy"},
                {"$merge": {"into": {"db": deployment.name, "coll": name}}},
            ]
        )


def _renamed(field: str) -> dict[str, Any]:
    return {"$concat": ["copy-", {"$toString": "$copy"}, "-", field]}
