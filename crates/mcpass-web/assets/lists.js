// The second part of the console's script: lists, and the keys. It follows console.js in one file.

// ---- Filters above a list ----

// The address of a filtered list says what it is filtered by, and nothing else.
document.addEventListener("formdata", (event) => {
  if (!event.target.matches("[data-auto]")) return;
  for (const [name, text] of [...event.formData]) if (text === "") event.formData.delete(name);
  for (const field of all("input[data-utc]", event.target)) {
    if (field.value) event.formData.set(field.name, new Date(field.value).toISOString());
  }
});

// A choice by a pointer is made at once. Arrow keys go through the options one by one: what they
// came to is chosen with Enter, or by going on.
const AT = "mcpass-at";
let stepping = null;
let stepped = null;

// Filters, and comes back to a field on the page that follows.
function choose(select, next) {
  stepping = stepped = null;
  try { sessionStorage.setItem(AT, next?.id ?? ""); } catch { /* private */ }
  select.form.requestSubmit();
}

function comeBack() {
  let id = "";
  try {
    id = sessionStorage.getItem(AT);
    sessionStorage.removeItem(AT);
  } catch { /* private */ }
  const field = id && document.getElementById(id);
  if (field) field.focus({ preventScroll: true });
}

document.addEventListener("focusout", (event) => {
  // Not when the window alone loses the focus.
  if (event.target === stepped && document.activeElement !== stepped) choose(stepped, event.relatedTarget);
});

document.addEventListener("pointerdown", () => { stepping = null; });

// ---- Selection in a list ----

function selection(form) {
  const bar = one("[data-bulk]", form);
  if (!bar) return;
  const boxes = () => all("tbody input[name=id]", form);
  const whole = one("[data-all]", form);
  const everything = one("[data-everything]", bar);
  const action = one("[name=action]", bar);
  const update = () => {
    const ticked = boxes().filter((box) => box.checked).length;
    one("[data-count]", bar).textContent = everything.checked ? "All selected" : `${ticked} selected`;
    bar.hidden = ticked === 0 && !everything.checked;
    whole.checked = ticked > 0 && ticked === boxes().length;
    whole.indeterminate = ticked > 0 && ticked < boxes().length;
    for (const field of all("[data-for]", bar)) {
      field.hidden = !field.dataset.for.split(" ").includes(action.value);
    }
  };
  form.addEventListener("change", (event) => {
    if (event.target === whole) for (const box of boxes()) box.checked = whole.checked;
    update();
  });
  update();
}

// ---- Following the log ----

const KEEP = 500;

function follow(button) {
  const said = one("#live-said");
  let source = null;
  let came = 0;
  let live = button.dataset.live;
  const stop = (text) => {
    source?.close();
    source = null;
    button.textContent = "Follow live";
    button.setAttribute("aria-pressed", "false");
    said.textContent = text;
  };
  const start = () => {
    source = new EventSource(live);
    came = 0;
    button.textContent = "Stop following";
    button.setAttribute("aria-pressed", "true");
    said.hidden = false;
    said.textContent = "Following: new requests appear at the top.";
    source.addEventListener("rows", (event) => {
      const body = one("#log-rows");
      // The page has no table yet; the next one follows as well.
      if (!body) {
        history.replaceState(null, "", "#follow");
        return location.reload();
      }
      const rows = new DOMParser().parseFromString(`<table>${event.data}</table>`, "text/html");
      // What is there already was under way, or came while the page was made.
      const place = (row) => one(".go", row).pathname;
      const known = new Map(all("tr", body).map((row) => [place(row), row]));
      const fresh = [];
      for (const row of all("tr", rows)) {
        localTimes(row);
        if (known.has(place(row))) known.get(place(row)).replaceWith(row); else fresh.push(row);
      }
      live = live.replace(/after=-?\d+/, `after=${event.lastEventId}`);
      body.prepend(...fresh);
      for (const row of [...body.rows].slice(KEEP)) row.remove();
      const pager = one(".pager > span");
      if (pager) pager.textContent = `1\u2013${body.rows.length}`;
      came += fresh.length;
      if (came > 0) said.textContent = `Following: ${came} new.`;
    });
    source.addEventListener("trouble", (event) => stop(event.data));
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) stop("mcpass ended the stream.");
    });
  };
  button.addEventListener("click", () => (source ? stop("") : start()));
  if (location.hash === "#follow") start();
}

// ---- Keys ----

const PLACES = { t: "/tokens", s: "/servers", l: "/log", d: "/" };
let before = "";

function move(step) {
  const links = all(".rows .go");
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
}

document.addEventListener("keydown", (event) => {
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return one("#find")?.focus();
  }
  const typing = event.target.matches("input:not([type=checkbox]):not([type=radio]), select, textarea");
  if (event.key === "Escape") {
    const menu = event.target.closest("details.menu[open]") ?? one("details.menu[open]");
    if (menu) shut(menu); else if (typing) event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.target.dataset.enter) {
    event.preventDefault();
    return document.getElementById(event.target.dataset.enter)?.click();
  }
  // It narrows while one types; there is nothing to send.
  if (event.key === "Enter" && event.target.matches("[data-find]")) return event.preventDefault();
  if (event.target.matches("form[data-auto] select")) {
    // These open the list, in which a choice is one as with a pointer.
    stepping = ["Enter", " ", "F4"].includes(event.key) || event.altKey ? null : event.target;
    if (event.key === "Enter" && stepped) {
      event.preventDefault();
      return choose(stepped, stepped);
    }
  }
  if (typing || event.metaKey || event.ctrlKey || event.altKey || one("dialog[open]")) return;
  const last = before;
  before = event.key;
  if (last === "g" && PLACES[event.key]) return location.assign(PLACES[event.key]);
  const inList = event.target === document.body || event.target.matches(".go, main, .table-box");
  const keys = {
    "/": () => one("#find")?.focus(),
    "?": () => location.assign("/keys"),
    c: () => one("main .head .is-main[href]")?.click(),
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: inList ? () => move(1) : null,
    ArrowUp: inList ? () => move(-1) : null,
    b: () => one("[data-bulk] select:not([hidden])")?.focus(),
    x: () => one("input[type=checkbox]", event.target.closest("tr") ?? document.createElement("p"))?.click(),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});

// ---- What a page, or a part of one, needs at its beginning ----

// What may be chosen in a field, fetched when somebody comes to it.
async function offer(field) {
  const address = field.dataset.list;
  field.removeAttribute("data-list");
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) return;
  const list = one("datalist", new DOMParser().parseFromString(await answer.text(), "text/html"));
  if (!list) return;
  field.after(document.adoptNode(list));
  field.setAttribute("list", list.id);
}

function prepare(from) {
  localTimes(from);
  localFields(from);
  for (const box of all("[data-tabs]", from)) tabs(box);
  for (const button of all("[data-live]", from)) if (button.tagName === "BUTTON") follow(button);
  for (const form of all("form", from)) selection(form);
}

prepare(document);
comeBack();

// On a phone the way to this page may lie beyond the edge of the bar.
const toCurrent = () => one(".side a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
matchMedia("(max-width: 640px)").addEventListener("change", toCurrent);
toCurrent();
