#!/usr/bin/env python3
"""The house's rules that no compiler checks: includes run downwards only, every test is registered with CTest,
gpu/ shows no CUDA header, core/ and gpu/ never print, abort or exit, the documents name files that exist."""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
problems = []

# A room may include itself and what this table names (DESIGN.md, "The house").
ROOMS = [
    ("core/base", []),
    ("core/net", ["core/base"]),
    ("core/hub", ["core/base", "core/net"]),
    ("core/text", ["core/base"]),
    ("core/grammar", ["core/base", "core/text"]),
    ("core/formats", ["core/base", "core/text"]),
    ("core/compute", ["core/base", "core/formats"]),
    ("gpu", ["core/base", "core/formats", "core/compute"]),
    ("core/model", ["core/base", "core/net", "core/text", "core/formats", "core/compute"]),
    ("core/engine", ["core/base", "core/net", "core/text", "core/formats", "core/compute", "core/model", "core/grammar", "gpu"]),
    ("core/session", ["core/base", "core/text", "core/formats", "core/compute", "core/model", "core/grammar", "core/engine"]),
    ("app/server", ["core"]),
    ("app/cli", ["core", "gpu", "app/server"]),
    ("app/gui/text", ["core/base"]),
    ("app/gui", ["core", "app/server", "app/gui/text"]),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+"((?:core|gpu|app|tests)/[^"]+)"', re.M)
FORBIDDEN = re.compile(r"\b(?:std::(?:cout|cerr|abort|exit|terminate)|printf|fprintf|puts|abort|exit)\s*(?:\(|<<)")


def strip_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


def room_of(path):
    best = None
    for name, allowed in ROOMS:
        if path == name or path.startswith(name + "/"):
            if best is None or len(name) > len(best[0]):
                best = (name, allowed)
    return best


for folder in ("core", "gpu", "app"):
    for file in sorted((root / folder).rglob("*")):
        if file.suffix not in {".h", ".cpp", ".cu", ".cuh", ".inc"}:
            continue
        name = file.relative_to(root).as_posix()
        room = room_of(name)
        if room is None:
            problems.append(f"{name}: stands in no room of the house (tests/house_rules.py lists them)")
            continue
        text = file.read_text(encoding="utf-8")
        for included in INCLUDE.findall(text):
            if not any(included.startswith(p + "/") for p in [room[0], *room[1]]):
                problems.append(f"{name}: includes {included}, which is not below {room[0]}")
        if folder in ("core", "gpu"):
            found = FORBIDDEN.search(strip_comments(text))
            if found:
                problems.append(f"{name}: core and gpu never print, abort or exit, but here stands {found.group(0)}")
        if folder != "gpu" and re.search(r'#\s*include\s+[<"](?:cuda|cublas)', text):
            problems.append(f"{name}: CUDA headers stay inside gpu/")

# Every *_test.cpp and *_fuzz.cpp is named in the CMakeLists.txt beside or above it.
for file in sorted((root / "tests").rglob("*.cpp")):
    if not re.search(r"_(?:test|fuzz|bench)\.cpp$", file.name):
        continue
    folder, registered = file.parent, False
    while folder != root.parent and not registered:
        lists = folder / "CMakeLists.txt"
        registered = lists.exists() and re.search(rf"\b{re.escape(file.name)}\b", lists.read_text(encoding="utf-8")) is not None
        folder = folder.parent
    if not registered:
        problems.append(f"{file.relative_to(root)}: registered with no CMakeLists.txt")

# A path in a document stands for a file, with its ending or without (a program, a pair of .h and .cpp); x_ is a name to be chosen.
PATH = re.compile(r"`((?:core|gpu|app|tests|docs|assets|packaging|third_party)/[\w./*{},-]+)`")
documents = [root / "README.md", root / "CHANGELOG.md", *(root / "docs").glob("*.md"), *root.glob("*/**/NOTES.md"), *root.glob("assets/**/*.md")]
for document in documents:
    if "build" in document.relative_to(root).parts[:1]:
        continue
    for path in PATH.findall(document.read_text(encoding="utf-8")):
        choice = re.search(r"\{([^}]*)\}", path)
        for name in [path.replace(choice.group(0), c) for c in choice.group(1).split(",")] if choice else [path]:
            if "/x_" not in name and not any(root.glob(name.rstrip("/"))) and not any(root.glob(name + ".*")):
                problems.append(f"{document.relative_to(root)}: names {name}, which is not there")

for problem in problems:
    print(problem)
print(f"{len(problems)} problem(s)")
sys.exit(1 if problems else 0)
