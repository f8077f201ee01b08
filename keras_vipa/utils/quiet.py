"""Libraries that talk too much, past Python's `sys.stderr`."""

import contextlib
import os
import re
import sys
import tempfile
import warnings

# What TensorFlow says of a machine as it starts, and that it has no GPU.
_CHATTER = re.compile(
    rb"[IW]\d{4} |WARNING: All log messages before absl|To enable the following"
    rb"|E\d{4} .*cuInit|.*: [IW] (?:tensorflow|external)"
)


@contextlib.contextmanager
def quiet(verbose=False):
    """Drop what libraries print to standard error, and Python's warnings.

    Args:
        verbose: boolean. Whether to let it pass.
    """
    if verbose:
        yield
        return
    with warnings.catch_warnings(), _standard_error_to(os.devnull):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def quiet_start():
    """Drop what TensorFlow says of the machine as it starts; errors stay."""
    # For what comes later: information only.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    with tempfile.TemporaryFile() as file:
        try:
            with _standard_error_to(file.fileno()):
                yield
        finally:
            file.seek(0)
            lines = [line for line in file if not _CHATTER.match(line)]
            if lines:
                os.write(2, b"".join(lines))


@contextlib.contextmanager
def _standard_error_to(target):
    """Send file descriptor 2 to another one, or to a path."""
    sys.stderr.flush()
    terminal = os.dup(2)
    other = os.open(target, os.O_WRONLY) if isinstance(target, str) else target
    os.dup2(other, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        if other is not target:
            os.close(other)
