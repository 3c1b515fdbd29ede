"""What every view of the API has in common besides its problems."""

from config.api.conditional import Conditional
from config.api.idempotency import Idempotent
from config.api.parameters import KnownParameters, SparseFields
from config.api.throttling import TellsLimits


class Manners(TellsLimits, Conditional, Idempotent, KnownParameters, SparseFields):
    """Keys, names of answers, limits told, nothing ignored. The first base of every view; a test sees to it."""
