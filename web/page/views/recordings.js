// From the state to the part of the document that shows recordings.

import { fileAddress, hasToken } from '../archive.js';
import { chosenOf, playable } from '../player.js';
import { language, t } from '../words/i18n.js';
import { clock, nameOf, say } from '../words/names.js';
import { $, button, element, keyed, setOpen, text } from './dom.js';
import { drawWave, renderPlayer } from './player.js';

const STATES = {
  recording: 'stateRecording',
  paused: 'statePaused',
  finishing: 'stateFinishing',
  finished: 'stateFinished',
  failed: 'stateFailed',
};
const isSettled = ({ state }) => state === 'finished' || state === 'failed';
const TYPES = {
  audioroom: 'typeAudioLong',
  videoroom: 'typeVideoLong',
  webinar: 'typeWebinarLong',
  audiocall: 'typeAudioCall',
  videocall: 'typeVideoCall',
  sipcall: 'typePhoneCall',
};
const ENDS = {
  stop: 'endStop',
  leave: 'endLeave',
  disconnect: 'endDisconnect',
  kickout: 'endKickout',
  room_closed: 'endRoomClosed',
  crash: 'endCrash',
  disk_full: 'endDiskFull',
};
const MICROSECOND = 1e-6;

export function renderRecordings(state) {
  const { archive } = state;
  const isShown = state.screen === 'recordings';
  setOpen($('delete-dialog'), isShown && Boolean(archive.deleting) && !state.incoming);
  if (!isShown) return;
  $('recordings-view').dataset.open = String(Boolean(archive.open));
  $('token-form').hidden = !archive.needsToken;
  $('token-wrong').hidden = !archive.isTokenWrong;
  $('recordings-part').hidden = archive.needsToken;
  $('recordings-problem').hidden = !archive.problem;
  text($('recordings-problem'), archive.problem ? `${t('recordingsFailed')} ${say(archive.problem)}` : '');
  $('recordings-loading').hidden = archive.list !== null || Boolean(archive.problem);
  $('recordings-empty').hidden = archive.list?.length !== 0;
  $('recordings-more').hidden = !archive.hasMore;
  keyed($('recordings'), archive.list ?? [], (one) => one.recording_id, newRow, (row, one) => fillRow(row, one, state));
  $('recording').hidden = !archive.open;
  $('recording-part').hidden = !archive.one;
  $('recording-loading').hidden = Boolean(archive.one);
  if (archive.one) renderOne(archive.one, state);
}

// -- list -------------------------------------------------------------------------------------------------------------

const startedBy = (one) => nameOf(one.user_name || one.user_id);

/** A call by its two sides, a room by its name as long as it is known: the recording has only its id. */
function titleOf(one, { rooms }) {
  if (one.caller) return `${nameOf(one.caller)} → ${nameOf(one.callee)}`;
  const room = rooms?.find((known) => known.room_id === one.room_id);
  return room?.subject || t('unnamedRoom', { id: one.room_id.slice(0, 6) });
}

function when(seconds) {
  return new Date(seconds * 1000).toLocaleString(language(), { dateStyle: 'medium', timeStyle: 'short' });
}

/** Nothing while it is finished: only the files tell. */
function lengthOf(one) {
  if (one.state === 'finishing' || one.state === 'failed') return '';
  return clock(Math.max(0, Math.round(one.duration ?? Date.now() / 1000 - one.started_at)));
}

function newRow() {
  const row = element('li');
  const open = button('recording-row', 'recording-row');
  const head = element('span', 'row-head');
  head.append(element('span', 'name'), element('span', 'type'), element('span', 'state'));
  open.append(head, element('span', 'detail'), element('span', 'detail'));
  row.append(open);
  return row;
}

function fillRow(row, one, state) {
  const open = row.firstElementChild;
  open.dataset.recording = one.recording_id;
  open.setAttribute('aria-current', String(state.archive.open === one.recording_id));
  text(row.querySelector('.name'), titleOf(one, state));
  text(row.querySelector('.type'), t(TYPES[one.room_type]));
  renderState(row.querySelector('.state'), one);
  const [about, end] = row.querySelectorAll('.detail');
  text(about, [when(one.started_at), lengthOf(one)].filter(Boolean).join(' · '));
  const by = one.by_policy ? t('byPolicy') : t('startedByWhom', { who: startedBy(one) });
  text(end, [by, one.end_reason && t(ENDS[one.end_reason])].filter(Boolean).join(' · '));
}

function renderState(node, one) {
  node.dataset.state = one.state;
  text(node, t(STATES[one.state]));
}

// -- one --------------------------------------------------------------------------------------------------------------

let drawn = null; // whose waveform is in the document

function renderOne(one, state) {
  text($('recording-title'), titleOf(one, state));
  renderState($('recording-state'), one);
  const facts = [
    ['factWhen', when(one.started_at)],
    lengthOf(one) && ['factLength', lengthOf(one)],
    ['factBy', one.by_policy ? t('byPolicy') : startedBy(one)],
    ['factType', t(TYPES[one.room_type])],
    one.end_reason && ['factEnd', t(ENDS[one.end_reason])],
  ].filter(Boolean);
  keyed($('recording-facts'), facts, ([key]) => key, newFact, fillFact);
  keyed($('recording-people'), one.participants, (who) => who.participant, () => element('li'), (row, who) => {
    const name = nameOf(who.user_name || who.user_id);
    text(row, who.telephone ? `${name} (${t('phone')})` : name);
  });
  renderSound(one, state);
  keyed($('recording-files'), one.files, (file) => file.name, newFile, (row, file) => fillFile(row, file, one));
  $('recording-files-part').hidden = one.files.length === 0;
  $('delete').hidden = !isSettled(one);
  if (state.archive.deleting) text($('delete-title'), t('deleteQuestion', { what: titleOf(one, state) }));
}

function newFact() {
  const fact = element('div');
  fact.append(element('dt'), element('dd'));
  return fact;
}

function fillFact(fact, [key, value]) {
  text(fact.firstElementChild, t(key));
  text(fact.lastElementChild, value);
}

/** Whose voices are in a file. */
function contentOf(file, one) {
  if (file.content === 'sides') return t('contentSides');
  if (file.content === 'mix') return t('contentMix');
  const who = one.participants.find(({ participant }) => participant === file.participant);
  return nameOf(who?.user_name || who?.user_id);
}

function renderSound(one, { archive }) {
  const files = playable(one);
  $('sound-none').hidden = files.length > 0;
  text($('sound-none'), t(isSettled(one) ? 'soundNone' : one.state === 'finishing' ? 'soundFinishing' : 'soundLater'));
  $('sound').hidden = files.length === 0;
  if (!files.length) return;
  const file = chosenOf(files, archive);
  $('sound-choice-part').hidden = files.length === 1;
  keyed($('sound-choice'), files, ({ name }) => name, () => element('option'), (option, each) => {
    option.value = each.name;
    text(option, contentOf(each, one));
  });
  if ($('sound-choice').value !== file.name) $('sound-choice').value = file.name;
  if (drawn !== one) drawWave(one.peaks ?? []);
  drawn = one;
  renderSpans(one, file);
  renderPlayer();
}

/** When nothing was captured, and of whom. */
function spansOf(one, file) {
  const { timeline } = one;
  if (!timeline) return [];
  const spans = timeline.paused.map((span) => ({ kind: 'paused', span }));
  for (const { participant, user_name: name, user_id: id } of one.participants) {
    const told = timeline.members[participant];
    if (!told || (file.participant && file.participant !== participant)) continue;
    const who = nameOf(name || id);
    spans.push(...told.muted.map((span) => ({ kind: 'muted', who, span })), ...told.held.map((span) => ({ kind: 'held', who, span })));
  }
  return spans.map(({ kind, who, span: [from, to] }) => ({
    kind,
    who,
    from: Math.min(from * MICROSECOND, file.duration),
    to: Math.min(to * MICROSECOND, file.duration),
  }));
}

function renderSpans(one, file) {
  const spans = spansOf(one, file).filter(({ from, to }) => to > from);
  const key = ({ kind, who, from }) => `${kind} ${who ?? ''} ${from}`;
  keyed($('wave-spans'), spans, key, () => document.createElementNS('http://www.w3.org/2000/svg', 'rect'), (rect, { kind, from, to }) => {
    const isWhole = kind === 'paused';
    rect.dataset.kind = kind;
    const at = { x: from / file.duration, width: (to - from) / file.duration, y: isWhole ? 0 : 0.94, height: isWhole ? 1 : 0.06 };
    for (const [name, value] of Object.entries(at)) rect.setAttribute(name, String(value));
  });
  $('sound-spans').hidden = spans.length === 0;
  keyed($('sound-spans'), spans, key, () => element('li'), (row, { kind, who, from, to }) => {
    row.dataset.kind = kind;
    const span = `${clock(Math.floor(from))}–${clock(Math.ceil(to))}`;
    text(row, t({ paused: 'spanPaused', muted: 'spanMuted', held: 'spanHeld' }[kind], { who, span }));
  });
}

// -- files ------------------------------------------------------------------------------------------------------------

function newFile() {
  const row = element('li');
  const about = element('div', 'grow');
  about.append(element('span', 'name'), element('span', 'detail'));
  const link = element('a', 'as-button small');
  link.dataset.testid = 'download';
  row.append(about, link);
  return row;
}

function sizeOf({ size }) {
  const [value, unit, digits] = size < 1e6 ? [size / 1e3, 'kB', 0] : [size / 1e6, 'MB', 1];
  return `${value.toLocaleString(language(), { maximumFractionDigits: digits })} ${unit}`;
}

function fillFile(row, file, one) {
  const content = contentOf(file, one);
  const link = row.lastElementChild;
  text(row.querySelector('.name'), content);
  text(row.querySelector('.detail'), [file.format.toUpperCase(), `${file.sample_rate / 1000} kHz`, sizeOf(file)].join(' · '));
  link.href = fileAddress(one.recording_id, file.name);
  link.download = `${one.recording_id}-${file.name}`;
  // Links send no token: with one, the page fetches the file itself.
  if (hasToken()) link.dataset.name = file.name;
  else delete link.dataset.name;
  text(link, t('download'));
  link.setAttribute('aria-label', t('downloadWhat', { what: `${content}, ${file.format.toUpperCase()}` }));
}
