// Which microphone, loudspeaker and camera: the choice, its memory, and what to do when a remembered one is gone.

import { watchMicrophone } from './level.js';
import { state, update } from './state.js';
import { explain } from './words/faults.js';

const STORED = 'omnigate.devices';

/** The method of the client that takes one of a kind. */
const SETTERS = { audioinput: 'setAudioInput', audiooutput: 'setAudioOutput', videoinput: 'setVideoDevice' };

export const canChooseLoudspeaker = 'setSinkId' in HTMLMediaElement.prototype;

let chosen = stored();

function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORED)) ?? {};
  } catch {
    return {}; // storage may be forbidden, or hold nonsense
  }
}

function choose(kind, deviceId) {
  chosen = { ...chosen, [kind]: deviceId };
  try {
    localStorage.setItem(STORED, JSON.stringify(chosen));
  } catch {
    // only the memory of the choice is lost
  }
}

/** A new client takes the devices chosen earlier. */
export async function applyDevices(client) {
  if (chosen.audioinput) await client.setAudioInput(chosen.audioinput);
  if (chosen.videoinput) await client.setVideoDevice(chosen.videoinput);
  if (chosen.audiooutput && canChooseLoudspeaker) await client.setAudioOutput(chosen.audiooutput).catch(() => {});
}

/** Runs `open`; where the chosen device is no longer there, once more with any. */
async function withAny(kind, missing, open) {
  try {
    return await open();
  } catch (error) {
    if (error.code !== missing || !chosen[kind]) throw error;
    choose(kind, '');
    await state.omnitalk[SETTERS[kind]](undefined);
    return open();
  }
}

export const openMicrophone = () => withAny('audioinput', 'microphone-missing', () => state.omnitalk.openMicrophone());

export const publishCamera = () => withAny('videoinput', 'camera-missing', () => state.omnitalk.publish());

// -- the dialog -------------------------------------------------------------------------------------------------------

export async function openDevices() {
  if (state.devices || state.incoming || !state.omnitalk) return;
  state.devices = { list: null, problem: null };
  update();
  await refreshDevices();
  const { devices, omnitalk } = state;
  if (!devices || devices.list.audioinput.some((one) => one.label)) return;
  // Browsers tell the names of devices only once a microphone was allowed.
  try {
    await omnitalk.openMicrophone();
    await refreshDevices();
  } catch (error) {
    devices.problem = explain(error);
  }
  if (!state.live && !state.busy) omnitalk.closeMicrophone();
  update();
}

export function closeDevices() {
  state.devices = null;
  update();
}

export async function refreshDevices() {
  const { devices, omnitalk } = state;
  if (!devices || !omnitalk) return;
  devices.list = await omnitalk.getDeviceList();
  update();
}

/** Another device, from now on and at once. */
export async function chooseDevice(kind, deviceId) {
  const { devices, omnitalk } = state;
  const set = SETTERS[kind];
  const before = chosen[kind];
  devices.problem = null;
  try {
    await omnitalk[set](deviceId);
    choose(kind, deviceId);
    if (kind === 'audioinput' && state.live) watchMicrophone();
  } catch (error) {
    devices.problem = explain(error);
    await omnitalk[set](before || undefined).catch(() => {}); // what worked until now
  }
  update();
}

/** The device that is open, where one is, or else the one chosen. */
export function inUse(kind) {
  const stream = { audioinput: state.omnitalk?.localStream, videoinput: state.omnitalk?.cameraStream }[kind];
  return stream?.getTracks()[0]?.getSettings().deviceId ?? chosen[kind];
}
