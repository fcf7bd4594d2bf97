"""A progress bar for terminals and notebooks, without dependencies. Shown at most ten times a
second; on a pipe nothing is shown."""

import html
import shutil
import sys
import time


def _notebook():
    """The `display` of a running notebook, or None. IPython is asked only when it is loaded."""
    shell = sys.modules.get("IPython")
    try:
        if shell is None or type(shell.get_ipython()).__name__ != "ZMQInteractiveShell":
            return None
        from IPython.display import HTML, display
    except (ImportError, AttributeError):
        return None
    return lambda text, handle: _update(display, HTML, text, handle)


def _update(display, markup, text, handle):
    if handle is None:
        return display(markup(text), display_id=True)
    handle.update(markup(text))
    return handle


def duration(seconds):
    """Seconds as 0:07 or 1:02:03."""
    whole = int(seconds + 0.5)
    hours, minutes = divmod(whole // 60, 60)
    tail = f"{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
    return f"{hours}:{tail}" if hours else tail


class Bar:
    """`show` may be called as often as one likes."""

    def __init__(self, file=None, delay=0.0, every=0.1):
        self.file = file or sys.stderr
        self.delay, self.every = delay, every
        self._notebook = _notebook() if file is None else None
        self._handle = None
        self._shown, self._width, self._last = float("-inf"), 0, None
        self.is_visible = self._notebook is not None or self._is_terminal()

    def _is_terminal(self):
        return bool(getattr(self.file, "isatty", lambda: False)())

    def show(self, done, total, seconds, text=""):
        if not self.is_visible:
            return
        self._last = (done, total, seconds, text)
        now = time.monotonic()
        if seconds >= self.delay and (now - self._shown >= self.every or done == total):
            self._shown = now
            self._draw()

    def _draw(self):
        done, total, seconds, text = self._last
        share = done / total if total else 1.0
        left = seconds * (1 - share) / share if share > 0 else 0.0
        times = f"{duration(seconds)}, left {duration(left)}"
        count = f"{done}/{total}" if isinstance(done, int) else f"{100 * share:.0f}%"
        if self._notebook is not None:
            markup = (
                f'<progress value="{share:.4f}" max="1" style="width:20em"></progress> '
                f"<code>{html.escape(count)} {html.escape(times)}  {html.escape(text)}</code>"
            )
            self._handle = self._notebook(markup, self._handle)
            return
        blocks = int(20 * share)
        line = f"[{'#' * blocks}{'.' * (20 - blocks)}] {count} {times}  {text}"
        line = line[: max(20, shutil.get_terminal_size().columns - 1)]
        self.file.write("\r" + line.ljust(self._width))
        self.file.flush()
        self._width = len(line)

    def close(self):
        """Shows the last state and ends the line."""
        if self._shown == float("-inf"):
            return
        self._draw()
        if self._notebook is None:
            self.file.write("\n")
            self.file.flush()
