"use strict";

// What the page shows and hears; `worker.js` draws.

const SMALLEST = 16; // pixels, of a side
const MULTIPLE = 4; // of this, a side is one
const STYLE_SIZE = 256; // of the square that the style network reads
const LIVE_SIZE = "256"; // of what the camera sees, to begin with

const find = (id) => document.getElementById(id);
const video = document.createElement("video");
const answers = new Map(); // tasks of the worker that are not done

let worker = null;
let places = []; // where the file of the network says its size
let styles = []; // title and code of each
let photograph = null; // title and image; the image of the camera is `video`
let shown = null; // canvases: the photograph, and its drawing if there is one
let isWanted = false; // another drawing
let isDrawing = false;

// What is said.

function say(text) {
  find("status").textContent = text;
}

function complain(text) {
  find("problem").textContent = text;
}

/** Do what a user asked for, or say in a sentence why it failed. */
async function attempt(work) {
  complain("");
  try {
    await work();
  } catch (error) {
    complain(error.message);
  }
}

function inMegabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

// The worker.

function startWorker() {
  worker = new Worker("worker.js");
  worker.onmessage = ({ data: { id, result, problem } }) => {
    const { resolve, reject } = answers.get(id);
    answers.delete(id);
    if (problem) {
      reject(new Error(`The network does not run: ${problem}`));
    } else {
      resolve(result);
    }
  };
  worker.onerror = () => complain("The network does not run in this browser.");
}

/** What the worker makes of a task. */
function ask(task, data) {
  return new Promise((resolve, reject) => {
    const id = (ask.count = (ask.count ?? 0) + 1);
    answers.set(id, { resolve, reject });
    worker.postMessage({ id, task, ...data }, [data.pixels.buffer]);
  });
}

// Pictures.

/** The name of a file for people. */
function titleOf(file) {
  const name = file.name.replace(/\.\w+$/, "").replace(/[_\s]+/g, " ");
  return name.trim().slice(0, 40) || "picture";
}

async function decode(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error(
      `“${file.name}” is no picture that this browser can read: ` +
        "take a JPEG, PNG or WebP file.",
    );
  }
}

function sidesOf(image) {
  return [
    image.videoWidth || image.width,
    image.videoHeight || image.height,
  ];
}

/** A canvas with an image, or with the part of it from x, y, w, h. */
function paint(image, [width, height], part = [0, 0, ...sidesOf(image)]) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(image, ...part, 0, 0, width, height);
  return canvas;
}

function pixelsOf(canvas) {
  const context = canvas.getContext("2d");
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

/** Width and height of the drawing of an image, which is never enlarged. */
function drawnSize(image) {
  const sides = sidesOf(image);
  const scale = Math.min(1, find("size").value / Math.max(...sides));
  return sides.map((side) => {
    const steps = Math.round((side * scale) / MULTIPLE);
    return Math.max(SMALLEST, steps * MULTIPLE);
  });
}

// Styles.

function chosenStyle() {
  return styles[find("controls").elements.choice.value];
}

/** The style that is mixed in, and its share; `undefined` if there is none. */
function secondStyle() {
  return styles[find("second").value || -1];
}

function mixedCode() {
  const [first, second] = [chosenStyle(), secondStyle()];
  const share = second ? find("share").value / 100 : 0;
  return first.code.map(
    (value, index) =>
      (1 - share) * value + share * (second?.code[index] ?? 0),
  );
}

function styleTitle() {
  const second = secondStyle();
  const mixed = second && find("share").value > 0;
  return chosenStyle().title + (mixed ? ` and ${second.title}` : "");
}

/** Add a style to the gallery, and to those that can be mixed in. */
function showStyle({ title, code }, picture) {
  const value = styles.push({ title, code }) - 1;
  const tile = document.createElement("label");
  tile.className = "tile";
  const choice = document.createElement("input");
  Object.assign(choice, { type: "radio", name: "choice", value });
  const image = document.createElement("img");
  Object.assign(image, { src: picture, alt: "" });
  tile.append(choice, image, title);
  find("gallery").append(tile);
  find("second").append(new Option(title, value));
  return choice;
}

async function addStyle(file) {
  const picture = await decode(file);
  const [width, height] = sidesOf(picture);
  const side = Math.min(width, height);
  const middle = [(width - side) / 2, (height - side) / 2, side, side];
  const square = paint(picture, [STYLE_SIZE, STYLE_SIZE], middle);
  say("Reading the style …");
  const code = await ask("style", { pixels: pixelsOf(square) });
  const title = titleOf(file);
  showStyle({ title, code }, square.toDataURL()).checked = true;
  draw();
}

// Drawing.

/** Show the drawing over the photograph. */
function compose() {
  if (!shown) {
    return;
  }
  const { content, drawing } = shown;
  const canvas = find("drawing");
  Object.assign(canvas, { width: content.width, height: content.height });
  const context = canvas.getContext("2d");
  context.drawImage(content, 0, 0);
  if (drawing) {
    context.globalAlpha = find("strength").value / 100;
    context.drawImage(drawing, 0, 0);
  }
}

async function drawOnce() {
  const { image, title } = photograph;
  const size = drawnSize(image);
  const [width, height] = size;
  const content = paint(image, size);
  if (!shown || image !== shown.image) {
    shown = { image, content };
    compose();
  }
  const { drawn, milliseconds } = await ask("draw", {
    pixels: pixelsOf(content),
    width,
    height,
    places,
    code: mixedCode(),
    grain: find("grain").value / 255,
  });
  const drawing = paint(content, size);
  const data = new ImageData(drawn, width, height);
  drawing.getContext("2d").putImageData(data, 0, 0);
  shown = { image, content, drawing };
  compose();
  const text = `${title} in the style of ${styleTitle()}`;
  find("drawing").ariaLabel = text;
  find("timing").textContent =
    `${width} × ${height} pixels in ${Math.round(milliseconds)} ms.`;
  return text;
}

/** Draw what is chosen, as often as it changes; all the time with a camera. */
async function draw() {
  isWanted = true;
  if (isDrawing || !photograph) {
    return;
  }
  isDrawing = true;
  find("frame").ariaBusy = "true";
  while (isWanted) {
    isWanted = false;
    try {
      const text = await drawOnce();
      find("download").disabled = false;
      if (photograph.image === video) {
        // Nothing is drawn while the page is out of sight.
        await new Promise(requestAnimationFrame);
        isWanted = true;
      } else if (!isWanted) {
        say(`Drawn: ${text}.`);
      }
    } catch (error) {
      complain(error.message);
    }
  }
  isDrawing = false;
  find("frame").ariaBusy = "false";
}

async function openPhotograph(file) {
  const image = await decode(file);
  stopCamera();
  photograph?.image.close?.();
  photograph = { title: titleOf(file), image };
  say("Drawing …");
  draw();
}

function download() {
  find("drawing").toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    const name = `${photograph.title} ${styleTitle()}`.toLowerCase();
    link.download = `${name.replace(/[^\p{L}\p{N}]+/gu, "_")}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
}

// The camera.

const CAMERA_PROBLEMS = {
  NotAllowedError: "The camera was not allowed: allow it for this page.",
  NotFoundError: "There is no camera.",
  NotReadableError: "The camera is in use elsewhere.",
};

async function startCamera() {
  if (!navigator.mediaDevices) {
    throw new Error("A camera needs a page of https or of this device.");
  }
  // Or a telephone would show it by itself.
  Object.assign(video, { muted: true, playsInline: true });
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment" },
    });
    await video.play();
  } catch (error) {
    throw new Error(CAMERA_PROBLEMS[error.name] ?? error.message);
  }
  find("camera").ariaPressed = "true";
  find("camera").textContent = "Stop the camera";
  find("size").value = LIVE_SIZE;
  photograph = { title: "Camera", image: video };
  say("Drawing what the camera sees.");
  draw();
}

/** Turn the camera off; what it saw last is the photograph from then on. */
function stopCamera() {
  if (!video.srcObject) {
    return;
  }
  video.srcObject.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  find("camera").ariaPressed = "false";
  find("camera").textContent = "Use the camera";
  photograph = { title: "Camera", image: shown.content };
  draw();
}

// What a user does.

function showValues() {
  for (const output of document.querySelectorAll(".row output")) {
    const { id, value } = find(output.htmlFor.value);
    output.textContent = id === "grain" ? value : `${value} %`;
  }
  find("share").disabled = !secondStyle();
}

/** Files are taken where they are dropped, and shown to be. */
function takeDrops(zone, take) {
  const isOver = (is) => zone.classList.toggle("over", is);
  zone.addEventListener("dragover", () => isOver(true));
  zone.addEventListener("dragleave", () => isOver(false));
  zone.addEventListener("drop", (event) => {
    isOver(false);
    take(event.dataTransfer.files);
  });
}

function takeFiles(input, take) {
  input.addEventListener("change", () => {
    take([...input.files]);
    // The same file may be chosen again.
    input.value = "";
  });
}

function takePhotograph([file]) {
  if (file) {
    attempt(() => openPhotograph(file));
  }
}

function takeStyles(files) {
  attempt(async () => {
    for (const file of files) {
      await addStyle(file);
    }
  });
}

function listen() {
  takeFiles(find("photograph-file"), takePhotograph);
  takeFiles(find("style-file"), takeStyles);
  takeDrops(find("picture"), takePhotograph);
  takeDrops(find("styles"), takeStyles);
  for (const kind of ["dragover", "drop"]) {
    // Elsewhere, a file would be opened in place of the page.
    document.addEventListener(kind, (event) => event.preventDefault());
  }
  document.addEventListener("paste", (event) => {
    takePhotograph(event.clipboardData.files);
  });
  find("download").addEventListener("click", download);
  find("camera").addEventListener("click", () => {
    attempt(video.srcObject ? stopCamera : startCamera);
  });
  find("controls").addEventListener("submit", (event) => {
    event.preventDefault();
  });
  find("controls").addEventListener("input", ({ target }) => {
    showValues();
    complain("");
    if (target.id === "strength") {
      compose();
    } else if (target.type !== "file") {
      draw();
    }
  });
}

// The beginning.

function showLoads(loads) {
  for (const { what, when, bytes, compressed } of loads) {
    const row = find("loads").insertRow();
    for (const text of [
      what,
      when,
      inMegabytes(bytes),
      inMegabytes(compressed),
    ]) {
      row.insertCell().textContent = text;
    }
  }
  const sum = (when, kind) =>
    loads
      .filter((load) => load.when === when)
      .reduce((total, load) => total + load[kind], 0);
  find("first-size").textContent =
    `: ${inMegabytes(sum("at once", "bytes"))}, ` +
    `compressed ${inMegabytes(sum("at once", "compressed"))}`;
  find("style-size").textContent =
    `, ${inMegabytes(sum("for a style of yours", "bytes"))}`;
}

async function start() {
  if (location.protocol === "file:") {
    throw new Error("This page has to come from a server, not from a file.");
  }
  startWorker();
  const page = await (await fetch("page.json")).json();
  places = page.places;
  showLoads(page.loads);
  for (const { title, code, picture } of page.styles) {
    showStyle({ title, code: new Float32Array(code) }, picture);
  }
  find("gallery").querySelector("input").checked = true;
  listen();
  showValues();
  const blob = await (await fetch(page.photograph)).blob();
  await openPhotograph(new File([blob], page.photograph));
  say(`Loading the network${find("first-size").textContent} …`);
}

attempt(start);
