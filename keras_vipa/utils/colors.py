"""What is known of colours; light enough to be imported at the start."""

import numpy as np

# Weights of red, green and blue, in ITU-R BT.601.
LUMINANCE = np.array([0.299, 0.587, 0.114], "float32")
