"""What Python itself makes of texts that may be the repr of a bytes object.

Reads texts from standard input, one a line, each in hex. Writes a line for each: the bytes in hex
and whether repr() writes them so ("61 same", "61 otherwise"), or "none" when it is no such literal.
"""

import ast
import sys
import warnings

warnings.simplefilter("ignore")  # about escapes that Python does not know


def judged(text):
    try:
        value = ast.literal_eval(text)
    except Exception:  # what a malformed text raises is not documented
        return "none"
    if not isinstance(value, bytes):
        return "none"
    return "%s %s" % (value.hex() or "-", "same" if repr(value) == text else "otherwise")


for line in sys.stdin:
    raw = bytes.fromhex(line.strip())
    try:
        print(judged(raw.decode("utf-8")))
    except UnicodeDecodeError:
        print("none")
