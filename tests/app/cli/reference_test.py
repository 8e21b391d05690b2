"""The manual page and the completions: made by the program from its own declarations, so what is tested is that the tools they are
for can read them, and that nothing of --help is missing."""
import re
import shutil
import subprocess
import sys

CLI = sys.argv[1]


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, **more)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def commands_below(*words):
    """Names of the subcommands that --help lists."""
    text = run(CLI, *words, "--help")
    if "Subcommands:" not in text:
        return []
    return re.findall(r"^  ([a-z-]+) ", text.split("Subcommands:")[1], re.M)


def complete(script, line):
    """What bash would offer for the last word of `line`."""
    words = line.split(" ")
    body = f'source {script}; COMP_WORDS=({" ".join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; _fabula_cli; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return run("bash", "-c", body).split()


def test_man(tmp):
    page = run(CLI, "man")
    plain = page.replace("\\-", "-")
    for command in commands_below():
        assert f"\n.SS {command}\n" in plain, command
        for sub in commands_below(command):
            assert f"\n.SS {command} {sub}\n" in plain, (command, sub)
        for flag in re.findall(r"^ +(?:-\w,)?(--[a-z0-9-]+)", run(CLI, command, "--help"), re.M):
            assert flag == "--help" or flag in plain, (command, flag)
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8"], input=page, capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, done.stderr


def test_bash(tmp):
    script = f"{tmp}/completion.bash"
    with open(script, "w") as out:
        out.write(run(CLI, "completion", "bash"))
    run("bash", "-n", script)
    assert "generate" in complete(script, "fabula-cli gen")
    assert set(commands_below("sessions")) <= set(complete(script, "fabula-cli sessions "))
    assert "q8_0" in complete(script, "fabula-cli generate --precision q")
    assert complete(script, "fabula-cli generate --max-to") == ["--max-tokens"]
    assert "--precision" in complete(script, "fabula-cli --data-dir /nowhere generate --prec")
    assert "/usr/include" in complete(script, "fabula-cli generate -m /usr/inclu")


def test_others(tmp):
    for shell in ("zsh", "fish"):
        text = run(CLI, "completion", shell)
        assert "quantize" in text and "--temperature" in text or "-l temperature" in text
        if shutil.which(shell):
            run(shell, "-n", "/dev/stdin", input=text)
    assert subprocess.run([CLI, "completion", "tcsh"], capture_output=True).returncode == 2


def test_version(tmp):
    text = run(CLI, "--version")
    assert re.match(r"Fabula \d+\.\d+\.\d+ \([0-9a-f]{10}|no commit", text), text
    for name, licence in (("SQLite", "blessing"), ("oneTBB", "Apache-2.0"), ("SentencePiece", "Apache-2.0")):
        assert re.search(rf"^  {name} \d[\d.]+ +{licence}$", text, re.M), text


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name, test in list(globals().items()):
            if name.startswith("test_"):
                test(folder)
                print("passed", name)
