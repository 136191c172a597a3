// A user of the official TypeScript client: calls one tool and stays with it over a network that breaks, until it is answered.
//
// Started by `tests/it/clients.rs` with the endpoint's address, the protocol's version, and the call as JSON. Says one line of
// JSON when it hears of the call's progress for the first time, and one at its end.
"use strict";
const { Client, StreamableHTTPClientTransport } = require("@modelcontextprotocol/client");
const { AjvJsonSchemaValidator } = require("@modelcontextprotocol/client/validators/ajv");

const MOST_CALLS = 100;
const [url, era, json] = process.argv.slice(2);
const call = JSON.parse(json);
const errors = [];
const progress = [];
let lost;

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

async function connect() {
  const mode = era === "2026-07-28" ? "auto" : "legacy";
  const client = new Client({ name: "typescript", version: "1" }, { versionNegotiation: { mode } });
  client.onerror = (error) => {
    errors.push(error.message);
    // In 2026-07-28 nothing else tells of an answer that was lost: without this the call would wait for its timeout.
    if (era === "2026-07-28" && error.message.startsWith("SSE stream disconnected")) lost?.abort("the answer was lost");
  };
  // By default it gives up after two failures in a row.
  const reconnectionOptions = {
    initialReconnectionDelay: 1000, maxReconnectionDelay: 5000, reconnectionDelayGrowFactor: 1.5, maxRetries: 50,
  };
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { reconnectionOptions }));
  return client;
}

// What the tool's schema says of the result, and of one that has nothing in it.
function check({ outputSchema }, result) {
  const fits = new AjvJsonSchemaValidator().getValidator(outputSchema);
  return { fits: fits(result.structuredContent).valid, nothing_fits: fits({}).valid };
}

// The call once; the client checks its result against the tool's schema, which it knows from the list.
async function once(client) {
  const notes = [];
  progress.push(notes);
  lost = new AbortController();
  const onprogress = ({ progress: done, total }) => {
    if (progress.flat().length === 0) say({ began: true });
    notes.push([done, total]);
  };
  const options = { onprogress, signal: lost.signal, timeout: 600_000 };
  return await client.callTool(call, options);
}

async function main() {
  const client = await connect();
  const { tools } = await client.listTools();
  const tool = tools.find(({ name }) => name === call.name);
  for (let calls = 1; calls <= MOST_CALLS; calls++) {
    let result;
    try {
      result = await once(client);
    } catch (error) {
      errors.push(`call: ${error.message}`);
      continue;
    }
    const version = client.getNegotiatedProtocolVersion();
    say({ version, result: result.structuredContent, ...check(tool, result), reissued: calls - 1, progress, errors });
    return;
  }
  throw new Error(`no answer to ${MOST_CALLS} calls: ${errors.slice(-3)}`);
}

main().then(() => process.exit(0));
