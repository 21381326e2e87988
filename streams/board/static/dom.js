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

/** A picture in a frame; `why` is the text where it cannot be shown. */
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
