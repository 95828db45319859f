
// ---- What stood in a form when its session ended ----

// It waits in this tab, until whoever typed it has signed in again. Only forms that hold no secret
// ask for it, by data-keep.
const UNSENT = "mcpass-unsent";
// A new page has its own of these.
const OF_THE_PAGE = ["csrf", "key", "version", "step"];

const viewer = () => one(".viewer-name")?.textContent;

function unsent(change) {
  try {
    if (change) sessionStorage.setItem(UNSENT, JSON.stringify(change));
    return JSON.parse(sessionStorage.getItem(UNSENT));
  } catch {
    return null; // A browser that keeps nothing.
  }
}

function keep(form) {
  if (form.dataset.keep === undefined) return;
  const pairs = [...new FormData(form)].filter(([name]) => !OF_THE_PAGE.includes(name));
  unsent({ path: new URL(form.action).pathname, viewer: viewer(), pairs });
}

document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) keep(event.target);
});

async function bringBack() {
  const kept = unsent();
  if (!kept) return;
  if (location.pathname.startsWith("/sign-in")) {
    const told = one("#unsent p:last-child");
    if (!told) return;
    told.textContent = "Sign in: what you had filled in is kept in this tab, and you come back to it.";
    return unsent({ ...kept, isUnsent: true });
  }
  sessionStorage.removeItem(UNSENT);
  const form = one("form[data-keep]");
  if (!kept.isUnsent || !form || kept.viewer !== viewer()) return;
  if (new URL(form.action).pathname !== kept.path) return;
  const data = new URLSearchParams(kept.pairs);
  for (const [name, text] of new FormData(form)) if (OF_THE_PAGE.includes(name)) data.set(name, text);
  data.set("step", "preview");
  const answer = await fetch(form.action, { method: "POST", body: data }).catch(() => null);
  if (!answer?.ok) return;
  instead(form, answer, new DOMParser().parseFromString(await answer.text(), "text/html"));
  const note = document.createElement("p");
  note.className = "note is-good";
  note.id = "brought-back";
  note.textContent = "Your session had ended. What you had filled in is here again; nothing of it was done.";
  one("#main").prepend(note);
  say(note.textContent);
}

bringBack();
