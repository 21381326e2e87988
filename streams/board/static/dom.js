// Elements made of text. Nothing here parses markup.

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

/** Somebody else's text, apart from the direction of writing around it. */
export const alien = (text, name = "") => element("bdi", { class: name }, shown(text));

/** Set text only where it differs: screen readers and selections are left alone. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const byId = (id) => document.getElementById(id);

/** A picture in its frame, or a word where a browser shows none. `why` is said when there is nothing to show. */
export function framed(picture, { name = "", alt = "", why = "no preview", lazy = true } = {}) {
  const frame = element("div", { class: `frame ${name}`.trim() });
  const nothing = element("span", { class: "nothing" }, why);
  if (!framed.enabled || picture.key == null) {
    frame.append(nothing);
    return frame;
  }
  const image = element("img", { alt, decoding: "async", loading: lazy ? "lazy" : "eager" });
  image.addEventListener("error", () => image.replaceWith(nothing), { once: true });
  image.src = `/pictures/${picture.id}?of=${picture.uploaded}`;
  frame.append(image);
  return frame;
}
framed.enabled = true;

export const chip = (picture) => element("span", { class: `chip ${picture.label ?? (picture.reason ? "none" : "waits")}` });
