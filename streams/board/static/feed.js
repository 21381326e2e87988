// The stream of frames. It pauses while the page is hidden and then continues at its last revision.

const RECONNECT_MS = 3000;

/** Calls onFrame(frame, isFirst) for each frame and onState("connecting" | "live" | "lost") at each change. */
export function follow(onFrame, onState) {
  let source = null;
  let after = "";
  let timer = 0;
  let isFirst = true;

  function open() {
    clearTimeout(timer);
    source = new EventSource(`/api/events?after=${encodeURIComponent(after)}`);
    source.onmessage = (event) => {
      // Each server process counts its own revisions, and first sends its whole state.
      isFirst ||= event.lastEventId.split(".")[0] !== after.split(".")[0];
      after = event.lastEventId;
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
