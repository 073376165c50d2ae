// Cameras and screens: the own ones going out, and those of the others as they come and go.

import { switching } from './actions.js';
import { publishCamera } from './devices.js';
import { allPages } from './lists.js';
import { complain, inform, state, update } from './state.js';
import { explain } from './words/faults.js';

const OWN_CAMERA = 'own-camera';
const OWN_SCREEN = 'own-screen';
/** The video, the room, or the connection. */
const ENDED_MEANWHILE = ['video-unknown', 'video-ended', 'not-in-room', 'closed'];

// -- what others show -------------------------------------------------------------------------------------------------

/** We are inside: shows what is on the air already. A call has told its one camera by an event. */
export async function enterStage() {
  const { live, omnitalk } = state;
  if (!live?.hasVideo) return;
  showOwnCamera();
  if (live.kind !== 'room') return;
  try {
    const cameras = await allPages((page) => omnitalk.publishList(page));
    const screens = (await omnitalk.screenList()).list;
    for (const one of cameras) if (!live.tiles.has(one.session)) watch(one, false);
    for (const one of screens) if (!live.tiles.has(one.session)) watch(one, true);
  } catch (error) {
    if (error.code !== 'closed') console.warn('publishList', error);
  }
}

/** Subscribes to a camera or screen, and shows it. */
export async function watch({ session, user_id: userId, user_name: userName, audio_mute, video_mute }, screen) {
  const { live, omnitalk } = state;
  if (!live?.hasVideo) return;
  const name = live.kind === 'call' ? live.other : userName || userId;
  const tile = { session, name, screen, stream: null, audioMuted: Boolean(audio_mute), videoMuted: Boolean(video_mute) };
  live.tiles.set(session, tile);
  update();
  try {
    tile.stream = (await omnitalk.subscribe(session)).stream;
  } catch (error) {
    if (live.tiles.get(session) === tile) live.tiles.delete(session);
    if (state.live === live && !ENDED_MEANWHILE.includes(error.code)) complain(explain(error));
  }
  if (state.live === live) update();
}

export function removeTile(session) {
  if (state.live?.tiles.delete(session)) update();
}

/** Somebody else's microphone or camera was muted, or is back. */
export function othersMuted({ session, track }, muted) {
  const { live } = state;
  if (!live) return;
  const tile = live.tiles.get(session);
  if (tile) tile[track === 'video' ? 'videoMuted' : 'audioMuted'] = muted;
  const who = live.participants.find((one) => one.session === session);
  if (who) who[track === 'video' ? 'video_mute' : 'audio_mute'] = muted;
  update();
}

// -- what we show -----------------------------------------------------------------------------------------------------

function showOwn(session, screen) {
  state.live.tiles.set(session, { session, screen, own: true });
}

function showOwnCamera() {
  const { live, omnitalk } = state;
  if (live.camera !== 'none' || !omnitalk.cameraStream) return;
  live.camera = 'on';
  showOwn(OWN_CAMERA, false);
}

export const toggleCamera = () =>
  switching(async (live) => {
    const { omnitalk } = state;
    if (live.camera === 'none') {
      await publishCamera();
      if (state.live === live) showOwnCamera();
    } else if (live.camera === 'on') {
      await omnitalk.setMute('video');
      live.camera = 'off';
    } else {
      await omnitalk.setUnmute('video');
      live.camera = 'on';
    }
  });

/** A video call goes on without a camera; where the remembered one is gone, with any. */
export function cameraFailed(error) {
  if (error.code === 'closed' || !state.live) return;
  if (error.code === 'camera-missing') {
    toggleCamera();
    return;
  }
  complain(explain(error));
  update();
}

export const toggleScreen = () =>
  switching(async (live) => {
    const { omnitalk } = state;
    if (live.sharing) {
      screenEnded();
      await omnitalk.screenUnshare();
      return;
    }
    try {
      await omnitalk.screenShare();
    } catch (error) {
      if (error.code !== 'screen-refused') throw error;
      inform(['screenRefused']); // mostly: somebody has thought better of it
      return;
    }
    if (state.live !== live) return;
    live.sharing = true;
    showOwn(OWN_SCREEN, true);
  });

export function screenEnded() {
  if (!state.live) return;
  state.live.sharing = false;
  removeTile(OWN_SCREEN);
  update();
}
