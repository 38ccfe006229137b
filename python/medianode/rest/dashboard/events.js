// The room's server-sent events over fetch, since EventSource cannot carry a bearer token.

import { call, Refused } from './problems.js';

/**
 * Calls `heard(name, data)` for each event until `signal` aborts, and `state(connected)` when the stream comes and goes.
 * Throws `Refused` when the node says no for good.
 */
export async function listen(room, token, signal, heard, state) {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const response = await call(`/api/v1/rooms/${encodeURIComponent(room)}/events`, {
        headers: { Authorization: `Bearer ${token}`, Accept: 'text/event-stream' }, cache: 'no-store', signal,
      });
      state(true);
      attempt = 0;
      for await (const [name, data] of events(response.body)) heard(name, data);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && !error.passing) throw error;
    }
    if (signal.aborted) return;
    state(false);
    await new Promise((done) => setTimeout(done, Math.min(500 * 2 ** attempt, 10000)));
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      let name = 'message';
      const data = [];
      for (const text of block.split('\n')) {
        if (text.startsWith('event:')) name = text.slice(6).trim();
        else if (text.startsWith('data:')) data.push(text.slice(5).trimStart());
      }
      if (data.length) yield [name, JSON.parse(data.join('\n'))];
    }
  }
}
