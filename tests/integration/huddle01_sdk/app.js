// An application's back end with the server SDK, unmodified: only `fetch` is wrapped, so that it reaches our node.
// Reads one JSON line a question ({id, node, key, what, with}), writes one JSON line an answer or a webhook.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { API } from "@huddle01/server-sdk/api";
import { AccessToken } from "@huddle01/server-sdk/auth";
import { Recorder } from "@huddle01/server-sdk/recorder";
import { WebhookReceiver } from "@huddle01/server-sdk/webhooks";

const THEIRS = ["https://infra-api.huddle01.workers.dev/", "https://apira.huddle01.media/"];
const [secret] = process.argv.slice(2);
const realFetch = globalThis.fetch;
let node;

globalThis.fetch = (url, options) => {
  const base = THEIRS.find((theirs) => String(url).startsWith(theirs));
  if (!base) throw new Error(`the SDK wants ${url}`);
  return realFetch(`${node}/huddle01/${String(url).slice(base.length)}`, options);
};

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const answers = {
  api: (key, [method, ...given]) => new API({ apiKey: key })[method](...given),
  recorder: (key, [method, ...given]) => new Recorder("project", key)[method](...given),
  token: (key, [given]) => new AccessToken({ apiKey: key, ...given }).toJwt(),
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const asked = JSON.parse(line);
  node = asked.node;
  try {
    say({ id: asked.id, answer: (await answers[asked.what](asked.key, asked.with)) ?? null });
  } catch (error) {
    say({ id: asked.id, error: error.message });
  }
});

const receiver = new WebhookReceiver({ apiKey: secret });
createServer(async (request, response) => {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += piece;
  try {
    say({ webhook: await receiver.receive(body, request.headers["huddle01-signature"]) });
    response.writeHead(200).end();
  } catch (error) {
    say({ refused: error.message, body });
    response.writeHead(400).end();
  }
}).listen(0, "127.0.0.1", function () {
  say({ port: this.address().port });
});
