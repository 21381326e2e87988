// Uploads pictures that are dropped or chosen, and shows each one's progress.

import { alien, byId, chip, element, framed, setText } from "./dom.js";
import { duration, outcome, percent } from "./format.js";

const FOLLOWED_MAX = 12;
const CONCURRENT_MAX = 2;
const STEPS = [
  ["uploaded", "uploaded"],
  ["queued", "queued"],
  ["decided", "classified"],
  ["stored", "stored"],
];

export class Uploads {
  constructor(about) {
    this.about = about;
    this.progress = new Map();
    this.early = new Map(); // in a frame before the upload's own response came
    this.queue = [];
    this.running = 0;
    byId("drop").hidden = !about.uploads;
    if (!about.uploads) return;
    byId("files").addEventListener("change", ({ target }) => {
      this.send(target.files);
      target.value = "";
    });
    this.#takeDrops();
  }

  send(files) {
    for (const file of files) {
      const progress = new Progress(file);
      byId("followed").prepend(progress.node);
      while (byId("followed").childElementCount > FOLLOWED_MAX) byId("followed").lastElementChild.remove();
      this.queue.push([file, progress]);
    }
    this.#next();
  }

  take(pictures) {
    if (!this.about.uploads) return;
    for (const picture of pictures) {
      this.progress.get(picture.id)?.update(picture);
      if (this.running > 0) this.early.set(picture.id, picture);
    }
    if (this.running === 0) this.early.clear();
  }

  #next() {
    while (this.running < CONCURRENT_MAX && this.queue.length) {
      this.running += 1;
      this.#put(...this.queue.shift()).finally(() => {
        this.running -= 1;
        this.#next();
      });
    }
  }

  async #put(file, progress) {
    if (file.size > this.about.upload_max_bytes) {
      progress.fail(`larger than ${Math.floor(this.about.upload_max_bytes / 1048576)} MiB`);
      return;
    }
    try {
      const answer = await fetch(`/api/uploads?name=${encodeURIComponent(file.name.toWellFormed?.() ?? file.name)}`, {
        method: "POST",
        body: file,
        headers: { "content-type": "application/octet-stream" },
      });
      const stored = await answer.json();
      if (!answer.ok) return progress.fail(stored.error);
      this.progress.set(stored.id, progress);
      progress.update(this.early.get(stored.id) ?? stored);
    } catch {
      progress.fail("the server did not answer");
    }
  }

  #takeDrops() {
    let depth = 0;
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    const show = (isOver) => {
      byId("veil").hidden = !isOver;
    };
    addEventListener("dragenter", (event) => {
      if (hasFiles(event)) show(++depth > 0);
    });
    addEventListener("dragleave", (event) => {
      if (hasFiles(event)) show(--depth > 0);
    });
    addEventListener("dragover", (event) => {
      if (hasFiles(event)) event.preventDefault();
    });
    addEventListener("drop", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      show(false);
      location.hash = "#/";
      this.send(event.dataTransfer.files);
      byId("drop").scrollIntoView({ block: "nearest" });
    });
  }
}

class Progress {
  constructor(file) {
    this.name = file.name;
    this.image = element("div", { class: "frame" });
    this.steps = element("ol", { class: "steps", "aria-label": "Progress" });
    for (const [, word] of STEPS) {
      this.steps.append(element("li", {}, word, element("span", { class: "took" }, "")));
    }
    this.end = element("span", { class: "end" });
    this.node = element("li", {}, this.image, element("span", { class: "name" }, alien(file.name)), this.steps, this.end);
    this.#show({});
  }

  update(picture) {
    if (this.shown !== picture.uploaded) {
      const frame = framed(picture, { lazy: false });
      this.image.replaceWith(frame);
      this.image = frame;
      this.shown = picture.uploaded;
    }
    this.#show(picture);
  }

  fail(why) {
    this.steps.remove();
    this.end.remove();
    this.node.append(element("span", { class: "problem", role: "status" }, `Not uploaded: ${why}`));
  }

  #show(picture) {
    const at = STEPS.map(([name]) => picture[name]);
    const last = at.findLastIndex((moment) => moment != null);
    at.forEach((moment, index) => {
      const step = this.steps.children[index];
      const isDone = index <= last;
      step.classList.toggle("done", isDone);
      step.classList.toggle("next", index === last + 1);
      if (isDone) step.setAttribute("data-done", "");
      const before = at.slice(0, index).findLast((each) => each != null);
      const took = moment == null ? "" : index === 0 ? "" : `+${duration(Math.max(0, moment - before))}`;
      setText(step.lastChild, took || (index === last + 1 ? "…" : "\u00a0"));
    });
    this.end.replaceChildren();
    const result = outcome(picture);
    if (!result) return;
    const label = chip(picture);
    label.append(picture.confidence == null ? result : `${result} ${percent(picture.confidence)}`);
    this.end.append(picture.id ? element("a", { href: `#/picture/${picture.id}`, "aria-label": `${result}: details` }, label) : label);
  }
}
