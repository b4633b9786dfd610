// What the server cannot do: times in the viewer's zone, a sign that the stream is lost, keys, and sound.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const OLD_AFTER_MS = 10000;

  // --- times: always the plant's, never the browser's clock; only the zone is the viewer's ---
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const long = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: zone });
  const short = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: zone });
  let plantAt = Date.parse(document.querySelector("#alive-at time")?.dateTime ?? "");
  let heardAt = performance.now();
  const plantNow = () => plantAt + (performance.now() - heardAt);

  function left(ms) {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
    return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  }
  function write(time) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) return;
    const form = time.dataset.form;
    const counts = form === "left" || form === "ago";
    const text = counts ? left(form === "left" ? at - plantNow() : plantNow() - at) : (form === "time" ? short : long).format(at);
    if (time.textContent !== text) time.textContent = text;
    const title = form === "ago" ? `${long.format(at)}, ${zone}` : zone;
    if (form !== "left" && time.title !== title) time.title = title;
  }
  const writeAll = (root) => root.querySelectorAll?.("time[datetime]").forEach(write);
  new MutationObserver((changes) => {
    for (const change of changes) {
      const near = change.target.nodeType === 1 ? change.target : change.target.parentElement;
      const time = near?.closest("time[datetime]");
      if (time) write(time);
      for (const node of change.addedNodes) { if (node.matches?.("time[datetime]")) write(node); writeAll(node); }
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true, attributeFilter: ["datetime"] });
  writeAll(document);
  setInterval(() => document.querySelectorAll('time[data-form="left"], time[data-form="ago"]').forEach(write), 1000);
  if (byId("zone")) byId("zone").textContent = zone;

  // Fields for a time hold UTC, as the server reads them; the viewer sees and writes their own zone's.
  const two = (number) => String(number).padStart(2, "0");
  const local = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  for (const field of document.querySelectorAll("input[type=datetime-local][data-utc]")) {
    const sent = document.createElement("input");
    sent.type = "hidden"; sent.name = field.name; field.removeAttribute("name"); field.after(sent);
    const given = Date.parse(field.value && !field.value.endsWith("Z") ? `${field.value}Z` : field.value);
    if (!Number.isNaN(given)) field.value = local(new Date(given));
    field.closest("label").querySelector(".zone-of").textContent = zone;
    field.form.addEventListener("submit", () => { sent.value = field.value ? new Date(field.value).toISOString().slice(0, 16) : ""; sent.disabled = !sent.value; });
  }
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // --- is what the page shows still true? ---
  const stream = byId("stream");
  const alive = byId("alive");
  const lost = byId("lost");
  let over = "";
  function sayOld(text) {
    document.body.classList.add("is-old");
    alive?.classList.remove("is-live");
    if (alive) byId("alive-text").textContent = "Old, as of";
    if (lost && lost.textContent !== text) { lost.textContent = text; lost.hidden = false; }
  }
  function sayLive(at) {
    plantAt = Date.parse(at); heardAt = performance.now();
    document.body.classList.remove("is-old");
    alive.classList.add("is-live");
    byId("alive-text").textContent = "Live,";
    const time = document.querySelector("#alive-at time");
    time.dateTime = at; write(time);
    lost.hidden = true; lost.textContent = "";
  }
  if (stream) {
    let beatAt = performance.now();
    const on = (name, act) => stream.addEventListener(name, (event) => { beatAt = performance.now(); act(event.detail?.data ?? ""); });
    let shownAt = byId("alive-at").querySelector("time").dateTime;
    on("beat", (at) => { if (at) shownAt = at; sayLive(at || shownAt); });
    on("trouble", (why) => sayOld(`The plant does not answer: ${why}. What you see is old.`));
    on("gone", (why) => { over = "gone"; sayOld(`There is nothing more to show here: ${why}`); });
    on("signed-out", () => { over = "out"; sayOld("Your session has ended. What you see is old."); const link = document.createElement("a"); link.href = location.href; link.textContent = " Sign in again"; lost.append(link); });
    stream.addEventListener("htmx:sse:before:connection", (event) => { if (over) event.detail.connection.cancelled = true; });
    setInterval(() => {
      if (!over && performance.now() - beatAt > OLD_AFTER_MS) sayOld("The connection to AegisFlow is lost. What you see is old and may be wrong. It is tried again.");
    }, 1000);
  }

  // --- keys: in lists, arrows move; single letters work only while a list has the focus (WCAG 2.1.4) ---
  const rows = (list) => [...list.querySelectorAll(":scope > .row")];
  const handle = (row) => row?.querySelector("input, a");
  document.addEventListener("keydown", (event) => {
    const list = event.target.closest?.(".rows");
    if (!list || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = rows(list), index = all.indexOf(event.target.closest(".row"));
    const goal = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: all.length - 1 }[event.key];
    if (goal !== undefined && all[goal]) { handle(all[goal]).focus(); event.preventDefault(); }
    if (event.key === "Enter" && event.target.matches("input[type=checkbox]")) { event.target.closest(".row").querySelector("a").click(); event.preventDefault(); }
    if (event.key === "n" && document.querySelector("#many [name=note]")) { document.querySelector("#many [name=note]").focus(); event.preventDefault(); }
  });
  const many = byId("many");
  const countChosen = () => { if (many) byId("chosen").textContent = String(document.querySelectorAll("input[form=many]:checked").length || ""); };
  document.addEventListener("change", countChosen);
  stream?.addEventListener("htmx:sse:after:message", countChosen);

  // --- light or dark ---
  byId("theme")?.addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", document.documentElement.dataset.theme); } catch { /* it holds for this page */ }
    document.dispatchEvent(new Event("theme"));
  });

  // --- sound: after a click has allowed it, by priority, until everything is acknowledged ---
  const SOUNDS = { critical: [880, 660, 3, 2000], high: [740, 740, 2, 4000], medium: [520, 520, 1, 10000], low: [440, 440, 1, 30000] };
  const button = byId("sound");
  let audio = null, dueAt = 0;
  function tone(from, hertz, at) {
    const sound = audio.createOscillator(), volume = audio.createGain();
    sound.frequency.value = hertz; volume.gain.value = 0.2;
    sound.connect(volume).connect(audio.destination);
    sound.start(from + at); sound.stop(from + at + 0.18);
  }
  function sayAlarm() {
    const severity = byId("sounding-now")?.dataset.severity;
    if (!audio || !severity || performance.now() < dueAt) return;
    const [one, two, times, every] = SOUNDS[severity];
    for (let index = 0; index < times; index += 1) tone(audio.currentTime, index % 2 ? two : one, index * 0.25);
    dueAt = performance.now() + every;
    document.dispatchEvent(new CustomEvent("sounded", { detail: severity }));
  }
  button?.addEventListener("click", async () => {
    if (audio) { await audio.close(); audio = null; } else { audio = new AudioContext(); await audio.resume(); dueAt = 0; }
    button.setAttribute("aria-pressed", String(Boolean(audio)));
    button.textContent = audio ? "Sound on" : "Sound off";
    sayAlarm();
  });
  setInterval(sayAlarm, 500);
})();
