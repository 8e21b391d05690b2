#!/usr/bin/env python3
"""Every string that the window's sources ask for is in assets/strings, every string there is asked for, and no sentence
stands in the sources themselves."""

import json
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
table = json.loads((root / "assets/strings/en.json").read_text(encoding="utf-8"))
sources = {f: f.read_text(encoding="utf-8") for f in sorted((root / "app/gui").rglob("*")) if f.suffix in {".h", ".cpp"} and "text" not in f.parts}
problems = []

KEY = re.compile(r'"([a-z_]+\.[a-z0-9_.]+)"')
used = set()
for text in sources.values():
    used |= set(KEY.findall(text))
    used |= {"command." + name for name in re.findall(r'commands_\.add\(\{"([a-z_]+)"', text)}
    used |= {"command." + name for name in re.findall(r'"(language_[a-z]+)"', text)}
    used |= {"command." + name for name in re.findall(r'"(theme_[a-z]+)"', text)}

# Labels, hints and units of the one table of sampling parameters.
sampler = (root / "core/engine/sampler_settings.h").read_text(encoding="utf-8")
for row in re.findall(r'SamplerParameter\{([^}]*)\}', sampler):
    name, *rest = re.findall(r'"([a-z_]+)"', row)
    wanted = {f"sampler.{name}", f"sampler.{name}.hint"} | {f"unit.n_{unit}" for unit in rest if unit in ("tokens", "bits")}
    used |= wanted
    problems += [f"assets/strings lacks {key}, of a sampling parameter" for key in wanted if key not in table]

for file, text in sources.items():
    for key in re.findall(r'\btr(?:_)?\(\s*"([^"]+)"', text) + re.findall(r'strings_\(\s*"([^"]+)"', text):
        if key not in table and not key.endswith("."):
            problems.append(f"{file.relative_to(root)}: asks for {key}, which assets/strings lacks")
    for literal in re.findall(r'(?:text|text_in|paragraph|tooltip|say)\([^;"]*"([A-Z][a-z]+ [^"]*)"', text):
        problems.append(f'{file.relative_to(root)}: shows "{literal}" without assets/strings')

for key in table:
    stem = re.sub(r"\.(one|many)$", "", key)
    if key not in used and stem not in used and not key.startswith("month."):
        problems.append(f"assets/strings: {key} is asked for nowhere")

print("\n".join(problems))
print(f"{len(table)} strings, {len(problems)} problem(s)")
sys.exit(1 if problems else 0)
