// Plays one file of a recording. Which one follows from what the page shows.

import { loadable } from './archive.js';
import { signal } from './signal.js';

const FORMATS = { opus: 'audio/ogg; codecs=opus', wav: 'audio/wav', flac: 'audio/flac' };

let sound = null; // the element that plays
let playing = null; // {id, file, offset, duration, position, source, loading}

/** It plays, pauses, or is at another position. */
export const moves = signal();
/** The file could not be loaded or played, with the error. */
export const troubles = signal();

/** Position and duration in seconds, and whether it plays; nothing where there is nothing to play. */
export const now = () => playing && { position: playing.position, duration: playing.duration, isPlaying: !sound.paused };

/** One file a content, in a format that this browser plays. */
export function playable(one) {
  const found = new Map();
  for (const file of one.files.filter(({ format }) => sound.canPlayType(FORMATS[format]))) {
    const key = `${file.content} ${file.participant ?? ''}`;
    if (!found.has(key)) found.set(key, file);
  }
  return [...found.values()];
}

/** The one of these files that is chosen, or the first. */
export const chosenOf = (files, { file }) => files.find(({ name }) => name === file) ?? files[0];

/** What is to be played is what the page shows: where it shows no recording, it is silent. */
export function follow({ screen, archive }) {
  const one = screen === 'recordings' ? archive.one : null;
  const file = one && chosenOf(playable(one), archive);
  if (file) choose(one.recording_id, file);
  else stop();
}

function choose(id, file) {
  if (playing?.id === id && playing.file.name === file.name) return;
  // Another file of the same recording goes on at the same moment: all are of one length.
  const position = playing?.id === id ? playing.position : 0;
  stop();
  // A file that several recordings share begins before this one, and ends after it.
  playing = { id, file, offset: file.offset ?? 0, duration: file.duration, position, source: null, loading: false };
}

const unplayable = (error) => Object.assign(new Error(error?.message), { code: 'unplayable' });

function stop() {
  if (!playing) return;
  sound.pause();
  sound.removeAttribute('src');
  playing.source?.release();
  playing = null;
}

export async function toggle() {
  const one = playing;
  if (!one || one.loading) return;
  if (!sound.paused) {
    sound.pause();
    return;
  }
  try {
    if (!one.source) await load(one);
    if (playing !== one) return;
    if (one.position >= one.duration - 0.05) seek(0);
    await sound.play().catch((error) => {
      if (error.name !== 'AbortError') throw unplayable(error); // aborted: by a pause meanwhile
    });
  } catch (error) {
    if (playing === one) troubles.tell(error);
  }
  moves.tell();
}

/** Nothing is loaded before it is wanted: a recording may be large, and its token may be asked for. */
async function load(one) {
  one.loading = true;
  try {
    const source = await loadable(one.id, one.file.name);
    if (playing !== one) {
      source.release();
      return;
    }
    one.source = source;
    sound.src = source.address;
    sound.currentTime = one.offset + one.position;
  } finally {
    one.loading = false;
  }
}

/** To a position in seconds. */
export function seek(to) {
  if (!playing) return;
  playing.position = Math.min(Math.max(to, 0), playing.duration);
  if (playing.source) sound.currentTime = playing.offset + playing.position;
  moves.tell();
}

/** This element plays, from now on. */
export function playOn(element) {
  sound = element;
  sound.addEventListener('timeupdate', () => {
    if (!playing?.source || sound.seeking) return;
    const { offset, duration } = playing;
    playing.position = Math.min(Math.max(sound.currentTime - offset, 0), duration);
    if (sound.currentTime >= offset + duration) sound.pause();
    moves.tell();
  });
  sound.addEventListener('ended', () => {
    if (playing) playing.position = playing.duration;
    moves.tell();
  });
  for (const name of ['play', 'pause']) sound.addEventListener(name, () => moves.tell());
  sound.addEventListener('error', () => {
    if (playing?.source && sound.hasAttribute('src')) troubles.tell(unplayable(sound.error));
  });
}
