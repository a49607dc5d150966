#!/usr/bin/python3
"""Counts test cases from a Bazel run: count_cases.py EVENTS_JSON EXIT_CODE

Prints "PASSED FAILED" on stdout, and on stderr what failed and how many were
skipped. GoogleTest and unittest cases count one each, a script counts as one.
A test that failed without a failed case (a crash, a timeout, a target that does
not build) counts as one failure, and so does a run that failed in no test.
"""
import collections
import json
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree

Counts = collections.namedtuple("Counts", "passed failed skipped")


def read_events(path):
    """The build events in the file `path`; a cut last line is left out."""
    try:
        with open(path) as lines:
            for line in lines:
                try:
                    yield json.loads(line)
                except ValueError:
                    return
    except OSError:
        return


def count_cases(xml_path):
    """Counts the cases of one test.xml; zeros when it cannot be read."""
    try:
        root = xml.etree.ElementTree.parse(xml_path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError):
        return Counts(0, 0, 0)
    passed = failed = skipped = 0
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif (case.find("skipped") is not None or
              case.get("status") == "notrun" or
              case.get("result") == "skipped"):
            skipped += 1
        else:
            passed += 1
    return Counts(passed, failed, skipped)


def xml_of(result):
    for output in result.get("testActionOutput", ()):
        if output.get("name") == "test.xml":
            return urllib.request.url2pathname(
                urllib.parse.urlparse(output["uri"]).path)
    return ""


def last_results(events):
    """The last attempt of every run of every test: {(label, run, shard): event}.

    A target that was to be tested but did not build has {} for its result.
    """
    results = {}
    for event in events:
        key = event.get("id", {})
        if "testResult" in key and "testResult" in event:
            test = key["testResult"]
            results[test["label"], test.get("run"), test.get("shard")] = (
                event["testResult"])
        elif "targetCompleted" in key and not event.get(
                "completed", {}).get("success", False):
            results[key["targetCompleted"]["label"], None, None] = {}
    return results


def main():
    events_path, exit_code = sys.argv[1], int(sys.argv[2])
    passed = failed = skipped = 0
    for (label, _, _), result in sorted(last_results(read_events(events_path))
                                        .items(), key=lambda item: item[0][0]):
        counts = count_cases(xml_of(result))
        good = result.get("status") == "PASSED"
        if not good:
            counts = counts._replace(failed=max(counts.failed, 1))
            print("FAILED %s" % label, file=sys.stderr)
        passed += counts.passed
        failed += counts.failed
        skipped += counts.skipped
    if skipped:
        print("%d cases skipped" % skipped, file=sys.stderr)
    if failed == 0 and (exit_code != 0 or passed == 0):
        failed = 1
    print(passed, failed)


if __name__ == "__main__":
    main()
