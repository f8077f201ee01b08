"use strict";

// Draws beside the page, which can be used meanwhile. It is no module, since
// LiteRT.js loads its WebAssembly by `importScripts`.

const STYLE_SHAPE = [1, 256, 256, 3];

// Loaded when they are needed, once.
const runtime = once(async () => {
  const litert = await import("./litert.js");
  await litert.loadLiteRt("./");
  return litert;
});
const drawingFile = once(() => read("drawing.tflite"));
const styleModel = once(async () => compile(await read("style.tflite")));

// The network of the size that was drawn last.
let drawer = { model: null, size: "" };
let noise = new Float32Array(0);

/** A function that does its work once, unless it fails. */
function once(work) {
  let promise = null;
  return () => {
    promise ??= work().catch((error) => {
      promise = null;
      throw error;
    });
    return promise;
  };
}

async function read(name) {
  const answer = await fetch(name);
  if (!answer.ok) {
    throw new Error(`${name} cannot be loaded (${answer.status}).`);
  }
  return new Uint8Array(await answer.arrayBuffer());
}

async function compile(bytes) {
  const litert = await runtime();
  return litert.loadAndCompile(bytes, { accelerator: "wasm" });
}

/** The only output of a model, for named pairs of an array and its shape. */
async function run(model, inputs) {
  const { Tensor } = await runtime();
  const tensors = {};
  for (const [name, [array, shape]] of Object.entries(inputs)) {
    tensors[name] = new Tensor(array, shape);
  }
  try {
    const [result] = Object.values(await model.run(tensors));
    const array = (await result.data()).slice();
    result.delete();
    return array;
  } finally {
    Object.values(tensors).forEach((tensor) => tensor.delete());
  }
}

/**
 * The drawing network for a size. LiteRT.js takes files of a fixed size, and
 * ours leaves height and width open: they are written where `places` says.
 */
async function drawingModel(height, width, places) {
  const size = `${width} x ${height}`;
  if (drawer.size !== size) {
    const bytes = (await drawingFile()).slice();
    const view = new DataView(bytes.buffer);
    for (const place of places) {
      view.setInt32(place, height, true);
      view.setInt32(place + 4, width, true);
    }
    drawer.model?.delete();
    drawer = { model: null, size: "" };
    drawer = { model: await compile(bytes), size };
  }
  return drawer.model;
}

/** RGBA bytes as RGB in [0, 1]. */
function toImage(pixels) {
  const image = new Float32Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    image[to] = pixels[from] / 255;
    image[to + 1] = pixels[from + 1] / 255;
    image[to + 2] = pixels[from + 2] / 255;
  }
  return image;
}

/** RGB in [0, 1] as RGBA bytes. */
function toPixels(image) {
  const pixels = new Uint8ClampedArray((image.length / 3) * 4).fill(255);
  for (let from = 0, to = 0; from < image.length; from += 3, to += 4) {
    pixels[to] = Math.floor(image[from] * 255 + 0.5);
    pixels[to + 1] = Math.floor(image[from + 1] * 255 + 0.5);
    pixels[to + 2] = Math.floor(image[from + 2] * 255 + 0.5);
  }
  return pixels;
}

/** Normal numbers, always the same ones, so that a drawing is too. */
function makeNoise(count) {
  let state = 1;
  const random = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
}

function addGrain(image, grain) {
  const count = image.length / 3;
  if (noise.length !== count) {
    noise = makeNoise(count);
  }
  for (let index = 0; index < image.length; index += 1) {
    image[index] += grain * noise[Math.floor(index / 3)];
  }
}

const TASKS = {
  /** The drawing of a picture, and how long it took. */
  async draw({ pixels, height, width, places, code, grain }) {
    const model = await drawingModel(height, width, places);
    const start = performance.now();
    const content = toImage(pixels);
    if (grain) {
      addGrain(content, grain);
    }
    const image = await run(model, {
      content: [content, [1, height, width, 3]],
      code: [code, [1, code.length]],
    });
    const drawn = toPixels(image);
    return { drawn, milliseconds: performance.now() - start };
  },

  /** The code of a style, a square of 256 pixels. */
  async style({ pixels }) {
    const style = [toImage(pixels), STYLE_SHAPE];
    return run(await styleModel(), { style });
  },
};

self.onmessage = async ({ data: { id, task, ...rest } }) => {
  try {
    self.postMessage({ id, result: await TASKS[task](rest) });
  } catch (error) {
    self.postMessage({ id, problem: String(error?.message ?? error) });
  }
};
