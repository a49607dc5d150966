#!/usr/bin/env python3
"""Puts one small bug at a time into a copy of the tree, and sees whether the tests
that cover its line notice. "Unnoticed": not by the twelve that run the fewest lines.

  tools/mutate.py [--mutants N] [--seed N] [--log FILE] [--workdir DIR] [FOLDER...]

The copy is a git worktree in --workdir, made when it is missing. Which test covers
which line is measured once and kept there (coverage.json). Each mutant is a line of
--log; a run that was stopped goes on where it ended. Mutants that change nothing that
anybody could see are listed, with the reason, in tools/mutate_equivalents.txt.
"""
import argparse
import collections
import json
import pathlib
import random
import signal
import subprocess
import sys
import time

from mutation_rules import mutations

_FOLDERS = ["base", "selector", "server", "client"]
# What Bazel's exit codes say; any other is a fault of Bazel's own.
_PASSED = 0
_BUILD_FAILED = 1
_TESTS_FAILED = 3
_TIGHTEST = 3
_MOST_TESTS = 12
_FLAGS = ["--noshow_progress", "--test_output=summary", "--test_timeout=120,120,180,180"]


def bazel(workdir, *arguments):
    done = subprocess.run(
        ["./bazelw", *arguments],
        cwd=workdir,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    return done.returncode, done.stdout + done.stderr


def git(*arguments, folder="."):
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def make_workdir(workdir):
    if not (workdir / ".git").exists():
        git("worktree", "add", "--quiet", "--detach", str(workdir))
    # A run that was killed may have left its mutant.
    git("checkout", "--quiet", "--", *_FOLDERS, folder=workdir)
    if git("rev-parse", "HEAD", folder=workdir) != git("rev-parse", "HEAD"):
        sys.exit(f"{workdir} is of another commit: git worktree remove --force {workdir}")


def measure(workdir):
    """{file: {line: [test]}} of the lines that tests run."""
    kept = workdir / "coverage.json"
    if not kept.exists():
        print("measuring what the tests cover; this builds everything", flush=True)
        code, output = bazel(
            workdir, "coverage", "--combined_report=none", "--keep_going", "//tests/..."
        )
        if code not in (_PASSED, _TESTS_FAILED):
            sys.exit(f"bazel coverage ended with {code}:\n{output[-2000:]}")
        kept.write_text(
            json.dumps(read_coverage(workdir / "bazel-testlogs", failing(output)))
        )
    return json.loads(kept.read_text())


def read_coverage(testlogs, failed):
    """Without the tests that fail as it is: they would notice everything."""
    lines = collections.defaultdict(lambda: collections.defaultdict(list))
    for report in testlogs.glob("**/coverage.dat"):
        folder = report.parent.relative_to(testlogs)
        test = f"//{folder.parent}:{folder.name}"
        if f"{test} " in failed:
            continue
        path = ""
        for entry in report.read_text().splitlines():
            if entry.startswith("SF:"):
                path = entry[3:]
            elif entry.startswith("DA:"):
                line, hits = entry[3:].split(",")[:2]
                if int(hits) > 0:
                    lines[path][line].append(test)
    return lines


def candidates(workdir, covered, folders):
    """Every (path, line number, kind, changed line) that some test runs."""
    for path in sorted(covered):
        if path.split("/")[0] not in folders or not (workdir / path).exists():
            continue
        text = (workdir / path).read_text().splitlines()
        for number in sorted(covered[path], key=int):
            if int(number) <= len(text):
                for kind, changed in mutations(text[int(number) - 1]):
                    yield path, int(number), kind, changed


def in_order(tests, sizes):
    """The tightest first; those that start real programs last."""
    return sorted(tests, key=lambda test: ("integration" in test, sizes[test], test))


def try_mutant(workdir, mutant, tests):
    """How it ended, and which test noticed."""
    path, number, _, changed = mutant
    file = workdir / path
    original = file.read_text()
    lines = original.splitlines(keepends=True)
    lines[number - 1] = changed + "\n"
    file.write_text("".join(lines))
    try:
        for some in (tests[:_TIGHTEST], tests[_TIGHTEST:_MOST_TESTS]):
            if not some:
                continue
            code, output = bazel(workdir, "test", *_FLAGS, *some)
            if code == _TESTS_FAILED:
                noticed = [one for one in some if f"{one} " in failing(output)]
                return "noticed", " ".join(noticed) or some[0]
            if code == _BUILD_FAILED:
                return "does not compile", ""
            if code != _PASSED:
                sys.exit(f"bazel test ended with {code}:\n{output[-2000:]}")
        return "unnoticed", ""
    finally:
        file.write_text(original)


def failing(output):
    return "\n".join(
        line for line in output.splitlines() if "FAILED" in line or "TIMEOUT" in line
    )


def equivalents(folder):
    """Lines "PATH: CHANGED LINE" of the list; "#" begins a reason."""
    listed = set()
    for line in (folder / "mutate_equivalents.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            listed.add(line.strip())
    return listed


def summarise(records):
    counts = collections.defaultdict(collections.Counter)
    for record in records:
        counts[record["path"].rsplit("/", 1)[0]][record["end"]] += 1
    for folder in sorted(counts):
        count = counts[folder]
        print(
            f"{folder}: {count['noticed']} noticed, {count['unnoticed']} unnoticed,"
            f" {count['does not compile']} do not compile"
        )
    for record in records:
        if record["end"] == "unnoticed":
            print(f"{record['path']}:{record['line']}\n- {record['was']}\n+ {record['is']}")


def main():
    # So that a mutant is taken back when the run is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folders", nargs="*", default=_FOLDERS)
    parser.add_argument("--mutants", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=pathlib.Path, default=pathlib.Path("mutants.jsonl"))
    parser.add_argument(
        "--workdir", type=pathlib.Path, default=pathlib.Path("/tmp/farpoll-mutants")
    )
    args = parser.parse_args()
    workdir = args.workdir.resolve()
    make_workdir(workdir)
    covered = measure(workdir)
    sizes = collections.Counter(
        test for lines in covered.values() for tests in lines.values() for test in tests
    )
    listed = equivalents(pathlib.Path(__file__).parent)
    every = list(candidates(workdir, covered, args.folders))
    random.Random(args.seed).shuffle(every)
    records = []
    if args.log.exists():
        records = [json.loads(line) for line in args.log.read_text().splitlines()]
    done = {(record["path"], record["line"], record["is"]) for record in records}
    counted = sum(record["end"] != "does not compile" for record in records)
    for mutant in every:
        if counted >= args.mutants:
            break
        path, number, kind, changed = mutant
        was = (workdir / path).read_text().splitlines()[number - 1]
        if (path, number, changed.strip()) in done or f"{path}: {changed.strip()}" in listed:
            continue
        start = time.monotonic()
        tests = in_order(covered[path][str(number)], sizes)
        end, by = try_mutant(workdir, mutant, tests)
        record = {
            "path": path,
            "line": number,
            "kind": kind,
            "was": was.strip(),
            "is": changed.strip(),
            "end": end,
            "by": by,
            "seconds": round(time.monotonic() - start),
        }
        records.append(record)
        counted += end != "does not compile"
        with args.log.open("a") as log:
            log.write(json.dumps(record) + "\n")
        print(f"{counted}: {path}:{number} {kind}: {end} {by}", flush=True)
    summarise(records)
    return 0


if __name__ == "__main__":
    sys.exit(main())
