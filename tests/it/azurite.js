// Loaded before Azurite: ends it with whoever started it, and lets its time be moved on. A line on standard input is a
// number of milliseconds to leap, and is answered by a line on standard output.
"use strict";
const Machine = Date;
let ahead = 0;
const now = () => Machine.now() + ahead;
global.Date = new Proxy(Machine, {
  construct: (machine, args) => (args.length === 0 ? new machine(now()) : new machine(...args)),
  get: (machine, name) => (name === "now" ? now : machine[name]),
});
Machine.prototype.constructor = global.Date;

const lines = require("readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  ahead += Number(line);
  process.stdout.write("leapt\n");
});
lines.on("close", () => process.exit(0));
