"""What `import keras_vipa` does, seen from fresh processes."""

import pytest
from test_case import run_python

NEW_MODULES = """
import sys
import keras
before = set(sys.modules)
import keras_vipa
print(*sorted(set(sys.modules) - before), sep="\\n")
"""

WITHOUT_SOCKETS = """
import socket

class Blocked(socket.socket):
    def __init__(self, *args, **kwargs):
        raise OSError("no socket may be opened")

socket.socket = Blocked
{}
import keras_vipa
print("imported")
"""

SECONDS = """
import time
import keras
start = time.perf_counter()
import keras_vipa
print(time.perf_counter() - start)
"""


def test_import_opens_no_socket():
    assert run_python("-c", WITHOUT_SOCKETS.format("")) == "imported\n"


def test_blocked_socket_is_noticed():
    opening = "socket.create_connection(('127.0.0.1', 9))"
    with pytest.raises(AssertionError, match="no socket may be opened"):
        run_python("-c", WITHOUT_SOCKETS.format(opening))


def test_import_loads_little():
    # Keras itself loads matplotlib and Pillow where they are installed.
    modules = run_python("-c", NEW_MODULES).split()
    assert "keras_vipa" in modules
    late = ("keras_vipa.datasets", "keras_vipa.export", "matplotlib", "PIL")
    late += ("tensorflow_datasets", "ai_edge_litert")
    assert not [name for name in modules if name.startswith(late)]


@pytest.mark.tensorflow
def test_import_is_quick():
    seconds = []
    for _ in range(3):
        seconds.append(float(run_python("-c", SECONDS)))
        if min(seconds) < 0.3:
            break
    assert min(seconds) < 0.3


@pytest.mark.tensorflow
def test_import_with_jax_leaves_tensorflow_out():
    snippet = "import sys, keras_vipa; print('tensorflow' in sys.modules)"
    assert run_python("-c", snippet, KERAS_BACKEND="tensorflow") == "True\n"
    assert run_python("-c", snippet, KERAS_BACKEND="jax") == "False\n"
