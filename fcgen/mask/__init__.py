"""Which tokens may come next: masks over a vocabulary, and the place of one sequence among them."""

from fcgen.mask.batch import advance_all, apply_masks, fill
from fcgen.mask.cursor import Cursor
from fcgen.mask.masks import Masks

__all__ = ["Cursor", "Masks", "advance_all", "apply_masks", "fill"]
