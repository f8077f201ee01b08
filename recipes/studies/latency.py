"""How long files and models run, and how much memory they take."""

# Needs the extras `lite` (LiteRT files) and `onnx` (ONNX files).

import multiprocessing
import pathlib
import re
import time

import numpy as np


def litert_runner(path, threads=1):
    """Make a function that runs a LiteRT file, on constant inputs.

    Args:
        path: string or path of a `.tflite` file with fixed sizes.
        threads: integer.

    Returns:
        A function without arguments.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        values = np.full(detail["shape"], 0.5, detail["dtype"])
        interpreter.set_tensor(detail["index"], values)
    return interpreter.invoke


def onnx_runner(content, threads=1):
    """Make a function that runs an ONNX file, on constant inputs.

    Args:
        content: bytes of a file with fixed sizes.
        threads: integer.

    Returns:
        A function without arguments.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options)
    feed = {
        each.name: np.full(each.shape, 0.5, "float32")
        for each in session.get_inputs()
    }
    return lambda: session.run(None, feed)


def keras_runner(model, jit_compile=False):
    """Make a function that runs a functional model as a TensorFlow graph.

    Args:
        model: functional `keras.Model` with fixed sizes.
        jit_compile: boolean. Whether XLA compiles it.

    Returns:
        A function without arguments.
    """
    import tensorflow as tf

    inputs = [tf.fill([1, *tensor.shape[1:]], 0.5) for tensor in model.inputs]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    call = tf.function(model.__call__, jit_compile=jit_compile)
    return lambda: call(inputs).numpy()


def take_turns(runners, rounds):
    """Time functions that take turns, so that all meet the same machine.

    Args:
        runners: dict, name -> function without arguments.
        rounds: integer. How often each is timed, after one run that is not.

    Returns:
        A dict, name -> median seconds.
    """
    for run in runners.values():
        run()
    seconds = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def peak_memory(source):
    """Measure what loading and running a file once adds to this process.

    Args:
        source: path of a `.tflite` file, or bytes of an ONNX file.

    Returns:
        Float. Megabytes of resident size, on Linux; call it by
        `in_new_process`.
    """
    if isinstance(source, bytes):
        import onnxruntime  # noqa: F401

        make = onnx_runner
    else:
        import ai_edge_litert.interpreter  # noqa: F401

        make = litert_runner
    return added_memory(lambda: make(source)())


def added_memory(function):
    """Measure what a function adds to this process at its peak.

    Args:
        function: callable without arguments.

    Returns:
        Float. Megabytes of resident size, on Linux; call it by
        `in_new_process`.
    """
    # The record of the largest size is inherited from the parent: reset it.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = _kilobytes("VmRSS")
    function()
    return (_kilobytes("VmHWM") - before) / 1024


def _kilobytes(name):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status)[1])


def in_new_process(function, *arguments):
    """Return what a function returns in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)
