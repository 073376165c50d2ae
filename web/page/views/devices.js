// The dialog of devices.

import { canChooseLoudspeaker, inUse } from '../devices.js';
import { t } from '../words/i18n.js';
import { say } from '../words/names.js';
import { $, element, keyed, setOpen, text } from './dom.js';

const CHOICES = {
  audioinput: { select: 'microphone-choice', fallback: 'microphoneNumber' },
  audiooutput: { select: 'loudspeaker-choice', fallback: 'loudspeakerNumber' },
  videoinput: { select: 'camera-choice', fallback: 'cameraNumber' },
};

export const KIND_OF_SELECT = Object.fromEntries(Object.entries(CHOICES).map(([kind, { select }]) => [select, kind]));

export function renderDevices({ devices }) {
  if (devices) {
    for (const [kind, { select, fallback }] of Object.entries(CHOICES)) renderChoice(kind, $(select), fallback, devices.list);
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
  const used = inUse(kind);
  const wanted = shown.some((one) => one.deviceId === used) ? used : shown[0].deviceId;
  if (select.value !== wanted) select.value = wanted;
}
