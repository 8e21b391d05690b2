"""Drops a file on a window as a file manager does: the source's side of the XDND protocol (version 5), over libX11."""

import ctypes
import ctypes.util
import pathlib
import time

CLIENT_MESSAGE, SELECTION_REQUEST, SELECTION_NOTIFY, PROP_REPLACE = 33, 30, 31, 0


class ClientMessage(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
                ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong), ("format", ctypes.c_int), ("data", ctypes.c_long * 5)]


class SelectionRequest(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
                ("owner", ctypes.c_ulong), ("requestor", ctypes.c_ulong), ("selection", ctypes.c_ulong), ("target", ctypes.c_ulong),
                ("property", ctypes.c_ulong), ("time", ctypes.c_ulong)]


class SelectionNotify(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
                ("requestor", ctypes.c_ulong), ("selection", ctypes.c_ulong), ("target", ctypes.c_ulong), ("property", ctypes.c_ulong),
                ("time", ctypes.c_ulong)]


class Event(ctypes.Union):
    _fields_ = [("type", ctypes.c_int), ("client", ClientMessage), ("request", SelectionRequest), ("notify", SelectionNotify),
                ("pad", ctypes.c_long * 24)]


def library():
    x = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    window, pointer = ctypes.c_ulong, ctypes.c_void_p
    for name, result, arguments in (
            ("XOpenDisplay", pointer, [ctypes.c_char_p]), ("XDefaultRootWindow", window, [pointer]), ("XCloseDisplay", ctypes.c_int, [pointer]),
            ("XCreateSimpleWindow", window, [pointer, window, *[ctypes.c_int] * 2, *[ctypes.c_uint] * 3, *[ctypes.c_ulong] * 2]),
            ("XInternAtom", window, [pointer, ctypes.c_char_p, ctypes.c_int]), ("XFlush", ctypes.c_int, [pointer]),
            ("XSetSelectionOwner", ctypes.c_int, [pointer, window, window, ctypes.c_ulong]),
            ("XSendEvent", ctypes.c_int, [pointer, window, ctypes.c_int, ctypes.c_long, ctypes.POINTER(Event)]),
            ("XPending", ctypes.c_int, [pointer]), ("XNextEvent", ctypes.c_int, [pointer, ctypes.POINTER(Event)]),
            ("XChangeProperty", ctypes.c_int, [pointer, window, window, window, ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int])):
        function = getattr(x, name)
        function.restype, function.argtypes = result, arguments
    return x


class Drag:
    def __init__(self, display_name):
        self.x = library()
        self.display = self.x.XOpenDisplay(display_name.encode())
        assert self.display, display_name
        root = self.x.XDefaultRootWindow(self.display)
        self.source = self.x.XCreateSimpleWindow(self.display, root, 0, 0, 1, 1, 0, 0, 0)

    def atom(self, name):
        return self.x.XInternAtom(self.display, name.encode(), 0)

    def tell(self, target, message, *data):
        event = Event()
        event.client.type, event.client.window, event.client.format = CLIENT_MESSAGE, target, 32
        event.client.message_type = self.atom(message)
        event.client.data = (ctypes.c_long * 5)(self.source, *data)
        self.x.XSendEvent(self.display, target, 0, 0, ctypes.byref(event))
        self.x.XFlush(self.display)

    def answer(self, request, words):
        self.x.XChangeProperty(self.display, request.requestor, request.property, request.target, 8, PROP_REPLACE, words, len(words))
        event = Event()
        for field in ("requestor", "selection", "target", "property", "time"):
            setattr(event.notify, field, getattr(request, field))
        event.notify.type = SELECTION_NOTIFY
        self.x.XSendEvent(self.display, request.requestor, 0, 0, ctypes.byref(event))
        self.x.XFlush(self.display)

    def wait_for(self, message, words, seconds=10):
        """The target's next message of this kind; gives it the words where it asks for them meanwhile."""
        end, event = time.monotonic() + seconds, Event()
        while time.monotonic() < end:
            if not self.x.XPending(self.display):
                time.sleep(0.02)
                continue
            self.x.XNextEvent(self.display, ctypes.byref(event))
            if event.type == SELECTION_REQUEST:
                self.answer(event.request, words)
            elif event.type == CLIENT_MESSAGE and event.client.message_type == self.atom(message):
                return list(event.client.data)
        raise AssertionError(f"no {message} within {seconds} s")

    def drop(self, target, x, y, paths):
        words = "".join(pathlib.Path(path).as_uri() + "\r\n" for path in paths).encode()
        self.x.XSetSelectionOwner(self.display, self.atom("XdndSelection"), self.source, 0)
        self.tell(target, "XdndEnter", 5 << 24, self.atom("text/uri-list"), 0, 0)
        self.tell(target, "XdndPosition", 0, x << 16 | y, 0, self.atom("XdndActionCopy"))
        assert self.wait_for("XdndStatus", words)[1] & 1, "the window does not take the drop"
        self.tell(target, "XdndDrop", 0, 0, 0, 0)
        self.wait_for("XdndFinished", words)

    def close(self):
        self.x.XCloseDisplay(self.display)


def drop(display_name, target, x, y, *paths):
    """Drops files on the window `target` (its X id) at the root position (x, y)."""
    drag = Drag(display_name)
    try:
        drag.drop(target, x, y, paths)
    finally:
        drag.close()
