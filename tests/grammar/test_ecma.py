"""Patterns against Node's RegExp, whose verdicts are recorded in tests/data/ecma_patterns.jsonl.

Each line has a pattern, the flags that it was run with besides `u`, texts, and for each text whether the pattern was
found in it and whether it matched all of it (not with the flag m). `legacy` patterns are valid only without `u`.

From tests/: `python -m grammar.test_ecma SEED COUNT` makes other patterns and compares them at once (needs Node);
`python -m grammar.test_ecma` writes the record anew.
"""

import itertools
import json
import random
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from walking import accepts, sample

from fcgen.errors import GrammarTooLarge, PatternError
from fcgen.grammar.characters import json_chars, utf8
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.matcher import search
from fcgen.grammar.regex import read_pattern

RECORD = Path(__file__).parents[1] / "data" / "ecma_patterns.jsonl"
SEED, COUNT = 1, 400
NODE = r"""
const rows = require("fs").readFileSync(0, "utf8").trim().split("\n").map(JSON.parse);
const made = (source, flags) => { try { return new RegExp(source, flags) } catch { return null } };
for (const row of rows) {
  const unicode = made(row.pattern, row.flags + "u");
  const onlyUnicode = /\\[pPu]|[\ud800-\udfff]/.test(row.pattern) || row.flags.includes("i");
  if (!unicode && (onlyUnicode || !made(row.pattern, row.flags))) continue;
  const flags = row.flags + (unicode ? "u" : "");
  const one = made(row.pattern, flags), all = made(`^(?:${row.pattern})$`, flags);
  const texts = row.texts.filter(text => unicode || !/[^\0-\uffff]/u.test(text));
  const verdict = pattern => texts.map(text => Number(pattern.test(text))).join("");
  const whole = flags.includes("m") ? null : verdict(all);
  console.log(JSON.stringify({...row, texts, legacy: !unicode, found: verdict(one), whole}));
}
"""

CHARS = 'abcABkKsSéÉ😀٣ſ\u212a_-. \n\r\u2028\ufeff\x85\x1c01²Σσςßẞ"\\'
LETTERS = ["a", "b", "c", "A", "k", "s", "é", "😀", "٣", "_", "-", "ß", "σ", "1", '"']
ESCAPES = [r"\n", r"\r", r"\x61", r"\u00e9", r"\u{1F600}", r"\ud83d\ude00", r"\cJ", r"\0", r"\.", r"\\", r"\/"]
SHORT = [r"\d", r"\D", r"\w", r"\W", r"\s", r"\S"]
PROPERTIES = [r"\p{L}", r"\P{L}", r"\p{Lu}", r"\P{Ll}", r"\p{Nd}", r"\p{sc=Greek}", r"\p{scx=Latn}", r"\p{Emoji}"]
ITEMS = ["a-c", "A-Z", "0-9", "é-ü", "α-ω", r"\b", r"\-", "-", "^", ".", r"\u{1F5FF}-\u{1F601}"]
LEGACY = [r"\_", r"\@", r"\é", "{", "}", "]", "a{", "b{1", r"[\w-.]", r"[a-\d]", "(?=a)*", "(?!b)?"]
REFUSED = {
    r"\1": "back reference",
    r"(?<n>a)\k<n>": r"escape \k",
    r"\01": "octal escape",
    r"\e": r"escape \e",
    "a{,2}": "{,n}",
    "[]a]": "class of its own",
}
WRITTEN = [  # by people
    r"^\p{L}+$", r"(?<year>\d{4})", r"\W", r"[^\w]", r"\D", r"\B", r"\S+@\S+\.\S+", r"^[\w.-]+$", r"^\w+(?:\s\w+)*$",
    r"^(?=.*[A-Z])(?=.*\d)[A-Za-z\d@$!%*?&]{4,}$", r"^(?!-)[a-z-]{1,5}(?<!-)$", r"^#?([a-f0-9]{6}|[a-f0-9]{3})$",
    r"^[^@\s]+@[^@\s]+$", r"\bcat\b", r"^(\(\d{3}\))?\d{3}-\d{4}$", r"^.*$", r"^[\s\S]*$", "^[^]*$", r"^\S(.*\S)?$",
    r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", r"^[A-Z]{2}\d{2}(?: ?\w{4}){2,7}$",
]  # fmt: skip
WRITTEN += [f"(a){part}" for part in REFUSED]
EXPECTED = {
    "legacy": 17,
    "refused: back reference": 2,
    "refused: class of its own": 2,
    "refused: escape \\e": 1,
    "refused: escape \\k": 3,
    "refused: octal escape": 1,
    "refused: {,n}": 1,
    "same": 359,
    "texts": 4765,
}  # of the record
QUANTIFIERS = ["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "{0}"]
OPENINGS = ["(", "(?:", "(?:", "(?<name{}>", "(?=", "(?!", "(?<=", "(?<!"]


class Maker:
    """Random patterns."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.names = itertools.count()

    def pattern(self, depth=3):
        branches = self.rng.choice([1, 1, 1, 2, 3])
        return "|".join("".join(self.term(depth) for _ in range(self.rng.randrange(4))) for _ in range(branches))

    def term(self, depth):
        rng = self.rng
        roll = rng.random()
        if roll < 0.14:
            return rng.choice(["^", "$", r"\b", r"\B"])
        if roll < 0.4 and depth:
            opening = rng.choice(OPENINGS)
            group = opening.format(next(self.names)) + self.pattern(depth - 1) + ")"
            return group if "=" in opening or "!" in opening else group + self.quantifier()
        if roll < 0.43:
            return rng.choice(LEGACY)
        if roll < 0.435:
            return f"(a){rng.choice(list(REFUSED))}"
        return self.atom() + self.quantifier()

    def quantifier(self):
        if self.rng.random() < 0.6:
            return ""
        return self.rng.choice(QUANTIFIERS) + self.rng.choice(["", "", "?"])

    def atom(self):
        rng = self.rng
        if rng.random() < 0.25:
            items = rng.choices([*ITEMS, *SHORT, *ESCAPES, *LETTERS, *PROPERTIES], k=rng.randrange(4))
            return f"[{rng.choice(['', '^'])}{''.join(items)}]"
        return rng.choice(rng.choice([LETTERS, LETTERS, ESCAPES, SHORT, PROPERTIES, ["."]]))

    def row(self):
        """A pattern, flags and texts, some of which match."""
        return self.about(self.pattern(), "".join(self.rng.sample("ims", self.rng.choice([0, 0, 0, 1, 1, 2]))))

    def about(self, pattern, flags):
        rng = self.rng
        texts = ["", *("".join(rng.choices(CHARS, k=rng.randrange(1, 5))) for _ in range(5))]
        try:
            language = read_pattern(with_flags(pattern, flags))
            made = [sample(language, rng, 8).decode()[:30] for _ in range(5)] if fewest(language) < INFINITE else []
            made = [text for text in made if not any(map(is_young, text))]
        except (PatternError, GrammarTooLarge):
            made = []
        texts += made
        for text in made[:3]:
            place = rng.randrange(len(text) + 1)
            texts += [text[:place] + rng.choice(CHARS) + text[place + rng.randrange(2) :], text + rng.choice(CHARS)]
        return {"pattern": pattern, "flags": flags, "texts": list(dict.fromkeys(texts))}


def is_young(char):
    """Whether Unicode does not have the character, or has not had it for long enough to be in every database."""
    return unicodedata.category(char) == "Cn"


def with_flags(pattern, flags):
    return f"(?{flags}:{pattern})" if flags else pattern


def judged(seed, count):
    """The patterns that people write, and of so many random ones those that are valid, with the verdicts of Node."""
    maker = Maker(seed)
    made = [*(maker.about(pattern, "") for pattern in WRITTEN), *(maker.row() for _ in range(count))]
    rows = "\n".join(map(json.dumps, made))
    done = subprocess.run(["node", "-e", NODE], input=rows, capture_output=True, text=True, check=True, timeout=300)
    return [json.loads(line) for line in done.stdout.strip().split("\n")]


def outcome(row):
    """Assert that judge and grammar say what Node says: "same", "too large", or the kind of what is refused."""
    pattern = with_flags(row["pattern"], row["flags"])
    try:
        judge = search(pattern)
    except PatternError as error:
        return f"refused: {next(kind for kind in REFUSED.values() if kind in error.found)}"
    for text, found in zip(row["texts"], row["found"], strict=True):
        assert judge(text) == (found == "1"), (row["pattern"], row["flags"], text)
    try:
        for spell, verdict in itertools.product([utf8, json_chars], [key for key in ("found", "whole") if row[key]]):
            language = read_pattern(pattern, spell, search=verdict == "found")
            for text, expected in zip(row["texts"], row[verdict], strict=True):
                data = text if spell is utf8 else json.dumps(text, ensure_ascii=False)[1:-1]
                assert accepts(language, data.encode()) == (expected == "1"), (row["pattern"], row["flags"], text)
    except GrammarTooLarge:
        return "too large"
    return "same"


def tally(rows):
    total = Counter()
    for row in rows:
        total[outcome(row)] += 1
        total["texts"] += len(row["texts"])
        total["legacy"] += row["legacy"]
    return total


def test_patterns_are_read_as_node_reads_them():
    with RECORD.open(encoding="utf-8") as lines:
        total = tally(map(json.loads, lines))
    assert total == EXPECTED


@pytest.mark.parametrize("part", REFUSED)
def test_what_is_refused_though_node_reads_it(part):
    with pytest.raises(PatternError):
        search(f"(a){part}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(dict(tally(judged(*map(int, sys.argv[1:])))))  # noqa: T201
    else:
        rows = judged(SEED, COUNT)
        RECORD.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
