"""The official test suite of JSON Schema, drafts 4 to 2020-12: required files, and formats as assertions.

`official_suite.json` lists by name what is refused, and what valid is rejected, with the reasons. An outcome that is
worse or better than listed fails; nothing invalid may ever be accepted. To write the list anew, from `tests/`:
`python -m schema.test_official_suite`. What it cannot explain, it lists under "?": replace that by the reason.
"""

import json
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest
from jsonschema import FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012
from walking import accepts

from fcgen.errors import FcgenError, ManyErrors, Unsatisfiable
from fcgen.grammar.expr import NOTHING
from fcgen.schema import Text, compile_schema

SUITE = Path(__file__).parents[3] / "shared" / "data" / "json-schema-test-suite"
LIST = Path(__file__).with_name("official_suite.json")
DRAFTS = {
    "draft4": (DRAFT4, "http://json-schema.org/draft-04/schema#"),
    "draft6": (DRAFT6, "http://json-schema.org/draft-06/schema#"),
    "draft7": (DRAFT7, "http://json-schema.org/draft-07/schema#"),
    "draft2019-09": (DRAFT201909, "https://json-schema.org/draft/2019-09/schema"),
    "draft2020-12": (DRAFT202012, "https://json-schema.org/draft/2020-12/schema"),
}
UNEXPLAINED = "?"
JUDGED = "the format checker of jsonschema refuses it, too"
ASSERTED = "formats are asserted, also where the suite takes them for annotations"
COUNTED = ("schemas", "refused", "cases", "valid rejected")

pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="the suite is not part of the project")


def files():
    """The files that are run, as "draft/file" and "draft formats/file"."""
    for draft in DRAFTS:
        yield from (f"{draft}/{path.stem}" for path in sorted((SUITE / "tests" / draft).glob("*.json")))
        folder = SUITE / "tests" / draft / "optional" / "format"
        yield from (f"{draft} formats/{path.stem}" for path in sorted(folder.glob("*.json")))


def groups_in(file):
    path = SUITE / "tests" / f"{file.replace(' formats/', '/optional/format/')}.json"
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def remotes(draft):
    """What the suite serves under localhost; folders of other drafts left out."""
    specification, _ = DRAFTS[draft]
    pairs = []
    for path in sorted((SUITE / "remotes").rglob("*.json")):
        name = path.relative_to(SUITE / "remotes").as_posix()
        if name.startswith(f"{draft}/") or not name.startswith(("draft", "v1/")):
            contents = json.loads(path.read_text(encoding="utf-8"))
            own = specification.detect(contents)
            pairs.append((f"http://localhost:1234/{name}", own.create_resource(contents)))
    return Registry().with_resources(pairs).crawl()


def compiled(schema, draft):
    """The texts that a schema of a draft allows: none, where it says so itself."""
    if isinstance(schema, dict):
        schema = {"$schema": DRAFTS[draft][1], **schema}
    try:
        return compile_schema(schema, text=Text(order="any"), registry=remotes(draft)).root
    except Unsatisfiable:
        return NOTHING


def kind_of(error):
    """The first mistake of a schema, in two words."""
    first = error.errors[0] if isinstance(error, ManyErrors) else error
    return f"{type(first).__name__} {first.keyword or ''}".strip()


def reason(file, schema, data):
    """Why a valid value is rejected, as far as it can be told."""
    if file.endswith("/format"):
        return ASSERTED
    if " formats/" in file and not FormatChecker().conforms(data, schema["format"]):
        return JUDGED
    return UNEXPLAINED


@cache
def outcomes(file):
    """What is not right in a file: name -> outcome and reason. And how many schemas and cases it has."""
    found, counts = {}, Counter()
    for group in groups_in(file):
        name = f"{file}/{group['description']}"
        assert name not in found
        counts.update(schemas=1, cases=len(group["tests"]))
        try:
            root = compiled(group["schema"], file.partition("/")[0].removesuffix(" formats"))
        except FcgenError as error:
            found[name] = ("refused", kind_of(error))
            continue
        assert len({test["description"] for test in group["tests"]}) == len(group["tests"])
        for test in group["tests"]:
            text = json.dumps(test["data"], ensure_ascii=False).encode("utf-8", "surrogatepass")
            if accepts(root, text) != test["valid"]:
                outcome = "valid rejected" if test["valid"] else "invalid accepted"
                found[f"{name}/{test['description']}"] = (outcome, reason(file, group["schema"], test["data"]))
    return found, counts


def listed():
    """The list: name -> outcome and reason."""
    content = json.loads(LIST.read_text(encoding="utf-8"))
    return {
        name: (outcome, reason)
        for outcome in ("refused", "valid rejected")
        for reason, names in content[outcome].items()
        for name in names
    }


def explained(found, known):
    """`found`, with the reasons that are known for rejecting the same."""
    return {
        name: known[name] if reason == UNEXPLAINED and name in known else (outcome, reason)
        for name, (outcome, reason) in found.items()
    }


def totals(results):
    """Schemas and cases per draft, formats apart, and how many of them are refused or rejected."""
    table = defaultdict(Counter)
    for file, (found, counts) in results.items():
        row = table[file.partition("/")[0]]
        row.update(counts)
        row.update(outcome for outcome, _ in found.values())
    return {draft: ", ".join(f"{row[what]} {what}" for what in COUNTED) for draft, row in table.items()}


@pytest.mark.parametrize("file", list(files()))
def test_each_outcome_is_as_listed(file):
    found, _ = outcomes(file)
    assert [name for name, (outcome, _) in found.items() if outcome == "invalid accepted"] == []
    was = {name: entry for name, entry in listed().items() if name.startswith(f"{file}/")}
    now = explained(found, was)
    changes = {name: f"{was.get(name, 'ok')} -> {now.get(name, 'ok')}" for name in {**was, **now}}
    changes = {name: change for name, change in changes.items() if was.get(name) != now.get(name)}
    assert changes == {}, "to list the outcomes as they are, from tests/: python -m schema.test_official_suite"


def test_the_list_is_of_this_suite():
    content = json.loads(LIST.read_text(encoding="utf-8"))
    results = {file: outcomes(file) for file in files()}
    assert content["totals"] == totals(results)
    assert listed().keys() == {name for found, _ in results.values() for name in found}
    assert UNEXPLAINED not in content["valid rejected"]


def test_little_is_refused_or_rejected():
    """What jsonschema itself refuses does not count: what is accepted must be valid by it."""
    total = Counter()
    for file in files():
        found, counts = outcomes(file)
        total.update(counts)
        total.update(outcome for outcome, reason in found.values() if reason not in (JUDGED, ASSERTED))
    assert total["invalid accepted"] == 0
    assert total["refused"] <= 0.05 * total["schemas"]
    assert total["valid rejected"] <= 0.01 * total["cases"]


def rewrite():
    """Write the list anew; reasons are kept."""
    reasons = listed() if LIST.exists() else {}
    results = {file: outcomes(file) for file in files()}
    content = {"totals": totals(results), "refused": defaultdict(list), "valid rejected": defaultdict(list)}
    for found, _ in results.values():
        for name, (outcome, reason) in explained(found, reasons).items():
            assert outcome != "invalid accepted", name
            content[outcome][reason].append(name)
    LIST.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    rewrite()
