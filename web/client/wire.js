// One WebSocket of the signaling protocol: requests and their responses, notifications, signs of life.

import { OmnitalkError } from './error.js';

const REQUEST_TIMEOUT_MS = 5000;
const CONNECT_TIMEOUT_MS = 10000;
// The server asks for a sign of life every 20 s and gives up after 60 s; so do we.
const SILENCE_LIMIT_MS = 65000;
const SILENCE_CHECK_MS = 5000;

export class Wire {
  session = '';
  #socket;
  #tell;
  #watch = 0;
  #ended = false;
  #pending = new Map(); // key of section 3.2 → requests in the order sent; the server answers in this order

  /** Connects. @param {{notified: Function, trickled: Function, closed: Function}} tell */
  static open(url, tell) {
    return new Promise((resolve, reject) => {
      const wire = new Wire();
      wire.#tell = tell;
      let socket;
      try {
        socket = new WebSocket(url);
      } catch (error) {
        reject(new OmnitalkError('connect', error.message, error));
        return;
      }
      wire.#socket = socket;
      const giveUp = () => {
        socket.onclose = null;
        socket.close();
        reject(new OmnitalkError('connect'));
      };
      const timer = setTimeout(giveUp, CONNECT_TIMEOUT_MS);
      socket.onclose = giveUp;
      socket.onopen = () => {
        clearTimeout(timer);
        wire.#opened();
        resolve(wire);
      };
    });
  }

  #opened() {
    let lastHeard = Date.now();
    this.#watch = setInterval(() => {
      if (Date.now() - lastHeard > SILENCE_LIMIT_MS) this.end({ code: 4001, reason: 'silence' });
    }, SILENCE_CHECK_MS);
    this.#socket.onmessage = ({ data }) => {
      lastHeard = Date.now();
      if (!this.#ended) this.#receive(data);
    };
    this.#socket.onclose = ({ code, reason }) => this.end({ code, reason });
  }

  /** Ends the socket, fails what is pending, and tells `closed` once. */
  end(how) {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#watch);
    this.#socket.close();
    const waiting = [...this.#pending.values()].flat();
    this.#pending.clear();
    for (const request of waiting) request.fail(new OmnitalkError('closed'));
    this.#tell.closed(how);
  }

  send(message) {
    if (this.#ended || this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Sends `WS_<name>_REQ`; the fields of its response. `echo` names the field that tells responses apart (3.2). */
  request(name, fields = {}, echo) {
    return new Promise((resolve, reject) => {
      const key = `WS_${name}_RSP ${echo ? fields[echo] : ''}`;
      const message = { cmd: `WS_${name}_REQ`, session: this.session || undefined, ...fields };
      if (!this.send(message)) {
        reject(new OmnitalkError('closed'));
        return;
      }
      // An expired request keeps its place in the queue, so that its late answer is not taken for the next one's.
      const timer = setTimeout(() => reject(new OmnitalkError('timeout')), REQUEST_TIMEOUT_MS);
      const request = {
        settle: ({ cmd, result, reason, code, ...rest }) => {
          clearTimeout(timer);
          if (result === 'success') resolve(rest);
          else reject(new OmnitalkError(code ?? 'refused', reason));
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const queue = this.#pending.get(key);
      if (queue) queue.push(request);
      else this.#pending.set(key, [request]);
    });
  }

  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof message?.cmd !== 'string') return;
    if (message.event) this.#tell.notified(message);
    else if (message.cmd === 'WS_HEARTBEAT_REQ') {
      this.send({ cmd: 'WS_HEARTBEAT_RSP', timestamp: message.timestamp, session: message.session });
    } else if (message.cmd === 'WS_TRICKLE') this.#tell.trickled(message);
    else {
      const echo = message.transaction ?? message.subscribe ?? '';
      this.#pending.get(`${message.cmd} ${echo}`)?.shift()?.settle(message);
    }
  }
}
