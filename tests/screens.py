"""What somebody sees of a story's partnership."""

from datetime import datetime

from handlers.policy import Policy
from handlers.views import PartnershipView, Viewer, view
from tests.story import Story

PARTNER, CUSTOMER, PLATFORM = Viewer("partner", "p1"), Viewer("customer", "c1"), Viewer("platform")


def seen(
    story: Story, viewer: Viewer, partner: str = "p1", *, by: Policy | None = None, now: datetime | None = None
) -> PartnershipView:
    """The card, and what lies behind it: as things are, unless another time is given."""
    partnership = story.partnership(partner)
    customer = story.world.customers.get(partnership.customer_id or "")
    found = view(partnership, story.partner(partner), customer, viewer, by or Policy(), now or story.world.now)
    assert found is not None
    return found
