// Uploads pictures that are dropped or chosen, and shows each one's progress.

import { alien, byId, chip, element, framed, setText } from "./dom.js";
import { count, duration, outcome, percent, plural, reasonName } from "./format.js";

const LINES_MAX = 200; // only lines that are done go, so each picture is followed to its end
const CONCURRENT_MAX = 2;
const ASK_EVERY_MS = 5000;
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
    this.sum = new Sum();
    this.askedAt = 0;
    this.isAsking = false;
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
      const progress = new Progress(file, this.about.database ? "stored" : "decided");
      byId("followed").prepend(progress.node);
      this.sum.add(progress);
      this.queue.push([file, progress]);
    }
    this.#trim();
    this.sum.show();
    this.#next();
  }

  /** Pictures of a frame. A frame that missed some may have left out ours, and so may all before the page came back. */
  take(pictures, missed) {
    if (!this.about.uploads) return;
    for (const picture of pictures) {
      this.progress.get(picture.id)?.update(picture);
      if (this.running > 0) this.early.set(picture.id, picture);
    }
    if (this.running === 0) this.early.clear();
    if (missed > 0) this.isBehind = true;
    if (this.isBehind && !this.isAsking && Date.now() - this.askedAt >= ASK_EVERY_MS) this.#ask();
    this.sum.show();
  }

  /** Ask for each picture whose news may have been missed, one after the other. */
  async #ask() {
    this.isAsking = true;
    this.isBehind = false;
    try {
      for (const [id, progress] of this.progress) {
        if (progress.isDone) continue;
        const answer = await fetch(`/api/pictures/${encodeURIComponent(id)}`);
        if (answer.ok) progress.update(await answer.json());
      }
    } catch {
      this.isBehind = true; // the server does not answer
    }
    this.isAsking = false;
    this.askedAt = Date.now();
    this.sum.show();
  }

  /** Remove the oldest lines that are done. The sum has counted them. */
  #trim() {
    for (const [id, progress] of this.progress) {
      if (byId("followed").childElementCount <= LINES_MAX) return;
      if (!progress.isDone) continue;
      this.progress.delete(id);
      this.sum.keep(progress);
      progress.node.remove();
    }
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
    this.sum.show();
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

/** What became of everything that was sent from this page. */
class Sum {
  constructor() {
    this.followed = new Set();
    this.kept = new Map(); // by result, of lines that are gone
  }

  add(progress) {
    this.followed.add(progress);
  }

  keep(progress) {
    this.followed.delete(progress);
    const result = resultOf(progress);
    this.kept.set(result, (this.kept.get(result) ?? 0) + 1);
  }

  show() {
    const counts = new Map(this.kept);
    for (const progress of this.followed) {
      const result = resultOf(progress);
      counts.set(result, (counts.get(result) ?? 0) + 1);
    }
    const all = [...counts.values()].reduce((sum, number) => sum + number, 0);
    const failed = counts.get(FAILED) ?? 0;
    const classified = all - failed - (counts.get(NONE) ?? 0);
    const results = [...counts].filter(([result]) => result !== NONE && result !== FAILED).sort(([, one], [, other]) => other - one);
    const listed = results.map(([result, number]) => (LABELS.has(result) ? plural(number, result) : `${count(number)} ${reasonName(result)}`));
    const parts = [`${count(classified)} of ${count(all)} classified${listed.length ? `: ${listed.join(", ")}` : ""}`, ...(failed ? [`${count(failed)} not uploaded`] : [])];
    setText(byId("sum"), all ? `${parts.join("; ")}.` : "");
  }
}

const NONE = "none yet";
const FAILED = "not uploaded";
const LABELS = new Set(["cat", "dog"]);
const resultOf = ({ hasFailed, picture }) => (hasFailed ? FAILED : (picture.label ?? picture.reason ?? NONE));

class Progress {
  constructor(file, last) {
    this.last = last; // the moment after which nothing more comes
    this.image = element("div", { class: "frame" });
    this.steps = element("ol", { class: "steps", "aria-label": "Progress" });
    for (const [, word] of STEPS) {
      this.steps.append(element("li", {}, word, element("span", { class: "took" }, "")));
    }
    this.end = element("span", { class: "end" });
    this.node = element("li", {}, this.image, element("span", { class: "name" }, alien(file.name)), this.steps, this.end);
    this.picture = {};
    this.hasFailed = false;
    this.#show({});
  }

  get isDone() {
    return this.hasFailed || this.picture[this.last] != null;
  }

  update(picture) {
    this.picture = picture;
    if (this.shown !== picture.uploaded) {
      const frame = framed(picture, { lazy: false });
      this.image.replaceWith(frame);
      this.image = frame;
      this.shown = picture.uploaded;
    }
    this.#show(picture);
  }

  fail(why) {
    this.hasFailed = true;
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
