// One button that asks /random of the server the page came from; each answer replaces the last.
"use strict";

const BACKOFF_FIRST_MS = 500;
const BACKOFF_LAST_MS = 30_000;

const element = (id) => document.getElementById(id);
const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/random`;
const count = new Intl.NumberFormat("en");

let socket = null;
let sent = 0;
let answered = 0;
let attempt = 0;
// When each unanswered message was sent, oldest first: answers come in the order of the messages.
let waiting = [];

function connect() {
  showState("warn", attempt === 0 ? "connecting" : `connecting (attempt ${attempt + 1})`);
  socket = new WebSocket(url);
  socket.addEventListener("open", () => {
    attempt = 0;
    element("ask").disabled = false;
    showState("ok", "open");
  });
  socket.addEventListener("message", (event) => showAnswer(event.data));
  socket.addEventListener("close", (event) => {
    element("ask").disabled = true;
    waiting = [];
    retry(event);
  });
}

// Waits twice as long after each attempt, and a random part less, so that not all pages come back at once.
function retry(event) {
  attempt += 1;
  const longest = Math.min(BACKOFF_FIRST_MS * 2 ** (attempt - 1), BACKOFF_LAST_MS);
  const at = performance.now() + longest * (0.5 + Math.random() / 2);
  const why = event.code === 1006 ? "no connection" : `closed (${event.code}${event.reason && ` ${event.reason}`})`;
  const tick = () => {
    const left = at - performance.now();
    if (left <= 0) {
      connect();
      return;
    }
    const seconds = Math.ceil(left / 1000);
    showState("warn", `${why}, reconnecting in ${seconds} s (attempt ${attempt + 1})`);
    setTimeout(tick, Math.min(left, 250));
  };
  tick();
}

function ask(event) {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) {
    return;
  }
  socket.send(element("text").value);
  waiting.push(performance.now());
  sent += 1;
  showCount();
}

function showAnswer(answer) {
  const since = waiting.shift();
  answered += 1;
  const output = element("answer");
  output.removeAttribute("data-empty");
  output.textContent = answer;
  if (since !== undefined) {
    element("rtt").textContent = `${threeDigits(performance.now() - since)} ms`;
  }
  showCount();
}

function showCount() {
  const relation = sent === answered ? "=" : ",";
  const gap = relation === "=" ? " " : "";
  element("count").textContent = `${count.format(sent)} sent${gap}${relation} ${count.format(answered)} answered`;
}

// Browsers give times in steps of 0.1 ms or coarser: more digits would be invented.
function threeDigits(ms) {
  return ms < 100 ? ms.toFixed(1) : ms.toFixed(0);
}

function showState(state, words) {
  const shown = element("state");
  // Only what changed is announced by a screen reader.
  if (shown.textContent !== words) {
    shown.dataset.state = state;
    shown.textContent = words;
  }
}

element("server").textContent = location.host;
element("url").textContent = url;
element("form").addEventListener("submit", ask);
connect();
