// Makes the console's pages quicker to use. Every page works without it: what is sent and shown
// is the same, only a part of a page is taken from the answer instead of the whole.

const one = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

// Says something to who cannot see what changed.
function say(text) {
  const place = one("#said");
  if (place) place.textContent = text;
}

// ---- Times: exactly, in the viewer's own zone ----

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const zones = new Intl.DateTimeFormat("en", { timeZoneName: "short" });
const two = (number) => String(number).padStart(2, "0");

// A time of the clock in the form in which the page told it, so that nothing moves.
function clock(at, kind) {
  const now = new Date();
  const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const minute = `${two(at.getHours())}:${two(at.getMinutes())}`;
  const second = `${minute}:${two(at.getSeconds())}`;
  const zone = () => zones.formatToParts(at).find((part) => part.type === "timeZoneName").value;
  if (kind === "hour") return minute;
  if (kind === "exact") return `${at.getFullYear()}-${day} ${second} ${zone()}`;
  if (at.toDateString() === now.toDateString()) return second;
  if (at.getFullYear() === now.getFullYear()) return `${day} ${minute}`;
  return `${at.getFullYear()}-${day}`;
}

function localTimes(from) {
  for (const time of all("time[datetime], [data-at]", from)) {
    const at = new Date(time.dateTime ?? time.dataset.at);
    if (Number.isNaN(at.getTime())) continue;
    if (time.dateTime) time.title = exact.format(at);
    if (time.dataset.clock) time.textContent = clock(at, time.dataset.clock);
  }
}

// A field for a date and time names no zone. The page and the server say UTC, people their own.
const local = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;

function localFields(from) {
  for (const field of all("input[data-utc]", from)) {
    if (field.value) field.value = local(new Date(`${field.value}Z`));
  }
}

// ---- Copying ----

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) return;
  const text = "value" in source ? source.value : source.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without permission, or over plain http: the selection is there for Ctrl C.
    select(source);
    document.execCommand("copy");
  }
  const word = button.textContent;
  button.textContent = "Copied";
  say("Copied");
  setTimeout(() => { button.textContent = word; }, 1500);
}

function select(element) {
  if ("select" in element) return element.select();
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

// ---- Parts of a page, taken from the page that the form leads to ----

const running = new Map();

// Fetches what a form asks for and puts the named parts in place. A newer question to the same
// form makes an older one void.
async function refresh(form, submitter, ids) {
  running.get(form)?.abort();
  const abort = new AbortController();
  running.set(form, abort);
  const data = new FormData(form, submitter ?? undefined);
  const sent = new URLSearchParams(data);
  const isGet = form.method.toLowerCase() === "get";
  const url = new URL(form.action);
  if (isGet) url.search = sent.toString();
  const places = ids.map((id) => document.getElementById(id)).filter(Boolean);
  for (const place of places) place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, isGet
      ? { signal: abort.signal }
      : { method: "POST", body: sent, signal: abort.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!places.every((place) => page.getElementById(place.id))) {
      if (answer.redirected) keep(form);
      return instead(form, answer, page);
    }
    const before = one("#told")?.textContent;
    const focused = document.activeElement;
    const again = sameAs(focused);
    for (const place of places) replace(place, page.getElementById(place.id));
    // What has changed by it, in a line.
    const told = one("#told")?.textContent;
    if (told !== before) say(told);
    const { theme } = page.documentElement.dataset;
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    if (!focused.isConnected) refocus(again, places);
  } catch (error) {
    if (error.name !== "AbortError") say("mcpass does not answer. Try again.");
  } finally {
    for (const place of places) place.removeAttribute("aria-busy");
    if (running.get(form) === abort) running.delete(form);
  }
}

// The answer is another page: who asked has been signed out, or it says what is the matter.
function instead(form, answer, page) {
  if (answer.redirected) return location.assign(answer.url);
  const main = one(".frame #main", page);
  if (!main) return form.submit();
  document.title = page.title;
  one("#main").replaceWith(document.adoptNode(main));
  prepare(main);
  main.focus();
}

// How a part of the page is found again in what takes its place.
function sameAs(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.matches("summary")) return `#${CSS.escape(element.parentElement.id)} > summary`;
  if (!element.name) return null;
  return `[name="${CSS.escape(element.name)}"][value="${CSS.escape(element.value)}"]`;
}

// Keeps whoever uses the keyboard where they were. A menu has closed, and a chip may be gone.
function refocus(again, places) {
  const fresh = places.map((place) => document.getElementById(place.id));
  const find = (selector) => fresh.map((part) => one(selector, part)).find(Boolean);
  const same = again && find(again);
  const closed = same?.closest("details:not([open])");
  const place = closed ? one("summary", closed) : same ?? find("[data-refocus]");
  place?.focus({ preventScroll: true });
}

function replace(old, fresh) {
  if (!old) return;
  const open = new Map(all("details[data-server]", old).map((d) => [d.dataset.server, d.open]));
  const wanted = one("[data-find]", old)?.value;
  old.replaceWith(document.adoptNode(fresh));
  for (const details of all("details[data-server]", fresh)) {
    if (open.has(details.dataset.server)) details.open = open.get(details.dataset.server);
  }
  const find = one("[data-find]", fresh);
  if (find && wanted) { find.value = wanted; narrow(find); }
  prepare(fresh);
}

// ---- The matrix: rows that hold the text ----

function narrow(input) {
  const text = input.value.trim().toLowerCase();
  const box = document.getElementById(input.dataset.find);
  let found = 0;
  for (const group of all("details", box)) {
    const server = group.dataset.server ?? "";
    const own = server.toLowerCase().includes(text);
    let shown = 0;
    for (const row of all("tr[data-name]", group)) {
      // As permissions have it, as agents see it, and what it says of itself.
      const { name } = row.dataset;
      const words = `${server}.${name} ${server}__${name} ${one("th", row).textContent}`;
      row.hidden = !own && !words.toLowerCase().includes(text);
      shown += row.hidden ? 0 : 1;
    }
    group.hidden = text !== "" && !own && shown === 0;
    found += group.hidden ? 0 : 1;
    if (text !== "" && shown > 0) group.open = true;
  }
  one("[data-none]", box).hidden = found > 0;
}

// ---- Tabs ----

function tabs(box) {
  const links = all("[data-tab]", box);
  const panels = all("[data-panel]", box);
  one("[data-tablist]", box).setAttribute("role", "tablist");
  const show = (at, focus) => {
    links.forEach((link, index) => {
      link.setAttribute("aria-selected", String(index === at));
      link.tabIndex = index === at ? 0 : -1;
      panels[index].hidden = index !== at;
    });
    if (focus) links[at].focus();
    try { localStorage.setItem("mcpass-client", links[at].textContent); } catch { /* private */ }
  };
  links.forEach((link, index) => {
    link.setAttribute("role", "tab");
    link.setAttribute("aria-controls", panels[index].id);
    link.parentElement.setAttribute("role", "presentation");
    panels[index].setAttribute("role", "tabpanel");
    panels[index].setAttribute("aria-label", link.textContent);
    link.addEventListener("click", (event) => { event.preventDefault(); show(index, false); });
    link.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { event.preventDefault(); show((index + step + links.length) % links.length, true); }
    });
  });
  let last = null;
  try { last = localStorage.getItem("mcpass-client"); } catch { /* private */ }
  show(Math.max(0, links.findIndex((link) => link.textContent === last)), false);
  box.classList.add("is-ready");
}

// ---- Asking before something is done ----

function confirmed(form) {
  const dialog = document.createElement("dialog");
  const box = document.createElement("div");
  const text = document.createElement("p");
  text.textContent = form.dataset.confirm;
  const row = document.createElement("p");
  row.className = "row";
  const [yes, no] = [document.createElement("button"), document.createElement("button")];
  yes.textContent = one("button", form).textContent.trim();
  yes.className = "is-bad";
  no.textContent = "Cancel";
  no.className = "is-plain";
  row.append(yes, no);
  box.append(text, row);
  dialog.append(box);
  dialog.setAttribute("aria-label", yes.textContent);
  document.body.append(dialog);
  return new Promise((resolve) => {
    yes.addEventListener("click", () => dialog.close("yes"));
    no.addEventListener("click", () => dialog.close(""));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
    no.focus();
  });
}

// ---- Forms ----

// Who was in a menu is at what opens it.
function shut(menu) {
  if (!menu) return;
  menu.open = false;
  one("summary", menu).focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const submitter = event.submitter;
  if (form.dataset.confirm && !form.dataset.sure) {
    event.preventDefault();
    shut(form.closest("details.menu"));
    confirmed(form).then((sure) => {
      if (!sure) return submitter?.focus();
      form.dataset.sure = "yes";
      form.requestSubmit(submitter);
    });
    return;
  }
  // A token that was pasted into a filter is looked for by its first characters.
  for (const input of all("input[data-token]", form)) {
    if (/^mcp_[0-9A-Za-z]{60}$/.test(input.value.trim())) input.value = input.value.trim().slice(0, 12);
  }
  const ids = form.dataset.swap ?? (submitter?.hasAttribute("data-refresh") ? form.dataset.fresh : null);
  if (ids) {
    event.preventDefault();
    if (form.dataset.once !== undefined && running.has(form)) return;
    shut(one("details.menu[open]", form));
    refresh(form, submitter, ids.split(" "));
    return;
  }
  if (form.dataset.once !== undefined) {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
  }
});

// Back from the page that it led to, a form can be sent again.
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of all("form[data-sent]")) delete form.dataset.sent;
});

document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.matches("form[data-auto] select")) {
    if (field !== stepping) return choose(field, field);
    stepped = field;
    return;
  }
  if (field.matches("input[data-refresh]")) {
    const form = field.form;
    const preview = document.createElement("button");
    preview.name = "step";
    preview.value = "preview";
    preview.hidden = true;
    form.append(preview);
    const choose = one("button[name=choose]", form);
    refresh(form, choose ?? preview, form.dataset.fresh.split(" "));
    preview.remove();
  }
  if (field.name === "expires_on" && field.value) one("input[name=expires][value=date]")?.click();
});

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-find]")) narrow(event.target);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  for (const menu of all("details.menu[open]")) {
    // What is downloaded leaves the page as it is, but for the menu.
    if (!menu.contains(event.target) || event.target.closest("a[download]")) menu.open = false;
  }
});

document.addEventListener("focusin", (event) => {
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  if (event.target.matches("[data-select]")) event.target.select();
  if (event.target.dataset.list) offer(event.target);
});
