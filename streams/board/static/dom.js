// Creates elements from text. Nothing here parses markup.

import { shown } from "./format.js";

/** An element with attributes and children; strings become text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Foreign text, isolated from the writing direction around it. */
export const alien = (text, name = "") => element("bdi", { class: name }, shown(text));

/** Set text only if it differs, so that screen readers and selections are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const byId = (id) => document.getElementById(id);

const RETRY_MS = 6000; // while the store or the server is away

/** A picture in a frame, small or large. Where it cannot be shown, the frame says why. */
export function framed(picture, { name = "", alt = "", lazy = true, large = false } = {}) {
  const frame = element("div", { class: `frame ${name}`.trim() });
  if (!framed.enabled || picture.key == null) refuse(frame, "");
  else load(frame, picture, { alt, lazy, large });
  return frame;
}
framed.enabled = true;

function load(frame, picture, options) {
  const version = `${picture.id}?of=${picture.uploaded}`;
  const url = `${options.large ? "/pictures/" : "/thumbnails/"}${version}`;
  const image = element("img", { alt: options.alt, decoding: "async", loading: options.lazy ? "lazy" : "eager" });
  image.addEventListener(
    "error",
    () => {
      image.remove(); // else the browser's sign of a broken image shows until the reason is known
      explain(frame, url, () => load(frame, picture, options));
    },
    { once: true },
  );
  frame.replaceChildren(image);
  if (options.large) {
    const small = element("img", { alt: "", src: `/thumbnails/${version}` }); // most likely loaded already
    small.addEventListener("error", () => small.remove(), { once: true });
    image.addEventListener("load", () => small.remove(), { once: true });
    image.before(small);
  }
  image.src = url;
}

/** An image does not tell its error, so ask again. The browser still has the answer. */
async function explain(frame, url, again) {
  let why = "the server does not answer";
  let isPassing = true;
  try {
    const answer = await fetch(url);
    isPassing = answer.ok || answer.status === 503;
    why = answer.ok ? "" : (await answer.json()).error;
  } catch {
    // no answer
  }
  refuse(frame, why);
  if (isPassing) setTimeout(() => frame.isConnected && again(), RETRY_MS);
}

function refuse(frame, why) {
  const text = why ? `No preview: ${shown(why)}` : "No preview";
  frame.replaceChildren(element("span", { class: "nothing", title: text }, text));
}

/** Beside the chip of an outcome whose score is low; null if it is not. */
export const unsureChip = (picture) => (picture.unsure ? element("span", { class: "chip unsure" }, "unsure") : null);

export const chip = (picture) => element("span", { class: `chip ${picture.label ?? (picture.reason ? "none" : "waits")}` });
