// Makes the calls it reads from standard input, in order, and writes what came of each.
//
// In:  {"url": ..., "key": ..., "calls": [{"index": name or null, "namespace": ..., "method": ..., "args": [...]}]}
// Out: [{"value": ...} or {"error": class, "message": ...}]
import { text } from 'node:stream/consumers';
import { Pinecone } from '@pinecone-database/pinecone';

const { url, key, calls } = JSON.parse(await text(process.stdin));
const client = new Pinecone({ apiKey: key, controllerHostUrl: url, maxRetries: 0 });
const outcomes = [];
for (const { index, namespace, method, args } of calls) {
  const target = index ? client.index({ name: index, namespace }) : client;
  try {
    outcomes.push({ value: (await target[method](...args)) ?? null });
  } catch (failure) {
    outcomes.push({ error: failure.name, message: failure.message });
  }
}
process.stdout.write(JSON.stringify(outcomes));
