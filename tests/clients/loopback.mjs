// Preloaded into third-party servers (`node --import ./loopback.mjs ...`) that would listen on
// every address: binds them to the loopback address alone, and says on stdout which port the
// system chose, so that tests can ask for port 0 and never collide.
import net from "node:net";

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  const isPort = typeof first === "number" || (typeof first === "string" && /^\d+$/.test(first));
  if (!isPort) return listen.call(this, first, ...rest);
  this.once("listening", () => {
    process.stdout.write(`listening on http://127.0.0.1:${this.address().port}\n`);
  });
  const callback = rest.find((each) => typeof each === "function");
  return listen.call(this, { port: Number(first), host: "127.0.0.1" }, callback);
};
