// The stream of frames. It rests while nobody looks, and goes on where it ended: what came meanwhile is told then.

const AGAIN_MS = 3000;

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
      // Another process has other revisions: what it sends first is everything it knows.
      isFirst ||= event.lastEventId.split(".")[0] !== after.split(".")[0];
      after = event.lastEventId;
      onState("live");
      onFrame(JSON.parse(event.data), isFirst);
      isFirst = false;
    };
    source.onerror = () => {
      onState("lost");
      // A browser comes back by itself, except where it was refused.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    };
  }

  function rest() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) rest();
    else if (!source) open();
  });
  addEventListener("pagehide", rest);
  addEventListener("pageshow", (event) => event.persisted && !source && open());
  onState("connecting");
  open();
}
