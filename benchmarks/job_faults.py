"""Whether a job survives: what is lost, or done twice, when it is killed, its disk is full, or its files are damaged.

`fcgen extract`, as a process of its own, with a random Llama of two layers and `--n` documents. Once nothing happens to
it; the output of that run is what all others have to have in the end, byte for byte. Then, many times each:

    killed     SIGKILL at a random moment: while the job is opened, after so many bytes are in its folder, or at the
               end; once or several times, each time resumed
    SIGTERM    a signal at a random moment; then the command that the process names as the one to go on with
    SIGINT     likewise
    disk full  a disk (tmpfs) that holds a part of the job, from hardly anything to nearly all; then there is room, and
               the job is resumed. Where nothing can be mounted, a limit on the size of files stands for the disk
    flipped    random bytes of the last segment of a finished job are changed; then it is resumed
    cut        its end is cut off at random, or filled with zeros, as after a loss of power
    index      its index is removed, or overwritten with noise
    poisoned   one row each of what no row should be, among good ones

Rows are counted in the job's segments, which are read here and not by fcgen. A row is lost if it is in no whole line in
the end; or if it was in one when the process ended, and was not there later. It is doubled if two lines say that it is
done. Output is wrong if it differs, also if it does while the job is unfinished: then there has to be none. `problems`
are those that `fcgen jobs verify` tells of in the end; of flipped bytes, it has to. The exit code is 1 if anything is
lost, doubled or wrong.

    python benchmarks/job_faults.py --kills 30 --out benchmarks/results/job_faults.json
    python benchmarks/job_faults.py --cases killed poisoned --n 100 --kills 5
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from machine import write_record

PROGRAM = "from fcgen.cli import main; main()"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
HEAD = re.compile(rb"([0-9a-f]{8}) (\d{1,9}) ")
GO_ON = "To go on: fcgen "
ROOM = 256  # MiB of a disk that is not full
STOPS = {"SIGTERM": 143, "SIGINT": 130}  # and the exit codes
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 40}, "warm": {"type": "boolean"}},
    "required": ["city", "warm"],
}
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

Row = tuple[int, str, str]  # its position, its id as JSON, the digest of its content


@dataclass
class Outcome:
    """What became of the runs of one case.

    Attributes:
        runs: how many there were.
        struck: how often something happened to them.
        identical: how many of them had the right output in the end.
        lost: rows.
        doubled: rows.
        problems: what `jobs verify` told of in the end.
        told: how often it was told what happened, and how to go on; None: nothing can tell.
        notes: what else there is to say, and how often.
    """

    runs: int = 0
    struck: int = 0
    identical: int = 0
    lost: int = 0
    doubled: int = 0
    problems: int = 0
    told: int | None = None
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def sound(self) -> bool:
        """Whether all is as it should be."""
        return self.identical == self.runs and not self.lost and not self.doubled and self.told in (None, self.struck)


def make_model(folder: Path, seed: int = 0) -> None:
    """Save a random Llama with a token for each byte."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    spelled = Tokenizer(models.BPE({token: number for number, token in enumerate([*special, *alphabet])}, []))
    spelled.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    spelled.decoder = decoders.ByteLevel()
    spelled.add_special_tokens([AddedToken(token, special=True) for token in special])
    pad, begin, end = special
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=spelled, pad_token=pad, bos_token=begin, eos_token=end, chat_template=TEMPLATE
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        initializer_range=0.3,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_documents(count: int) -> list[dict[str, Any]]:
    """Documents with a column to carry over, so that there is something to write."""
    draw = random.Random(0)
    return [
        {
            "id": number if number % 2 else f"row {number}",
            "text": f"Document {number}: it is {draw.randint(-20, 40)} degrees in {draw.choice(('Rome', 'Oslo'))}.",
            "note": "".join(draw.choices("abcdefgh é\n", k=draw.randint(0, 1500))),
        }
        for number in range(count)
    ]


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


class Jobs:
    """The program, the files that all runs share, and what a run has to have in the end."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        child = get_context("spawn").Process(target=make_model, args=(folder / "model",))  # keeps torch out of here
        child.start()
        child.join()
        self.documents = make_documents(options.n)
        write_lines(folder / "in.jsonl", self.documents)
        (folder / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
        self.whole = folder / "whole" / "out.jsonl"
        self.whole.parent.mkdir()
        began = time.perf_counter()
        done = self.run(self.extract(self.whole))
        if done.returncode:
            raise SystemExit(f"the run that nothing happens to failed: {done.stderr}")
        self.seconds = time.perf_counter() - began
        self.output = self.whole.read_bytes()
        self.rows = set(read_rows(job_of(self.whole)))
        self.bytes = stored(job_of(self.whole))

    def extract(self, output: Path, *more: str, source: Path | None = None) -> list[str]:
        """The arguments of `fcgen` for the job that has this output."""
        return [
            "extract", "--model", str(self.folder / "model"), "--schema", str(self.folder / "schema.json"),
            "--input", str(source or self.folder / "in.jsonl"), "--output", str(output), "--carry", "note",
            "--batch-size", str(self.options.batch_size), "--max-new-tokens", "80", "--quiet", *more,
        ]  # fmt: skip

    def begin(self, arguments: Sequence[str], prepare: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        """Start the program."""
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,  # noqa: PLW1509  there are no threads here
        )

    def run(
        self, arguments: Sequence[str], prepare: Callable[[], None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        process = self.begin(arguments, prepare)
        said, told = process.communicate()
        return subprocess.CompletedProcess(list(arguments), process.returncode, said, told)

    def resume(self, output: Path) -> None:
        """Go on with a job until it is done; what cannot go on is left as it is."""
        done = self.run(self.extract(output, "--resume"))
        if done.returncode:
            print(f"\nexit code {done.returncode}: {done.stderr}", file=sys.stderr)

    def judge(self, output: Path, outcome: Outcome, before: Counter[Row] | None = None) -> None:
        """Compare what a job has in the end with what it has to have, and with what it had `before`."""
        rows = read_rows(job_of(output))
        outcome.runs += 1
        outcome.identical += output.exists() and output.read_bytes() == self.output
        outcome.lost += len(self.rows - set(rows)) + len(set(before or ()) - set(rows))
        outcome.doubled += rows.total() - len(rows)
        report = json.loads(self.run(["jobs", "verify", str(job_of(output)), "--json"]).stdout)
        outcome.problems += len(report["problems"])
        if report["done"] != len(self.rows) or report["failed"]:
            outcome.notes["verify counts other rows"] += 1
        outcome.notes["files left over"] += sum(1 for path in output.parent.iterdir() if path.suffix == ".tmp")


def job_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.job")


def stored(job: Path) -> int:
    """How many bytes the segments of a job have."""
    try:
        return sum(path.stat().st_size for path in (job / "segments").glob("*.jsonl"))
    except OSError:
        return 0


def read_rows(job: Path) -> Counter[Row]:
    """How many whole lines of a job's segments say of a row that it is done."""
    return Counter(row for path in (job / "segments").glob("*.jsonl") for row in read_segment(path.read_bytes()))


def read_segment(data: bytes) -> Iterator[Row]:
    """The rows that are done; behind what is no line, the next line break is where to go on."""
    place = 0
    while head := HEAD.match(data, place) or data.find(b"\n", place) + 1:
        if isinstance(head, int):
            place = head
            continue
        text = data[head.end() : head.end() + int(head[2])]
        place = head.end() + len(text) + 1
        if zlib.crc32(text) != int(head[1], 16) or place > len(data):
            place = data.find(b"\n", head.start()) + 1
            if not place:
                return
            continue
        row = json.loads(text)
        if not row["failed"]:
            yield row["position"], json.dumps(row["id"]), row["content"]


def kill(jobs: Jobs, output: Path, draw: random.Random, outcome: Outcome) -> None:
    """A job that is killed, once or several times, and resumed until it is done."""
    times, before, resumed = draw.choice((1, 1, 1, 2, 3)), Counter[Row](), False
    while times:
        process = jobs.begin(jobs.extract(output, *(["--resume"] if resumed else [])))
        wait(jobs, process, output, draw)
        process.kill()
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            times -= 1
            outcome.struck += 1
        elif not resumed:  # it was done before: that is another job's run
            shutil.rmtree(output.parent)
            output.parent.mkdir()
            continue
        else:
            break
        resumed = True
        rows = read_rows(job_of(output))
        outcome.notes[f"{'no' if not rows else 'some' if len(rows) < len(jobs.rows) else 'all'} rows done"] += 1
        before |= rows
        if output.exists() and output.read_bytes() != jobs.output:
            outcome.notes["an unfinished output"] += 1
    jobs.resume(output)
    jobs.judge(output, outcome, before)


def wait(jobs: Jobs, process: subprocess.Popen[str], output: Path, draw: random.Random, most: float = 1.0) -> None:
    """Wait until a random moment, or the end of the process; `most` is the share of the bytes that it waits for."""
    job = job_of(output)
    is_opening = most == 1.0 and draw.random() < 0.2
    bytes_then = stored(job) + 1 + int(draw.random() * (most * jobs.bytes - stored(job)))
    while process.poll() is None and not (holds(job, process.pid) if is_opening else stored(job) >= bytes_then):
        time.sleep(0.001)
    delay = draw.choice((0.0, draw.uniform(0, 0.05), draw.uniform(0, 0.5), draw.uniform(0, 1)))
    try:
        process.wait(delay if most == 1.0 else 0.0)
    except subprocess.TimeoutExpired:
        return


def holds(job: Path, pid: int) -> bool:
    """Whether a process has opened the job for writing."""
    try:
        return bool(json.loads((job / "holder.json").read_text(encoding="utf-8"))["pid"] == pid)
    except (OSError, ValueError):
        return False


def stop(name: str, jobs: Jobs, output: Path, draw: random.Random, outcome: Outcome) -> None:
    """A job that gets a signal; then what the process says is done."""
    process = jobs.begin(jobs.extract(output))
    wait(jobs, process, output, draw, most=0.7)
    process.send_signal(signal.Signals[name])
    told = process.communicate()[1]
    before = read_rows(job_of(output))
    outcome.struck += 1
    outcome.told = outcome.told or 0
    if process.returncode == STOPS[name] and GO_ON in told and not output.exists():
        outcome.told += 1
    else:
        outcome.notes[f"exit code {process.returncode}: {told.strip()[-200:]}"] += 1
    said = shlex.split(told.partition(GO_ON)[2]) or jobs.extract(output, "--resume")
    jobs.run(said)
    jobs.judge(output, outcome, before)


def fill(jobs: Jobs, share: float, output: Path, _: random.Random, outcome: Outcome) -> None:
    """A job whose disk has room for a share of it; then for all."""
    files = [path for path in jobs.whole.parent.rglob("*") if path.is_file()]
    sizes = [path.stat().st_size for path in files]
    with small_disk(output.parent, int(share * sum(sizes))) as make_room:
        prepare = None if make_room else partial(limit_files, int(share * max(sizes)))
        done = jobs.run(jobs.extract(output), prepare)
        before = read_rows(job_of(output))
        outcome.struck += done.returncode != 0
        outcome.told = outcome.told or 0
        if done.returncode == 1 and "Traceback" not in done.stderr and "Make room" in done.stderr:
            outcome.told += 1
        elif done.returncode:
            outcome.notes[f"exit code {done.returncode}: {done.stderr.strip()[-200:]}"] += 1
        if output.exists() and output.read_bytes() != jobs.output:
            outcome.notes["an unfinished output"] += 1
        if make_room:
            make_room()
        jobs.resume(output)
        jobs.judge(output, outcome, before)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[], None] | None]:
    """A disk of so many bytes in place of a folder, and what gives it more; None where it cannot be mounted."""

    def mount(options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    if not mount(f"size={size}"):
        yield None
        return
    try:
        yield lambda: None if mount(f"remount,size={ROOM}m") else sys.exit("the disk cannot be made larger")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def damage(how: str, jobs: Jobs, output: Path, draw: random.Random, outcome: Outcome) -> None:
    """A finished job whose files are damaged; then it is resumed."""
    job = job_of(output)
    shutil.copytree(job_of(jobs.whole), job)
    path = max((job / "segments").glob("*.jsonl"))
    data = bytearray(path.read_bytes())
    if how == "flipped":
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif how == "cut":
        place = draw.randrange(len(data))
        data[place:] = bytes(len(data) - place) if draw.random() < 0.5 else b""
    path.write_bytes(data)
    if how == "index":
        damage_index(job / "index.sqlite", draw)
    outcome.struck += 1
    found = json.loads(jobs.run(["jobs", "verify", str(job), "--json"]).stdout)["problems"]
    if how == "flipped":
        outcome.told = (outcome.told or 0) + bool(found)
    before = read_rows(job)
    jobs.resume(output)
    jobs.judge(output, outcome, before)


def damage_index(path: Path, draw: random.Random) -> None:
    """Remove it, make it noise, or change some of its bytes."""
    data = bytearray(path.read_bytes())
    path.unlink()
    kind = draw.randrange(3)
    if kind == 1:
        path.write_bytes(draw.randbytes(len(data)))
    elif kind == 2:
        for _ in range(20):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)


def poison(jobs: Jobs, output: Path, _: random.Random, outcome: Outcome) -> None:
    """One row each of what no row should be, among the good ones; each has to become an error, and nothing else."""
    bad = {
        "an empty text": b'{"id": "bad 1", "text": ""}',
        "a text of 1 MB": json.dumps({"id": "bad 2", "text": "word " * 200_000}).encode(),
        "no UTF-8": b'{"id": "bad 3", "text": "caf\xe9"}',
        "an id that is null": b'{"id": null, "text": "Rome"}',
        "an id twice": b'{"id": 1, "text": "says something else"}',
        "a text of another type": b'{"id": "bad 4", "text": 5}',
        "broken JSON": b'{"id": "bad 5", "text": "Rome"',
        "no object": b'["bad 6", "Rome"]',
    }
    lines = [json.dumps(document).encode() for document in jobs.documents]
    wanted = jobs.output.splitlines()
    for number, line in enumerate(bad.values(), 2):
        place = 2 + number * len(lines) // (len(bad) + 2)  # behind the row whose id comes twice
        lines.insert(place, line)
        wanted.insert(place, b"")
    source = output.with_name("poisoned.jsonl")
    source.write_bytes(b"\n".join(lines) + b"\n")
    done = jobs.run(jobs.extract(output, source=source))
    if done.returncode:
        outcome.notes[f"exit code {done.returncode}: {done.stderr.strip()[-1000:]}"] += 1
    outcome.runs += 1
    outcome.struck, outcome.told = len(bad), 0
    rows = output.read_bytes().splitlines() if output.exists() else []
    outcome.lost = abs(len(wanted) - len(rows))
    kinds = iter(bad)
    for row, right in zip(rows, wanted, strict=False):
        if right:
            outcome.lost += row != right
        else:
            error = json.loads(row)["error"]
            outcome.told += error is not None
            outcome.notes[f"{next(kinds)}: {error['kind'] if error else 'no error'}"] += 1
    outcome.identical = int(not outcome.lost and done.returncode == 0)
    report = json.loads(jobs.run(["jobs", "verify", str(job_of(output)), "--json"]).stdout)
    outcome.problems = len(report["problems"])
    outcome.doubled = read_rows(job_of(output)).total() - len(read_rows(job_of(output)))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, Outcome]:
    """What became of all cases."""
    jobs = Jobs(folder, options)
    print(f"{options.n} rows, {jobs.bytes:,} bytes, {jobs.seconds:.1f} s if nothing happens", file=sys.stderr)
    shares = [0.05 + 0.9 * number / max(1, options.disks - 1) for number in range(options.disks)]
    runs: dict[str, list[Callable[[Path, random.Random, Outcome], None]]] = {
        "killed": [partial(kill, jobs)] * options.kills,
        **{name: [partial(stop, name, jobs)] * options.stops for name in STOPS},
        "disk full": [partial(fill, jobs, share) for share in shares],
        **{how: [partial(damage, how, jobs)] * options.damages for how in ("flipped", "cut", "index")},
        "poisoned": [partial(poison, jobs)],
    }
    found = {}
    for case in options.cases or runs:
        found[case] = Outcome()
        for number, run in enumerate(runs[case]):
            output = folder / f"{case} {number}" / "out.jsonl"
            output.parent.mkdir()
            run(output, random.Random(f"{options.seed} {case} {number}"), found[case])
            shutil.rmtree(output.parent)
            print(f"\r{case}: {number + 1}/{len(runs[case])}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    return found


CASES = ("killed", *STOPS, "disk full", "flipped", "cut", "index", "poisoned")


def print_results(found: dict[str, Outcome]) -> None:
    names = ("runs", "struck", "told", "identical", "lost", "doubled", "problems")
    print(f"{'':12}" + "".join(f"{name:>11}" for name in names))
    for case, outcome in found.items():
        cells = ("-" if (value := getattr(outcome, name)) is None else value for name in names)
        print(f"{case:12}" + "".join(f"{cell:>11}" for cell in cells))
    for case, outcome in found.items():
        for note, count in (+outcome.notes).items():
            print(f"{case}, {count} times: {note}")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=120, help="documents")
    parser.add_argument("--kills", type=int, default=30, help="runs that are killed")
    parser.add_argument("--stops", type=int, default=5, help="runs that get a signal, of each")
    parser.add_argument("--disks", type=int, default=6, help="runs whose disk is full")
    parser.add_argument("--damages", type=int, default=5, help="runs whose files are damaged, in each way")
    parser.add_argument("--cases", nargs="+", choices=CASES, help="without it, all")
    parser.add_argument("--batch-size", type=int, default=4, help="documents side by side")
    parser.add_argument("--seed", type=int, default=0, help="of what happens")
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options)
    print_results(found)
    write_record(options.out, options, {"cases": {case: vars(outcome) for case, outcome in found.items()}})
    sys.exit(not all(outcome.sound for outcome in found.values()))


if __name__ == "__main__":
    main()
