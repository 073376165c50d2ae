// The page: what it knows is drawn, what the user does leads to actions, and what changes by itself is looked after.

import { seen } from './chat.js';
import { refreshDevices } from './devices.js';
import { invitation } from './guest.js';
import './inputs/inputs.js';
import './inputs/wave.js';
import { refreshLobby } from './lists.js';
import * as player from './player.js';
import { refreshNowAndThen, soundFailed } from './recordings.js';
import { signInAgain } from './session.js';
import { changes, focuses, levels, state, update } from './state.js';
import { $ } from './views/dom.js';
import { renderDuration, renderLevel } from './views/live.js';
import { renderPlayer } from './views/player.js';
import { focus, render, renderLanguage } from './views/view.js';

const LOBBY_EVERY_MS = 4000;
const CLOCKS_EVERY_MS = 500;

player.playOn($('recording-sound'));
player.moves.follow(renderPlayer);
player.troubles.follow(soundFailed);
changes.follow(player.follow); // first: what is drawn tells what is played
changes.follow(render);
levels.follow(renderLevel);
focuses.follow(focus);

navigator.mediaDevices?.addEventListener?.('devicechange', refreshDevices);
addEventListener('online', () => {
  if (state.screen === 'lost' && !state.busy) signInAgain();
});
document.addEventListener('visibilitychange', () => {
  refreshLobby();
  seen();
  update();
});
setInterval(refreshLobby, LOBBY_EVERY_MS);
setInterval(() => {
  if (state.live) renderDuration(state.live);
  refreshNowAndThen();
}, CLOCKS_EVERY_MS);

const welcomeGuest = () => document.body.toggleAttribute('data-guest', Boolean(invitation()));
addEventListener('hashchange', welcomeGuest);

welcomeGuest();
renderLanguage();
update();
