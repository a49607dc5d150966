#!/usr/bin/python3
"""Turns rows of the benchmarks into the tables of docs/performance.md.

  bench_table.py FILE.json...     one line a case: the floor, and everybody's
                                  ratio to it
"""
import json
import sys


def cases(rows):
    """Rows of each (bench, case), in order of appearance."""
    grouped = {}
    for row in rows:
        grouped.setdefault((row["bench"], row["case"]), []).append(row)
    return grouped.items()


def beside(row):
    """A peer and how it compares; the value where there is no floor."""
    ratio = row["ratio_to_floor"]
    if row["value"] is None:
        return row["peer"]
    if ratio is None:
        places = 0 if row["value"] >= 10 else 1
        return "%s %.*f" % (row["peer"], places, row["value"])
    return "%s %.2f" % (row["peer"], ratio)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for path in sys.argv[1:]:
        with open(path) as file:
            rows = json.load(file)
        print("| | case | floor | x floor |\n| --- | --- | --- | --- |")
        for (bench, case), (floor, *others) in cases(rows):
            print("| %s | %s | %s, %.1f %s | %s |" % (
                bench, case, floor["peer"], floor["value"], floor["unit"],
                "; ".join(map(beside, others))))
        print()


if __name__ == "__main__":
    main()
