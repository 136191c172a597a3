// Speaks the HTTP+SSE transport by the official SDK (its folder is the first argument) to the server at the second one.
const [sdk, url] = process.argv.slice(2);
const { Client } = await import(`${sdk}/dist/esm/client/index.js`);
const { SSEClientTransport } = await import(`${sdk}/dist/esm/client/sse.js`);

const client = new Client({ name: "old", version: "1" });
await client.connect(new SSEClientTransport(new URL("/sse", url)));
const { tools } = await client.listTools();
let progress = 0;
const call = { name: "data_query", arguments: { sql: "select 6 * 7" } };
const result = await client.callTool(call, undefined, { onprogress: () => (progress += 1) });
console.log(JSON.stringify({
  server: client.getServerVersion().name,
  tools: tools.map((tool) => tool.name),
  rows: result.structuredContent.rows,
  progress,
}));
await client.close();
