"""Characters that are the same but for their case: Unicode's simple case folding, as ECMA-262 and Rust compare them."""

from __future__ import annotations

from functools import cache, lru_cache

from fcgen.grammar.characters import CharSet

_LAST_CASED = 0x1FFFF
_ONE_FOR_ONE = {0x1FD3: 0x390, 0x1FE3: 0x3B0, 0xFB05: 0xFB06}  # since Unicode 15.1, which Python 3.12 does not have


@lru_cache(maxsize=1024)
def any_case(chars: CharSet) -> CharSet:
    """The set with all characters that differ from one of it in case alone."""
    alike = (others for code, others in _alike().items() if chars.contains(chr(code)))
    return chars.union(*alike)


@cache
def _alike() -> dict[int, CharSet]:
    """For each character that has another case: all its cases."""
    cases: dict[int, list[int]] = {}
    for code in range(_LAST_CASED + 1):
        folded = _folded(code)
        if folded != code:
            cases.setdefault(folded, [folded]).append(code)
    sets = [CharSet.of(*codes) for codes in cases.values()]
    return {code: chars for codes, chars in zip(cases.values(), sets, strict=True) for code in codes}


def _folded(code: int) -> int:
    """One character for one: where full folding gives several, the lower case, if that is a single other one."""
    char = chr(code)
    folded = char.casefold()
    if len(folded) > 1:
        lower = char.lower()
        folded = lower if len(lower) == 1 else char
    return _ONE_FOR_ONE.get(code, ord(folded))
