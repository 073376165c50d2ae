// The level of the microphone while we are inside. It follows the microphone, which may have become another one.

import { watchLevel } from './sound.js';
import { levels, state } from './state.js';

let stop = () => {};

export function watchMicrophone() {
  stop();
  stop = watchLevel(state.omnitalk.localStream, levels.tell);
}

export function stopWatching() {
  stop();
  stop = () => {};
}
