#!/usr/bin/env python3
"""Writes unicode_tables.inc: case mappings to several characters (Unicode's SpecialCasing.txt) and the digits and
numerals that are no decimal digits, from Python's own copy of the Unicode database."""

import pathlib
import sys

CHARS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def escaped(text):
    return "".join(f"\\x{b:02x}" for b in text.encode())


def mappings(name, change):
    rows = [f'{{0x{ord(c):x}, "{escaped(change(c))}"}},' for c in CHARS if len(change(c)) > 1]
    return [f"constexpr Mapping {name}[] = {{", *rows, "};"]


def ranges(name, holds):
    rows, start = [], None
    for c in [*CHARS, None]:
        if c is not None and holds(c):
            if start is None:
                start = c
            last = c
        elif start is not None:
            rows.append(f"{{0x{ord(start):x}, 0x{ord(last):x}}},")
            start = None
    return [f"constexpr CharRange {name}[] = {{", *rows, "};"]


def main():
    out = ["// Made by generate_unicode.py."]
    out += mappings("kUpper", str.upper)
    out += mappings("kTitle", str.title)
    out += ranges("kDigits", lambda c: c.isdigit() and not c.isdecimal())
    out += ranges("kNumerals", lambda c: c.isnumeric() and not c.isdigit())
    path = pathlib.Path(sys.argv[0]).with_name("unicode_tables.inc")
    lines, line = [], ""
    for row in out:
        if row.startswith("{") and len(line) + len(row) < 108:
            line = f"{line} {row}".strip()
            continue
        if line:
            lines.append("    " + line if line.startswith("{") else line)
        line = row
    lines.append(line)
    path.write_text("\n".join(lines) + "\n")


main()
