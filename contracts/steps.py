"""The steps that other systems take when a partnership has ended, or is reactivated (R55 to R60)."""

from typing import Literal

AskedOf = Literal["final_bill", "restore", "export"]
"""What other systems are asked for while a partnership lives, or beside its closing."""

StepName = Literal["billing", "data", "final_bill", "restore"]
StepState = Literal["requested", "done", "failed", "waived", "cancelled"]
