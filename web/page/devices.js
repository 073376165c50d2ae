// Which microphone, loudspeaker and camera: the dialog, its memory, and what to do when a remembered one is gone.

import { $, element, keyed, setOpen, text, say } from './dom.js';
import { explain, t } from './i18n.js';
import { watchMicrophone } from './live.js';
import { state, update } from './state.js';

const STORED = 'omnigate.devices';

const KINDS = {
  audioinput: { select: 'microphone-choice', fallback: 'microphoneNumber', set: 'setAudioInput' },
  audiooutput: { select: 'loudspeaker-choice', fallback: 'loudspeakerNumber', set: 'setAudioOutput' },
  videoinput: { select: 'camera-choice', fallback: 'cameraNumber', set: 'setVideoDevice' },
};

const canChooseLoudspeaker = 'setSinkId' in HTMLMediaElement.prototype;

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
    await state.omnitalk[KINDS[kind].set](undefined);
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
  const { set } = KINDS[kind];
  const before = chosen[kind];
  devices.problem = null;
  try {
    await omnitalk[set](deviceId);
    choose(kind, deviceId);
    if (kind === 'audioinput' && state.live) watchMicrophone();
  } catch (error) {
    devices.problem = error.code === undefined ? ['errorLoudspeaker'] : explain(error);
    await omnitalk[set](before || undefined).catch(() => {}); // what worked until now
  }
  update();
}

export function renderDevices({ devices }) {
  if (devices) {
    for (const [kind, { select, fallback }] of Object.entries(KINDS)) renderChoice(kind, $(select), fallback, devices.list);
    $('loudspeaker-part').hidden = !canChooseLoudspeaker;
    $('devices-error').hidden = !devices.problem;
    text($('devices-error'), devices.problem ? say(devices.problem) : '');
  }
  setOpen($('devices'), Boolean(devices));
}

function renderChoice(kind, select, fallback, list) {
  const found = (list?.[kind] ?? []).map((one, index) => ({ ...one, number: index + 1 }));
  const shown = found.length ? found : [{ deviceId: '', label: list ? t('deviceNone') : t('devicesLoading'), number: 0 }];
  keyed(select, shown, (one) => one.deviceId, () => element('option'), (option, one) => {
    option.value = one.deviceId;
    text(option, one.label || t(fallback, { number: one.number }));
  });
  select.disabled = !found.length;
  const inUse = usedNow(kind) ?? chosen[kind];
  const wanted = shown.some((one) => one.deviceId === inUse) ? inUse : shown[0].deviceId;
  if (select.value !== wanted) select.value = wanted;
}

/** The device that is open, where one is. */
function usedNow(kind) {
  const stream = { audioinput: state.omnitalk?.localStream, videoinput: state.omnitalk?.cameraStream }[kind];
  return stream?.getTracks()[0]?.getSettings().deviceId;
}

export const KIND_OF_SELECT = Object.fromEntries(Object.entries(KINDS).map(([kind, { select }]) => [select, kind]));
