// Says what went wrong in words that tell what to do.

/** Why this page cannot use a camera, or null. Browsers give devices to HTTPS and to localhost only. */
export function insecureReason() {
  if (window.isSecureContext && navigator.mediaDevices) return null;
  return 'Your browser gives camera and microphone only to pages over HTTPS. ' +
    'Open this page as https://…, or as http://localhost on the machine that runs the node. ' +
    'Until then you can watch and chat.';
}

/** A device error (getUserMedia, getDisplayMedia) in plain words. */
export function deviceProblem(error, what) {
  switch (error?.name) {
    case 'NotAllowedError': return `The browser was not allowed to use the ${what}. Allow it in the address bar and try again.`;
    case 'NotFoundError': case 'OverconstrainedError': return `No ${what} was found. Plug one in, or choose another under Devices.`;
    case 'NotReadableError': return `The ${what} is busy. Another program may be using it.`;
    default: return `The ${what} does not start: ${error?.message || error}`;
  }
}

/** What an HTTP answer of the node means for the person in front of the page. */
export class Refused extends Error {
  constructor(status, detail) {
    super(Refused.words(status, detail));
    this.status = status;
  }

  /** Trying the same again can help. */
  get passing() { return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500; }

  static words(status, detail) {
    const because = detail ? ` (${detail})` : '';
    switch (status) {
      case 0: return 'The node cannot be reached. Check the network.';
      case 401: return 'The token is not valid, or it has expired. Ask for a new one.';
      case 403: return `The token does not allow this${because}.`;
      case 404: return `The node does not know this${because}.`;
      case 409: return `Somebody is here under this name already${because}. Choose another name.`;
      case 429: return 'The node is full for now. Try again in a moment.';
      case 503: return 'The node takes no new sessions just now. Try again in a moment.';
      default: return `The node refused with status ${status}${because}.`;
    }
  }
}

/** fetch that throws `Refused` with the node's own problem detail. */
export async function call(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refused(0);
  }
  if (response.ok) return response;
  let detail = '';
  try { detail = (await response.json()).detail || ''; } catch { /* not a problem document */ }
  throw new Refused(response.status, detail);
}
