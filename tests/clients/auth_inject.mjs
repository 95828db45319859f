// Preloaded into programs that cannot be told a token (`node --import ./auth_inject.mjs ...`): adds
// `Authorization: Bearer $MCPASS_TOKEN` to every request to the one host $MCPASS_HOST
// (`address:port`) that has none yet. Listens to Node's own announcements of requests, so that
// fetch, undici and http.request are all covered and nothing is replaced.
import { subscribe } from "node:diagnostics_channel";

const { MCPASS_TOKEN: token, MCPASS_HOST: host } = process.env;
if (!token || !host) throw new Error("auth_inject.mjs needs MCPASS_TOKEN and MCPASS_HOST");
// Children of the program have no business with it.
delete process.env.MCPASS_TOKEN;
const bearer = `Bearer ${token}`;

// fetch and undici, whichever copy of it.
subscribe("undici:request:create", ({ request }) => {
  if (new URL(request.origin).host !== host) return;
  const has = [request.headers].flat().some((each) => /^authorization(?::|$)/im.test(each ?? ""));
  if (!has) request.addHeader("authorization", bearer);
});

// http.request, before anything of it is sent.
subscribe("http.client.request.created", ({ request }) => {
  if (request.getHeader("host") !== host || request.hasHeader("authorization")) return;
  request.setHeader("authorization", bearer);
});
