#!/usr/bin/python3
"""Reads a metrics file more strictly than Prometheus does, and says what is wrong with it.

  metrics_format.py FILE                    exit 0 when nothing is wrong
  metrics_format.py FILE NAME KEY=VALUE...  prints the value of that sample; 1 when there is none

Strict: UTF-8, every line ends in a line feed, each family is HELP, TYPE (counter or gauge) and its samples
in one block, no sample twice, no timestamp, whole numbers; counters end in _total, and nothing else does.
"""

import re
import sys

NAME = "[a-zA-Z_][a-zA-Z0-9_]*"
LABEL = re.compile(rf'({NAME})="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def labels_of(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"labels {text[at:]!r}"
        name, value, after = match.groups()
        assert name not in labels, f"label {name} twice"
        assert not after or match.end() < len(text), "a comma at the end"
        labels[name] = re.sub(r"\\.", lambda m: ESCAPES[m.group()], value)
        at = match.end()
    return labels


def samples_of(text):
    assert text.endswith("\n"), "the last line does not end"
    samples, families, helped, family = {}, set(), None, None
    for number, line in enumerate(text[:-1].split("\n"), 1):
        try:
            if match := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
                helped = match.group(1)
                assert helped not in families, f"{helped} twice"
                families.add(helped)
                family = None
            elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge)", line):
                assert match.group(1) == helped and family is None, "TYPE without its HELP"
                family = helped
                assert (match.group(2) == "counter") == family.endswith("_total"), "_total is for counters"
            else:
                match = re.fullmatch(rf"({NAME})(?:\{{(.+)\}})? ([0-9]+)", line)
                assert match, "no sample"
                assert match.group(1) == family, "a sample outside its family"
                key = family, frozenset(labels_of(match.group(2) or "").items())
                assert key not in samples, "a sample twice"
                samples[key] = int(match.group(3))
        except AssertionError as error:
            raise AssertionError(f"line {number}: {error}: {line}") from None
    assert families == {name for name, _ in samples}, "a family without samples"
    return samples


def main():
    path, *wanted = sys.argv[1:]
    try:
        with open(path, encoding="utf-8", newline="") as file:
            samples = samples_of(file.read())
    except (AssertionError, UnicodeDecodeError) as error:
        sys.exit(f"{path}: {error}")
    if not wanted:
        return
    pairs = {tuple(pair.split("=", 1)) for pair in wanted[1:]}
    values = [v for (name, labels), v in samples.items() if name == wanted[0] and pairs <= labels]
    if not values:
        sys.exit(1)
    print(*values, sep="\n")


if __name__ == "__main__":
    main()
