"""What `import keras_vipa` does, seen from fresh processes."""

import json

import keras
import pytest
from test_case import run_python

NO_SOCKETS = """
import socket

class Blocked(socket.socket):
    def __init__(self, *args, **kwargs):
        raise OSError("no socket may be opened")

socket.socket = Blocked
"""

IMPORT = """
import json
import sys
import time
import keras
before = set(sys.modules)
start = time.process_time()
import keras_vipa
seconds = time.process_time() - start
new = sorted(set(sys.modules) - before)
tensorflow = "tensorflow" in sys.modules
print(json.dumps({"seconds": seconds, "new": new, "tensorflow": tensorflow}))
"""


@pytest.fixture(scope="module")
def imported():
    """What one process without sockets saw of the import."""
    return json.loads(run_python("-c", NO_SOCKETS + IMPORT))


def test_import_opens_no_socket(imported):
    assert "keras_vipa" in imported["new"]


def test_blocked_socket_is_noticed():
    opening = "socket.create_connection(('127.0.0.1', 9))"
    with pytest.raises(AssertionError, match="no socket may be opened"):
        run_python("-c", NO_SOCKETS + opening)


def test_import_loads_little(imported):
    # Keras itself loads matplotlib and Pillow where they are installed.
    late = ("keras_vipa.datasets", "keras_vipa.export", "matplotlib", "PIL")
    late += ("tensorflow_datasets", "ai_edge_litert")
    assert not [name for name in imported["new"] if name.startswith(late)]


def test_import_is_quick(imported):
    # Of the processor's time, which other work does not lengthen much.
    assert imported["seconds"] < 0.3


def test_only_its_backend_imports_tensorflow(imported):
    backend = keras.config.backend()
    assert imported["tensorflow"] == (backend == "tensorflow")
