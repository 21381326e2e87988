// The condition of the pipeline: headline, tiles, banners.

import { byId, element, setText } from "./dom.js";
import { count, duration, plural, rate, reasonName, since } from "./format.js";

const BARS = 60;
const ABSENT = {
  bridge: "No bridge has read the queue",
  classifier: "No classifier has been in its consumer group",
};

export function showTiles(frame, about) {
  const { condition, throughput } = frame;
  setText(byId("rate"), rate(throughput.rate ?? 0));
  spark(throughput.history);
  setText(byId("p50"), throughput.p50 == null ? "–" : duration(throughput.p50));
  setText(byId("p95"), throughput.p95 == null ? "–" : duration(throughput.p95));
  setText(byId("work"), throughput.work == null ? "–" : duration(throughput.work));

  const account = condition.account ?? seen(frame.seen);
  setText(byId("out-of"), condition.account ? "in the tables" : "seen here");
  setText(byId("objects"), count(account.objects));
  const mix = byId("mix").children;
  [account.cat, account.dog, account.rejected].forEach((number, index) => {
    mix[index].style.flexGrow = String(number);
  });
  setText(byId("n-cat"), count(account.cat));
  setText(byId("n-dog"), count(account.dog));
  setText(byId("n-none"), count(account.rejected));

  const { waiting_queue: queue, waiting_uploads: uploads, waiting_results: results } = condition;
  byId("w-queue-line").hidden = queue == null;
  setText(byId("w-queue"), count(queue ?? 0));
  setText(byId("w-uploads"), uploads == null ? "unknown" : count(uploads));
  setText(byId("w-results"), results == null ? "unknown" : count(results));
  setText(byId("waiting"), uploads == null && results == null ? "–" : count((queue ?? 0) + (uploads ?? 0) + (results ?? 0) + parkedOf(condition)));
  showParked(condition);
  showHeadline(frame, about);
}

const parkedOf = ({ parked = {}, parked_more: more = 0 }) => Object.values(parked).reduce((sum, each) => sum + each, more);

function showParked(condition) {
  const all = parkedOf(condition);
  byId("w-parked-line").hidden = all === 0;
  setText(byId("w-parked"), count(all));
  const lines = Object.entries(condition.parked ?? {}).map(([reason, number]) => [reasonName(reason), number]);
  lines.sort(([, one], [, other]) => other - one);
  if (condition.parked_more) lines.push(["reason unknown", condition.parked_more]);
  const place = byId("parked");
  lines.forEach(([name, number], index) => {
    const line = place.children[index] ?? place.appendChild(element("div", {}, element("dt"), element("dd")));
    setText(line.firstChild, name);
    setText(line.lastChild, count(number));
  });
  while (place.childElementCount > lines.length) place.lastElementChild.remove();
}

function seen(results) {
  const { cat = 0, dog = 0 } = results;
  const objects = Object.values(results).reduce((sum, each) => sum + each, 0);
  return { objects, cat, dog, rejected: objects - cat - dog };
}

function spark(history) {
  const svg = byId("spark");
  const most = Math.max(...history, 1);
  while (svg.childElementCount < BARS) svg.append(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
  const step = 240 / BARS;
  history.forEach((number, index) => {
    const height = number ? Math.max(2, (number / most) * 44) : 0.6;
    const bar = svg.children[index];
    bar.setAttribute("x", String(index * step));
    bar.setAttribute("width", String(step - 1));
    bar.setAttribute("y", String(44 - height));
    bar.setAttribute("height", String(height));
  });
  const total = history.reduce((sum, each) => sum + each, 0);
  svg.setAttribute("aria-label", `${plural(total, "result")} in the last minute, at most ${count(most)} in a second`);
}

function showHeadline({ condition, now }, about) {
  const { waiting_queue: queue = 0, waiting_uploads: uploads = 0, waiting_results: results = 0, oldest } = condition;
  const parked = parkedOf(condition);
  const since_ = oldest == null ? "" : `, the oldest since ${since(oldest)} (${duration(now - oldest)})`;
  const away = (condition.away ?? []).map(({ part }) => part);
  let kind = "ok";
  let title = "All is well";
  let note = "Nothing is waiting. Pictures are classified and stored as they arrive.";
  if (condition.kafka === "unknown") {
    [kind, title, note] = ["", "Loading …", "Connecting to Kafka."];
  } else if (condition.kafka === "away") {
    [kind, title, note] = ["bad", "Kafka does not answer", "The page shows the last known state. It reconnects by itself."];
  } else if (away.some((part) => part in ABSENT)) {
    const all = queue + uploads + parked;
    kind = "bad";
    title = `No ${away.join(" and no ")} running`;
    note = `${plural(all, "upload")} ${all === 1 ? "waits" : "wait"}${since_}. Nothing is lost: processing resumes when they run.`;
  } else if (condition.storing === "stopped") {
    [kind, title, note] = ["warn", "Classifying, not storing", "Pictures are classified. Their rows follow later."];
  } else if (condition.storing === "silent") {
    [kind, title, note] = ["warn", "No sink reports", "Results are waiting. Is a sink running?"];
  } else if (about.database && condition.database === "away") {
    [kind, title, note] = ["warn", "The database does not answer", "Classification continues. Records cannot be shown."];
  } else if (oldest != null) {
    [kind, title] = ["warn", "Uploads are waiting"];
    note = `${plural(uploads, "upload")} ${uploads === 1 ? "waits" : "wait"}${since_}. A classifier runs but consumes none: see its /health.`;
  } else if (condition.queue_stands && queue > 0) {
    [kind, title] = ["warn", "Uploads are waiting"];
    note = "1 notification is in the queue and nothing receives it: the store's test event, or an upload. Is a bridge running?";
  } else if (queue + uploads + results > 0) {
    [title, note] = ["Processing", `${plural(queue + uploads + results, "message")} in progress.`];
  } else if (condition.waiting_uploads == null) {
    [kind, title, note] = ["", "The lag is unknown", "The board has no permission to read it, or the topics are missing: petstream topics permissions board."];
  } else if (parked > 0) {
    title = `${plural(parked, "upload")} ${parked === 1 ? "waits" : "wait"} for another attempt`;
    note = "All others are classified and stored as they arrive.";
  }
  byId("mark").dataset.kind = kind;
  setText(byId("live-title"), title);
  setText(byId("live-note"), note);
  document.title = kind === "ok" || kind === "" ? "petstream" : `▲ ${title} · petstream`;
}

const resultsWait = (number) => (number == null ? "results are waiting" : `${plural(number, "result")} ${number === 1 ? "is" : "are"} waiting`);

export function showBanners({ condition }, isLost) {
  const banners = [];
  if (isLost) banners.push(["bad", "This page has lost its server. It reconnects by itself."]);
  if (condition?.kafka === "away") banners.push(["bad", "Kafka does not answer: new results are not shown. Nothing is lost."]);
  for (const { part, since: at, before } of condition?.kafka === "away" ? [] : condition?.away ?? []) {
    if (part in ABSENT) banners.push(["bad", `${ABSENT[part]} since ${before ? "before " : ""}${since(at)}.`]);
  }
  if (condition?.storing === "stopped") {
    banners.push(["warn", `Results are not being stored since ${since(condition.since)}. Nothing is lost: ${resultsWait(condition.waiting_results)}.`]);
  }
  if (condition?.storing === "silent") {
    const when = condition.since == null ? "" : ` since ${since(condition.since)}`;
    banners.push(["warn", `No sink has reported${when}. Nothing is lost: ${resultsWait(condition.waiting_results)}.`]);
  }
  const place = byId("banners");
  banners.forEach(([kind, text], index) => {
    const banner = place.children[index] ?? place.appendChild(element("p", { class: "banner" }));
    banner.dataset.kind = kind;
    setText(banner, text);
  });
  while (place.childElementCount > banners.length) place.lastElementChild.remove();
}
