"""Which tokens may come next: masks over a vocabulary, and the place of one sequence among them."""

from fcgen.mask.cursor import Cursor
from fcgen.mask.masks import Masks

__all__ = ["Cursor", "Masks"]
