// The recordings of the service: the list, one of them, and what can be done with it.

import { act } from './actions.js';
import { deleteRecording, getRecording, hasToken, listRecordings, loadable, setToken } from './archive.js';
import { complain, focusOn, inform, show, state, update } from './state.js';
import { explain } from './words/faults.js';

const PAGE = 20;
const LONGEST_PAGE = 500; // of the API
const WHILE_IT_CHANGES_MS = 2000;
const OTHERWISE_MS = 10000;

let lastRefresh = 0;

const newArchive = () => ({
  list: null, // null: not known yet
  hasMore: false,
  problem: null,
  needsToken: false,
  isTokenWrong: false,
  open: null, // id of the one that is looked at
  one: null, // the same with waveform and timeline, once it is there
  file: null, // name of the file to play
  deleting: null,
});

export function openRecordings() {
  state.archive = newArchive();
  state.notice = null;
  show('recordings');
  return refresh();
}

export function closeRecordings() {
  show('lobby');
  focusOn('#recordings-open');
}

/** Runs a request; its failure is part of what the view shows. */
async function asking(archive, request) {
  try {
    await request();
    if (state.archive !== archive) return;
    archive.problem = null;
    archive.needsToken = false;
  } catch (error) {
    if (state.archive !== archive) return;
    if (error.code === undefined) console.error(error);
    if (error.code === 'token') askForToken(archive);
    else archive.problem = explain(error);
  }
  if (state.screen === 'recordings') update();
}

function askForToken(archive) {
  archive.isTokenWrong = hasToken();
  archive.needsToken = true;
  archive.problem = null;
  setToken('');
  update();
  focusOn('#api-token');
}

async function refresh() {
  const { archive } = state;
  lastRefresh = Date.now();
  await asking(archive, async () => {
    // All that is shown, in one request.
    const limit = Math.min(Math.max(archive.list?.length ?? 0, PAGE), LONGEST_PAGE);
    const fresh = await listRecordings(state.serviceId, limit);
    const isFull = fresh.length === limit;
    // Ids sort by time: what is older than the answer stays as it was.
    const older = isFull ? (archive.list ?? []).filter((one) => one.recording_id < fresh.at(-1).recording_id) : [];
    archive.hasMore = isFull && (archive.list === null || archive.hasMore);
    archive.list = [...fresh, ...older];
    const open = archive.list.find((one) => one.recording_id === archive.open);
    if (archive.one && (archive.one.state !== 'finished' || !open)) await refreshOne(archive);
  });
}

async function refreshOne(archive) {
  const id = archive.open;
  try {
    const one = await getRecording(id);
    if (archive.open === id) archive.one = one;
  } catch (error) {
    if (error.code !== 'gone' || archive.open !== id) throw error;
    close(archive);
    complain(['recordingGone']);
  }
}

/** Now and then, sooner while something records or is finished; a window that nobody sees waits. */
export function refreshNowAndThen() {
  const { archive } = state;
  if (state.screen !== 'recordings' || state.busy || document.hidden || archive.needsToken) return;
  const changes = archive.problem || archive.list?.some(({ state: it }) => it !== 'finished' && it !== 'failed');
  if (Date.now() - lastRefresh >= (changes ? WHILE_IT_CHANGES_MS : OTHERWISE_MS)) refresh();
}

export function moreRecordings() {
  return act('more-recordings', async () => {
    const { archive } = state;
    await asking(archive, async () => {
      const page = await listRecordings(state.serviceId, PAGE, archive.list.at(-1)?.recording_id);
      archive.list = [...archive.list, ...page];
      archive.hasMore = page.length === PAGE;
    });
  });
}

export async function giveToken(token) {
  setToken(token);
  await refresh();
  if (!state.archive.needsToken) focusOn('#recordings-title');
}

// -- one of them ------------------------------------------------------------------------------------------------------

export async function openRecording(id) {
  const { archive } = state;
  archive.open = id;
  archive.one = null;
  archive.file = null;
  state.notice = null;
  update();
  await asking(archive, () => refreshOne(archive));
  if (archive.one && archive.open === id) focusOn('#recording-title');
}

function close(archive) {
  archive.open = null;
  archive.one = null;
  archive.deleting = null;
}

export function closeRecording() {
  const { archive } = state;
  const id = archive.open;
  close(archive);
  update();
  focusOn(`#recordings [data-recording='${id}']`);
}

export function chooseFile(name) {
  state.archive.file = name;
  update();
}

export function soundFailed(error) {
  const { archive } = state;
  if (error.code === 'token') askForToken(archive);
  else complain(explain(error));
  update();
}

/** A file for downloading, fetched with the token: a link alone could not send it. */
export function toDownload(name) {
  const { archive } = state;
  return act('download', async () => {
    try {
      return await loadable(archive.open, name);
    } catch (error) {
      if (error.code !== 'token') throw error;
      askForToken(archive);
      return null;
    }
  });
}

export function askToDelete() {
  state.archive.deleting = state.archive.open;
  update();
  focusOn('#delete-no');
}

export function deleteIt() {
  const { archive } = state;
  const id = archive.deleting;
  archive.deleting = null;
  return act('delete', async () => {
    try {
      await deleteRecording(id);
    } catch (error) {
      if (error.code === 'token') {
        askForToken(archive);
        return;
      }
      if (error.code !== 'gone') throw error; // gone: that is what was wanted
    }
    archive.list = archive.list.filter((one) => one.recording_id !== id);
    close(archive);
    inform(['recordingDeleted']);
    update();
    focusOn('#recordings-title');
  });
}
