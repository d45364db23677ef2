"""Several roles write a run's turns in place of one model: MaskSearch's agents."""

from .call import RoleCall
from .reasoner import ROLES, RolesReasoner

__all__ = ["ROLES", "RoleCall", "RolesReasoner"]
