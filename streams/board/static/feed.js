// The stream of frames. It pauses while the page is hidden and then continues at its last revision.

const RECONNECT_MS = 3000;
const SILENT_MS = 12000; // frames come every 5 s at least: the server is frozen, or out of reach

/** Calls onFrame(frame, isFirst) for each frame and onState("connecting" | "live" | "lost") at each change. */
export function follow(onFrame, onState) {
  let source = null;
  let after = "";
  let timer = 0;
  let silence = 0;
  let isFirst = true;

  function isAlive() {
    clearTimeout(silence);
    silence = setTimeout(() => {
      onState("lost");
      source?.close();
      open();
    }, SILENT_MS);
  }

  function open() {
    clearTimeout(timer);
    isAlive();
    source = new EventSource(`/api/events?after=${encodeURIComponent(after)}`);
    source.onmessage = (event) => {
      // Each server process counts its own revisions, and first sends its whole state.
      isFirst ||= event.lastEventId.split(".")[0] !== after.split(".")[0];
      after = event.lastEventId;
      isAlive();
      onState("live");
      onFrame(JSON.parse(event.data), isFirst);
      isFirst = false;
    };
    source.onerror = () => {
      onState("lost");
      // A browser reconnects by itself, unless it was refused.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, RECONNECT_MS);
    };
  }

  function pause() {
    clearTimeout(timer);
    clearTimeout(silence);
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) pause();
    else if (!source) open();
  });
  addEventListener("pagehide", pause);
  addEventListener("pageshow", (event) => event.persisted && !source && open());
  onState("connecting");
  open();
}
