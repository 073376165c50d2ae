// How an action of the user runs: one at a time, and its failure is shown in words.

import { explain } from './words/faults.js';
import { complain, state, update } from './state.js';

/** Runs one action; its result, or nothing when it has failed or another one runs. */
export async function act(name, action) {
  if (state.busy) return undefined;
  state.busy = name;
  state.notice = null;
  update();
  let result;
  try {
    result = await action();
  } catch (error) {
    if (error.code === undefined) console.error(error);
    if (state.screen !== 'lost') complain(explain(error)); // the lost view says what matters then
  }
  state.busy = null;
  update();
  return result;
}

/** Runs a change of what we send, one at a time; its failure is shown in words, unless the room has ended meanwhile. */
export async function switching(change) {
  const { live } = state;
  if (!live || live.switching) return;
  live.switching = true;
  update();
  try {
    await change(live);
  } catch (error) {
    if (error.code === undefined) console.error(error);
    if (state.live === live && error.code !== 'closed') complain(explain(error));
  }
  live.switching = false;
  update();
}

/** Leaves room or call; the server closes the socket, and session.js goes on from there. */
export function leaveWith(notice, kind = 'info') {
  if (state.ending) return;
  state.ending = { kind, text: notice };
  state.busy = 'leave';
  update();
  state.omnitalk.leave().catch(() => {}); // `close` follows in any case
}
