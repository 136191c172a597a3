// Stands before several servers and gives each request to the next one in turn, whichever connection it came on; bodies pass
// as they come. Says on its first line where it listens; its arguments are the servers' addresses.
"use strict";
const http = require("http");

const servers = process.argv.slice(2).map((address) => new URL(address));
let turn = 0;

function pass(request, answer) {
  const { hostname, port } = servers[turn++ % servers.length];
  const { method, url: path, rawHeaders: headers } = request;
  const passed = http.request({ hostname, port, method, path, headers, agent: false, setHost: false });
  passed.on("response", (reply) => {
    answer.writeHead(reply.statusCode, reply.rawHeaders);
    answer.flushHeaders();
    reply.on("error", () => answer.destroy());
    reply.pipe(answer);
  });
  passed.on("error", () => answer.destroy());
  // A client that has gone is gone for the server, too.
  answer.on("close", () => passed.destroy());
  request.pipe(passed);
}

const proxy = http.createServer(pass);
proxy.listen(0, "127.0.0.1", () => process.stdout.write(`http://127.0.0.1:${proxy.address().port}\n`));
