"""Debian's Chromium without a window, driven through its DevTools pipe.

Nothing else is needed: no driver, no package, no port.
"""

import base64
import contextlib
import fcntl
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import time

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run "
    "--disable-background-networking --disable-component-update "
    "--disable-dev-shm-usage --remote-debugging-pipe "
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
).split()
PATH = shutil.which("chromium")


class Chromium:
    """A tab.

    Args:
        profile: path of an empty folder.
        size: pair of integers, width and height of the window.
        *flags: strings, more of the command line.

    Attributes:
        requests: list of the addresses that the page and its workers, and
            theirs, have asked for.
        errors: list of what was thrown and logged as an error.
    """

    def __init__(self, profile, size=(1280, 900), *flags):
        self.requests, self.errors = [], []
        self._count, self._answers, self._unread = 0, {}, b""
        command = [PATH, *FLAGS, f"--user-data-dir={profile}", *flags]
        command += [f"--window-size={size[0]},{size[1]}", "about:blank"]
        theirs, self._write = _far_ends(os.pipe())
        self._read, answers = os.pipe()
        answers = _far(answers)

        def connect():
            os.dup2(theirs, 3)
            os.dup2(answers, 4)

        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=connect,
            start_new_session=True,
        )
        os.close(theirs)
        os.close(answers)
        targets = self.send("Target.getTargets", session=None)["targetInfos"]
        (page,) = (t["targetId"] for t in targets if t["type"] == "page")
        attached = {"targetId": page, "flatten": True}
        self.session = self.send(
            "Target.attachToTarget", session=None, **attached
        )["sessionId"]
        self.send("Page.enable")
        self._watch(self.session)

    def close(self):
        """End the browser and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def send(self, method, session="", seconds=600, **params):
        """What the browser answers to a command.

        Args:
            method: string, of the DevTools protocol.
            session: string. Defaults to the tab's; `None` for the browser.
            seconds: float, the longest that it may take.
            **params: of the method.
        """
        number = self._post(method, session, **params)
        end = time.monotonic() + seconds
        while number not in self._answers:
            self._receive(end)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def open(self, address):
        """Go to an address."""
        self.send("Page.navigate", url=address)

    def evaluate(self, expression):
        """The value of an expression in the page, waited for."""
        said = {"expression": expression, "awaitPromise": True}
        answer = self.send("Runtime.evaluate", returnByValue=True, **said)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, expression, seconds=600):
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(RuntimeError):
                if value := self.evaluate(expression):
                    return value
            time.sleep(0.05)
        raise TimeoutError(f"{expression}\n{self.errors}")

    def choose_files(self, selector, *paths):
        """What a user does with an `<input type="file">`."""
        found = f"document.querySelector({json.dumps(selector)})"
        answer = self.send("Runtime.evaluate", expression=found)["result"]
        self.send(
            "DOM.setFileInputFiles",
            objectId=answer["objectId"],
            files=[str(path) for path in paths],
        )

    def drop_files(self, selector, *paths):
        """Drop files in the middle of an element."""
        x, y = self.evaluate(
            f"(r => [r.x + r.width / 2, r.y + r.height / 2])(document"
            f".querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        data = {"items": [], "files": list(map(str, paths))}
        data["dragOperationsMask"] = 1
        for kind in ("dragEnter", "dragOver", "drop"):
            self.send("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def press(self, key, code=0, text=""):
        """Press and release a key."""
        more = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        if text:
            more["text"] = text
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, **more)

    def screenshot(self, path, format="png", **more):
        """Write what is seen."""
        answer = self.send("Page.captureScreenshot", format=format, **more)
        path.write_bytes(base64.b64decode(answer["data"]))

    def seconds_of(self, thread):
        """CPU time that threads of a name have had, on Linux."""
        seconds = 0.0
        for path in pathlib.Path("/proc").glob("[0-9]*/task/*/schedstat"):
            # Threads may end meanwhile.
            with contextlib.suppress(OSError):
                process = int(path.parts[2])
                name = path.with_name("comm").read_text().strip()
                is_ours = os.getpgid(process) == self._process.pid
                if is_ours and name.startswith(thread):
                    seconds += int(path.read_text().split()[0]) / 1e9
        return seconds

    def _watch(self, session):
        """Hear of all that a page or worker asks for."""
        children = {"autoAttach": True, "waitForDebuggerOnStart": True}
        self._post("Network.enable", session)
        self._post("Runtime.enable", session)
        self._post("Log.enable", session)
        self._post("Target.setAutoAttach", session, flatten=True, **children)
        self._post("Runtime.runIfWaitingForDebugger", session)

    def _post(self, method, session="", **params):
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        session = self.session if session == "" else session
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        return self._count

    def _receive(self, end):
        """Take in what has come, or wait for it."""
        wait = max(0.0, end - time.monotonic())
        if not select.select([self._read], [], [], wait)[0]:
            raise TimeoutError("Chromium does not answer")
        data = os.read(self._read, 1 << 20)
        if not data:
            raise RuntimeError("Chromium has ended")
        *messages, self._unread = (self._unread + data).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self._hear(message["method"], message["params"])

    def _hear(self, event, params):
        if event == "Target.attachedToTarget":
            self._watch(params["sessionId"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif event == "Log.entryAdded":
            entry = params["entry"]
            # Those of workers are what LiteRT says of its beginnings.
            if entry["level"] == "error" and entry["source"] != "worker":
                self.errors.append(f"{entry['text']} {entry.get('url')}")


def _far(number):
    """The same file under a number that is not used by Chromium."""
    far = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(number)
    return far


def _far_ends(pipe):
    return _far(pipe[0]), pipe[1]
