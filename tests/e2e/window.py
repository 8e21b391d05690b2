"""A real window on a virtual display, driven by real X events; where things are is read from the automation socket."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIP = 77  # what CTest takes for "skipped"


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def require_tools():
    for tool in ("Xvfb", "xdotool", "import", "xprop"):
        if shutil.which(tool) is None:
            skip(f"{tool} is not installed (packaging/setup/packages-test.txt)")


def testdata():
    folder = os.environ.get("FABULA_TESTDATA", "")
    if not folder or not pathlib.Path(folder, "models/tinystories-656k/config.json").exists():
        skip("FABULA_TESTDATA does not name the folder of the test vectors")
    return pathlib.Path(folder)


class Display:
    """Xvfb on a free display number; dots per inch decide the content scale (96: 1x, 192: 2x)."""

    def __init__(self, width=1280, height=820, dpi=96):
        read, write = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        number = b""
        while not number.endswith(b"\n"):
            part = os.read(read, 16)
            if not part:
                skip("Xvfb does not start here")
            number += part
        os.close(read)
        self.name = ":" + number.decode().strip()
        # What desktops say about the scale, and GLFW reads: the resource Xft.dpi of the root window.
        subprocess.run(["xprop", "-display", self.name, "-root", "-f", "RESOURCE_MANAGER", "8s", "-set", "RESOURCE_MANAGER", f"Xft.dpi:\t{dpi}\n"],
                       check=True)

    def close(self):
        self.process.terminate()
        self.process.wait(10)


class Window:
    def __init__(self, binary, display, folder, shots, arguments=(), environment=None):
        self.shots, self.display = pathlib.Path(shots), display
        self.shots.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(folder)
        self.socket = str(self.folder / "automation")
        self.environment = {**os.environ, "DISPLAY": display.name, "LIBGL_ALWAYS_SOFTWARE": "1", "FABULA_AUTOMATION": self.socket,
                            "LC_ALL": "C.UTF-8", **(environment or {})}
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.process = subprocess.Popen([binary, "--data-dir", str(self.folder / "data"), *arguments], env=self.environment)
        self.until(lambda: self.ask("state")["frames"] > 0, "the first frame")

    # ---- looking
    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.socket)
            s.sendall(json.dumps({"cmd": command}).encode() + b"\n")
            answer = b""
            while part := s.recv(65536):
                answer += part
        return json.loads(answer)

    def state(self):
        return self.ask("state")

    def widgets(self):
        return {w["id"]: w for w in self.ask("widgets")["widgets"]}

    def until(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the window ended with {self.process.returncode} while waiting for {what}"
            try:
                value = condition()
            except (OSError, ValueError, KeyError):
                value = None
            if value:
                return value
            time.sleep(0.03)
        raise AssertionError(f"waited {seconds} s for {what}")

    def widget(self, name):
        return self.until(lambda: self.widgets().get(name), f"the widget {name}", 15)

    def shot(self, name):
        time.sleep(0.25)
        subprocess.run(["import", "-window", "root", str(self.shots / f"{name}.png")], env=self.environment, check=True)

    def x_window(self):
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", "Fabula"], env=self.environment, capture_output=True, text=True, check=True)
        return int(found.stdout.split()[-1])

    # ---- doing
    def xdo(self, *words):
        subprocess.run(["xdotool", *map(str, words)], env=self.environment, check=True)

    def point(self, name):
        """At its middle, once it stands still: what closes or grows above it takes it along."""
        for _ in range(10):
            x, y, width, height = self.widget(name)["rect"]
            self.xdo("mousemove", x + width // 2, y + height // 2)
            time.sleep(0.12)
            if self.widgets().get(name, {}).get("rect") == [x, y, width, height]:
                return

    def click(self, name):
        assert self.until(lambda: self.widgets().get(name, {}).get("enabled"), f"{name} to be enabled", 20)
        self.point(name)
        self.xdo("click", 1)
        time.sleep(0.15)

    def type(self, words):
        # Characters no key has are typed by rebinding a key, which the window has to be told of in time.
        self.xdo("type", "--delay", 8 if words.isascii() else 80, words)
        time.sleep(0.1)

    def key(self, *names):
        self.xdo("key", *names)
        time.sleep(0.15)

    def choose_file(self, path, shot=None):
        """Types a path into the file dialog, which is open or about to be. shot: the name of a picture of it as it opens."""
        self.widget("file.path")
        if shot:
            self.shot(shot)
        self.key("ctrl+a")
        self.type(str(path))
        self.key("Return")

    def import_session(self, document, path):
        """Writes an exported session to `path` and brings it in through the menu."""
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        self.click("menu.file")
        self.click("menu.import")
        self.choose_file(path)

    def wait_idle(self, seconds=90):
        self.until(lambda: not self.state()["generating"], "the reply's end", seconds)

    def memory_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1000

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # ---- ending
    def close(self):
        """Ends it; a call on its UI thread that may have waited is a failure, unless the test has failed already."""
        if self.process.poll() is not None:
            return
        blocking = self.state()["blocking"] if sys.exc_info()[0] is None else []
        self.process.terminate()
        self.process.wait(20)
        waits = [call for call in blocking if call.startswith(("disk", "lock", "engine", "snapshots"))]
        assert not waits, f"the UI thread may have waited: {waits}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)


class Stage:
    """A folder, a display, and the windows that are opened with them."""

    def __init__(self, folder, shots):
        self.folder, self.display, self.windows = pathlib.Path(folder), Display(), []
        self.shots = shots or self.folder / "shots"

    def open(self, binary, *arguments):
        self.windows.append(Window(binary, self.display, self.folder, self.shots, arguments))
        return self.windows[-1]

    def tell(self, failed):
        for w in self.windows:
            if w.process.poll() is None:
                w.shot(failed)
                print(json.dumps(w.state(), ensure_ascii=False)[:2000])

    def close(self):
        try:
            for w in self.windows:
                w.close()
        finally:
            self.display.close()


@contextlib.contextmanager
def stage(shots, failed):
    """shots: None keeps no pictures. Where something goes wrong, the windows' picture stays as `failed`.png and their state is printed."""
    require_tools()
    with tempfile.TemporaryDirectory() as name:
        here = Stage(name, shots)
        try:
            yield here
        except BaseException:
            here.tell(failed)
            raise
        finally:
            here.close()
