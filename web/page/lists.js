// What the server lists: rooms, people, participants.

import { state, update } from './state.js';

const PAGES_AT_MOST = 10; // of ten entries

export async function allPages(ask) {
  const all = [];
  for (let page = 1; page <= PAGES_AT_MOST; page += 1) {
    const { list, count } = await ask(page);
    all.push(...list);
    if (list.length === 0 || all.length >= count) break;
  }
  return all;
}

/** Rooms and people, as the lobby shows them. */
export async function refreshLobby() {
  const { omnitalk } = state;
  if (state.screen !== 'lobby' || state.busy || document.hidden) return;
  if (state.guest) {
    state.rooms = [state.guest.room];
    update();
    return;
  }
  try {
    state.rooms = await allPages((page) => omnitalk.roomList('all', page));
    state.people = await allPages((page) => omnitalk.sessionList(page));
    state.roomsFailed = false;
  } catch (error) {
    if (error.code === 'closed') return;
    state.roomsFailed = true;
  }
  if (state.screen === 'lobby') update();
}

let refreshing = null;
let refreshAgain = false;

export async function refreshParticipants() {
  const { live, omnitalk } = state;
  if (live?.kind !== 'room' || !omnitalk.roomId || state.ending) return;
  if (refreshing) {
    refreshAgain = true;
    return;
  }
  refreshing = allPages((page) => omnitalk.partiList(page));
  try {
    live.participants = await refreshing;
  } catch (error) {
    if (error.code !== 'closed') console.warn('partiList', error);
  }
  refreshing = null;
  if (state.live === live) update();
  if (refreshAgain) {
    refreshAgain = false;
    refreshParticipants();
  }
}
