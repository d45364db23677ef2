"use strict";
// Everything a trace holds is put on the page as text nodes, never as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const PAGE = 100;
const WRITERS = { assistant: "model", tool: "tool", user: "user", system: "system" };
const state = { rows: [], current: null, request: 0 };

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}

// Where traces come from: the server, or the page itself.

function embeddedFile() {
  return data.embedded[byId("file").value];
}

function findEmbedded({ text, grade, stop, start }) {
  const { rows, broken } = embeddedFile();
  const wanted = text.toLowerCase().trim();
  const found = rows.filter((row) =>
    (!grade || row.grade === grade) && (!stop || row.stop_reason === stop) &&
    (!wanted || `${row.question}\n${row.answer}\n${row.id}`.toLowerCase().includes(wanted)));
  const stops = {};
  for (const row of rows) stops[row.stop_reason] = (stops[row.stop_reason] || 0) + 1;
  return { rows: found.slice(start, start + PAGE), matched: found.length, total: rows.length,
    stops, broken, complete: true };
}

async function fetchJson(path, parameters) {
  const query = new URLSearchParams({ ...parameters, file: byId("file").value });
  const response = await fetch(`${path}?${query}`);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error || `the server answered ${response.status}`);
  return body;
}

async function find(start) {
  const filters = { text: byId("text").value, grade: byId("grade").value,
    stop: byId("stop").value, start };
  if (data.embedded) return findEmbedded(filters);
  return fetchJson("/api/traces", { ...filters, limit: PAGE });
}

async function read(number) {
  if (data.embedded) return embeddedFile().traces[number];
  return fetchJson(`/api/traces/${number}`, {});
}

// The list.

async function refresh(more = false) {
  const request = ++state.request;
  let found;
  try {
    found = await find(more ? state.rows.length : 0);
  } catch (error) {
    byId("count").textContent = `Cannot read the traces: ${error.message}`;
    return;
  }
  if (request !== state.request) return;
  state.rows = more ? [...state.rows, ...found.rows] : found.rows;
  const items = found.rows.map(listItem);
  if (more) byId("list").append(...items); else byId("list").replaceChildren(...items);
  byId("more").hidden = state.rows.length >= found.matched;
  byId("count").textContent = countText(found);
  fillStops(found.stops);
  markCurrent();
  if (!found.complete && !more) setTimeout(() => request === state.request && refresh(), 700);
}

function countText(found) {
  const filtered = found.matched === found.total ? "" : `${found.matched} of `;
  const reading = found.complete ? "" : ", still reading";
  const broken = found.broken.length ? `; not traces: line ${found.broken.join(", ")}` : "";
  return `${filtered}${found.total} traces${reading}${broken}`;
}

function fillStops(stops) {
  const select = byId("stop");
  const known = new Set([...select.options].map((option) => option.value));
  for (const [reason, count] of Object.entries(stops)) {
    if (!known.has(reason)) {
      select.append(make("option", { value: reason }, reason.replaceAll("_", " ")));
    }
    for (const option of select.options) {
      if (option.value === reason) option.textContent = `${reason.replaceAll("_", " ")} (${count})`;
    }
  }
}

function listItem(row) {
  const grade = row.f1 === null ? "not scored" : `F1 ${row.f1.toFixed(2)}`;
  const button = make("button", { type: "button", "data-number": row.number },
    make("span", { class: "question" }, row.question),
    make("span", { class: "facts" },
      make("span", { class: row.grade }, grade),
      ` · ${row.stop_reason.replaceAll("_", " ")} · ${plural(row.searches, "search", "searches")}`,
      row.kind ? ` · ${row.kind.replaceAll("_", " ")}` : null));
  button.addEventListener("click", () => open(row.number));
  return make("li", {}, button);
}

function plural(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}

function markCurrent() {
  for (const button of byId("list").querySelectorAll("button")) {
    button.setAttribute("aria-current", Number(button.dataset.number) === state.current);
  }
}

function step(by) {
  const at = state.rows.findIndex((row) => row.number === state.current);
  const row = state.rows[Math.max(0, at + by)];
  if (row) open(row.number);
  byId("list").querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
}

// One trace.

async function open(number) {
  state.current = number;
  markCurrent();
  history.replaceState(null, "", `#${encodeURIComponent(byId("file").value)}/${number}`);
  try {
    const trace = await read(number);
    if (state.current === number) show(trace);
  } catch (error) {
    byId("detail").replaceChildren(backLink(),
      make("p", { class: "error" }, `Cannot read the trace: ${error.message}`));
  }
  document.body.classList.add("reading");
  byId("detail").scrollTop = 0;
}

function backLink() {
  const link = make("a", { id: "back", href: "#" }, "← all traces");
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.body.classList.remove("reading");
  });
  return link;
}

function show(trace) {
  byId("detail").replaceChildren(
    backLink(),
    make("h1", {}, trace.question),
    facts(headFacts(trace)),
    trace.error ? make("p", { class: "error" }, trace.error) : "",
    ...transcript(trace.segments || []),
    ...section("Searches", (trace.searches || []).map(searchBox)),
    ...section("Model calls inside steps", (trace.children || []).map(childBox)),
    ...section("Sources", sourceList(trace.sources || [])),
    ...section("Record", [folded("Settings", () => facts(flat(trace.settings))),
      folded("Question's own data", () => facts(flat(trace.metadata)))]));
}

function headFacts(trace) {
  const usage = trace.usage || {};
  const outcome = Object.entries(trace.outcome || {});
  return {
    Gold: (trace.golds || []).join("; "),
    Answer: trace.answer || "none",
    Outcome: outcome.map(([name, value]) => `${name} ${Number(value).toFixed(2)}`).join(", "),
    Ended: trace.stop_reason.replaceAll("_", " "),
    Model: [trace.model, trace.summarizer && `summarizer ${trace.summarizer}`,
      trace.dialect, `${trace.exactness} exact`].filter(Boolean).join(", "),
    Cost: `${plural(usage.turns, "turn", "turns")}, ${plural(usage.searches, "search", "searches")}, ` +
      `${usage.completion_tokens} tokens written, ${usage.prompt_tokens} read` +
      `${usage.child_completion_tokens ? `, ${usage.child_completion_tokens} in steps` : ""}` +
      `${usage.estimated ? " (estimated)" : ""}, ${Number(trace.seconds).toFixed(1)} s`,
    Id: trace.id,
  };
}

function facts(values) {
  const pairs = Object.entries(values).filter(([, value]) => value !== "" && value !== null);
  return make("dl", { class: "facts-list" },
    pairs.map(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))]));
}

function flat(value, prefix = "") {
  const result = {};
  for (const [key, inner] of Object.entries(value || {})) {
    if (inner && typeof inner === "object" && !Array.isArray(inner)) {
      Object.assign(result, flat(inner, `${prefix}${key}.`));
    } else if (inner !== null) {
      result[prefix + key] = Array.isArray(inner) ? JSON.stringify(inner) : inner;
    }
  }
  return result;
}

function transcript(segments) {
  const nodes = [];
  const prompts = segments.filter((segment) => segment.kind === "prompt");
  if (prompts.length) nodes.push(folded("Prompt", () => make("div", {}, prompts.map(segmentBox))));
  let turn = null;
  for (const segment of segments) {
    if (segment.kind === "prompt") continue;
    if (segment.turn !== turn) {
      turn = segment.turn;
      nodes.push(make("h3", {}, `Turn ${turn}`));
    }
    nodes.push(segmentBox(segment));
  }
  return nodes;
}

function segmentBox(segment) {
  const writer = WRITERS[segment.speaker] || segment.speaker;
  const notes = [segment.kind, writer];
  if (segment.trainable) notes.push("trainable");
  if (segment.token_ids) notes.push(plural(segment.token_ids.length, "token", "tokens"));
  return make("div", { class: `segment kind-${segment.kind} by-${writer}` },
    make("span", { class: "tag" }, notes.join(" · ")),
    make("div", { class: "said" }, segment.text.replace(/^\n+|\n+$/g, "")));
}

function section(title, content) {
  const nodes = [content].flat().filter((node) => node && node.childNodes.length);
  return nodes.length ? [make("h2", {}, title), ...nodes] : [];
}

function folded(title, build) {
  const box = make("details", {}, make("summary", {}, title));
  box.addEventListener("toggle", () => {
    if (box.open && box.childNodes.length === 1) box.append(build());
  });
  return box;
}

function searchBox(search) {
  const documents = search.documents || [];
  const result = search.error ? "failed" : plural(documents.length, "document", "documents");
  const title = `${search.query} (turn ${search.turn}, ${result}${search.cached ? ", cached" : ""})`;
  return folded(title, () => make("div", {},
    search.error ? make("p", { class: "error" }, search.error) : null,
    documents.map((found) => make("div", { class: "segment kind-result by-tool" },
      make("span", { class: "tag" }, [found.id && `[${found.id}]`, found.date].filter(Boolean).join(" ")),
      link(found.url, found.title || found.url),
      make("div", { class: "said" }, found.text || found.snippet)))));
}

function childBox(child) {
  const title = `${child.step}, turn ${child.turn}: ${child.model || "model"}, ` +
    `${child.completion_tokens} tokens${child.error ? ", failed" : ""}`;
  return folded(title, () => make("div", {},
    child.error ? make("p", { class: "error" }, child.error) : null,
    (child.segments || []).map(segmentBox)));
}

function sourceList(sources) {
  if (!sources.length) return [];
  return [make("ol", { class: "sources" }, sources.map((source) => make("li", {},
    link(source.url, source.title || source.url), source.cited ? " (cited)" : null)))];
}

function link(url, text) {
  let address = null;
  try { address = new URL(url); } catch { /* no address: stays text */ }
  if (!address || !["http:", "https:"].includes(address.protocol)) {
    return document.createTextNode(text || "");
  }
  return make("a", { href: address.href, rel: "noreferrer noopener", target: "_blank" }, text);
}

// Start.

function start() {
  const select = byId("file");
  select.append(...data.files.map((name) => make("option", { value: name }, name)));
  select.hidden = data.files.length < 2;
  const [file, number] = decodeURIComponent(location.hash.slice(1)).split("/");
  if (data.files.includes(file)) select.value = file;
  let typing = 0;
  byId("text").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => refresh(), 150);
  });
  for (const id of ["grade", "stop"]) byId(id).addEventListener("change", () => refresh());
  select.addEventListener("change", () => {
    byId("stop").replaceChildren(byId("stop").options[0]);
    refresh();
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", () => refresh(true));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    if (event.key === "j") step(1);
    if (event.key === "k") step(-1);
  });
  refresh();
  if (number) open(Number(number));
}

start();
