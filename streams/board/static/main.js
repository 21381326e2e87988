// The page: its views, the stream of frames, and the keys.

import { greyOld, showBanners, showHeadline, showTiles } from "./condition.js";
import { byId, framed, setText } from "./dom.js";
import { follow } from "./feed.js";
import { History } from "./history.js";
import { Live } from "./live.js";
import { Records, Rejections } from "./pages.js";
import { DetailsDialog } from "./details.js";
import { Uploads } from "./uploads.js";
import { REASONS } from "./format.js";

const VIEWS = ["live", "records", "rejections"];
const STATES = { connecting: "connecting", live: "live", lost: "connection lost" };

async function begin() {
  const about = await ask();
  framed.enabled = about.pictures;
  const live = new Live();
  const history = new History();
  const uploads = new Uploads(about);
  const pages = { records: new Records(), rejections: new Rejections(Object.keys(REASONS)) };
  let view = "live";
  let under = "#/"; // the view below the dialog
  let isShown = false;
  let opener = null;
  let latest = {};
  let cameAt = 0;
  let isLost = false;

  const links = () => [...byId(view).querySelectorAll("a.card, a.open")];
  const idOf = (link) => link.hash.split("/").pop();
  const details = new DetailsDialog({
    onClosed(id) {
      if (location.hash.startsWith("#/picture/")) location.replace(under); // a step back does not open it again
      (links().find((link) => idOf(link) === id) ?? opener)?.focus();
    },
    listed: () => links().map(idOf),
    onWalk: (id) => location.replace(`#/picture/${id}`), // one step back leads to the list
  });

  function route() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    const [name, id] = path.split("/");
    if (name === "picture" && id) {
      if (!details.isOpen) opener = document.activeElement;
      details.show(decodeURIComponent(id));
      return;
    }
    const isBack = under === (location.hash || "#/") && isShown; // back from the dialog: rows and focus stay
    under = location.hash || "#/";
    isShown = true;
    details.close();
    if (isBack) return;
    view = VIEWS.includes(name) ? name : "live";
    for (const each of VIEWS) byId(each).hidden = each !== view;
    for (const link of document.querySelectorAll("nav [data-view]")) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    pages[view]?.show(new URLSearchParams(query));
  }

  function showState() {
    showHeadline(latest, isLost);
    showBanners(latest, isLost);
    if (latest.now) greyOld(latest, latest.now + Date.now() - cameAt);
  }

  function take(frame, isFirst) {
    latest = frame;
    cameAt = Date.now();
    showTiles(frame);
    showState();
    if (view === "live") history.heard();
    live.take(frame.pictures ?? [], frame.missed ?? 0, isFirst);
    uploads.take(frame.pictures ?? [], frame.missed ?? 0);
    if (details.isOpen && (frame.pictures ?? []).some(({ id }) => id === details.id)) details.refresh();
  }

  addEventListener("hashchange", route);
  addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, select, textarea");
    if (event.key !== "/" || isTyping || details.isOpen || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (view === "live") location.hash = "#/records";
    requestAnimationFrame(() => setTimeout(() => byId(view).querySelector('input[name="name"]')?.focus()));
  });
  route();
  follow(take, (state) => {
    byId("link").dataset.state = state;
    setText(byId("link-text"), STATES[state]);
    isLost = state === "lost";
    showState();
  });
  setInterval(showState, 2000);
}

async function ask() {
  for (;;) {
    try {
      const answer = await fetch("/api/about");
      if (answer.ok) return await answer.json();
    } catch {
      // the server is starting
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}

begin();
