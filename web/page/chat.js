// The chat of a room: lines to all, whispers to one, and who comes and goes. In a call of two, lines alone.

import { $, element, keyed, nameOf, say, text } from './dom.js';
import { explain, language, t } from './i18n.js';
import { state, update } from './state.js';

const LINES_AT_MOST = 500;
const NEAR_END_PX = 60;
const narrow = matchMedia('(max-width: 60rem)'); // as in page.css: there, chat and people take turns

export const newChat = () => ({
  lines: [], // {id, kind: 'send' | 'whisper' | 'join' | 'leave', own, who, text, at}
  next: 0,
  to: null, // {session, name} of a whisper; null: everybody
  unread: 0,
  problem: null,
  sending: false,
});

const isShown = (live) => live.panel === 'chat' || (live.kind === 'room' && !narrow.matches);
const isSeen = (live) => isShown(live) && !document.hidden;

/** Telephones have no chat, and before the other one is there nobody would read it. */
export const canChat = (live) => live.kind === 'room' || (live.callType !== 'sipcall' && live.connectedAt !== null);

function add(live, line) {
  const { chat } = live;
  chat.next += 1;
  chat.lines.push({ id: String(chat.next), at: Date.now(), ...line });
  if (chat.lines.length > LINES_AT_MOST) chat.lines.shift();
}

/** MESSAGE_EVENT; what it says is in `live.lastMove` too, for those who listen to the page. */
export function heard({ action, session, user_id: userId, user_name: userName, message, timestamp }) {
  const { live } = state;
  const isCall = live?.kind === 'call';
  if (!live || (isCall && message === undefined)) return; // who is in a call is known
  const who = isCall ? live.other : userName || userId;
  add(live, { kind: action, who, text: message, at: timestamp ? timestamp * 1000 : Date.now() });
  if (action === 'send' || action === 'whisper') {
    if (!isSeen(live)) live.chat.unread += 1;
    live.lastMove = [action === 'send' ? 'messageFrom' : 'whisperFrom', { who: () => nameOf(who), message }];
  } else if (action === 'leave' && live.chat.to?.session === session) {
    live.chat.to.isGone = true; // what is meant for one must not go to all
  }
  update();
}

export async function sendLine() {
  const { live, omnitalk } = state;
  const field = $('message');
  const message = field.value.trim();
  if (!live || live.chat.sending || !message) return;
  const { chat } = live;
  const { to } = chat;
  chat.problem = to?.isGone ? ['errorRecipientGone'] : null;
  if (!chat.problem) {
    chat.sending = true;
    try {
      await (to ? omnitalk.sendWhisper(message, to.session) : omnitalk.sendMessage(message));
      // The server does not send own lines back.
      add(live, { kind: to ? 'whisper' : 'send', own: true, who: to?.name, text: message });
      if (field.value.trim() === message) field.value = '';
    } catch (error) {
      chat.problem = error.code === 'closed' ? null : explain(error);
    }
    chat.sending = false;
  }
  if (state.live === live) update();
  field.focus();
}

/** Chooses whom the next line is for: a session, or '' for everybody. */
export function writeTo(session) {
  const { live } = state;
  if (!live) return;
  const who = live.participants.find((one) => one.session === session);
  if (!session) live.chat.to = null;
  else if (who) live.chat.to = { session, name: who.user_name || who.user_id, isGone: false };
  live.chat.problem = null;
  update();
}

export function whisperTo(session) {
  writeTo(session);
  showPanel('chat');
  $('message').focus();
}

export function showPanel(panel) {
  if (!state.live) return;
  state.live.panel = panel;
  seen();
  update();
}

/** Shows the chat of a call, or hides it again. */
export function toggleCallChat() {
  const { live } = state;
  if (!live) return;
  showPanel(live.panel === 'chat' ? 'people' : 'chat');
  $(live.panel === 'chat' ? 'message' : 'call-chat').focus();
}

/** What is on the screen is read. */
export function seen() {
  const { live } = state;
  if (live && isSeen(live)) live.chat.unread = 0;
}

// -- to the document --------------------------------------------------------------------------------------------------

export function renderChat(live) {
  const { chat } = live;
  const list = $('chat-lines');
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END_PX;
  const before = list.lastElementChild;
  keyed(list, chat.lines, (line) => line.id, newLine, fillLine);
  if (list.lastElementChild !== before && (isAtEnd || chat.lines.at(-1)?.own)) list.scrollTop = list.scrollHeight;
  $('chat-empty').hidden = chat.lines.length > 0;
  $('to').hidden = live.kind === 'call';
  renderRecipients(live);
  const toAll = t(live.kind === 'call' ? 'message' : 'messagePlaceholder');
  $('message').placeholder = chat.to ? t('whisperPlaceholder', { who: nameOf(chat.to.name) }) : toAll;
  $('chat-form').dataset.whisper = String(Boolean(chat.to));
  $('chat-error').hidden = !chat.problem;
  text($('chat-error'), chat.problem ? say(chat.problem) : '');
}

function renderRecipients({ chat, participants }) {
  const select = $('recipient');
  // Telephones have no chat.
  const people = participants.filter((one) => one.call_type !== 'sipcall').map(({ session, user_name, user_id }) => ({ session, name: user_name || user_id }));
  const choices = [{ session: '', name: null }, ...people];
  if (chat.to && !people.some((one) => one.session === chat.to.session)) choices.push(chat.to);
  keyed(select, choices, (one) => one.session, () => element('option'), (option, one) => {
    option.value = one.session;
    const name = one.name === null ? t('everybody') : nameOf(one.name);
    text(option, one.isGone ? t('hasLeft', { who: name }) : name);
  });
  const chosen = chat.to?.session ?? '';
  if (select.value !== chosen) select.value = chosen;
}

function newLine() {
  const row = element('li');
  const head = element('p', 'line-head');
  head.append(element('span', 'who'), element('time'));
  row.append(head, element('p', 'line-text'));
  return row;
}

function fillLine(row, { kind, own, who, text: words, at }) {
  const isWords = kind === 'send' || kind === 'whisper';
  row.dataset.kind = kind;
  row.dataset.own = String(Boolean(own));
  const name = nameOf(who);
  const heads = own
    ? { send: () => t('youAlone'), whisper: () => t('youWhisperedTo', { who: name }) }
    : { send: () => name, whisper: () => t('whisperedToYou', { who: name }) };
  text(row.querySelector('.who'), isWords ? heads[kind]() : '');
  text(row.querySelector('time'), new Date(at).toLocaleTimeString(language(), { hour: 'numeric', minute: '2-digit' }));
  const moves = { join: 'entered', leave: 'left' };
  text(row.querySelector('.line-text'), isWords ? words : t(moves[kind] ?? 'entered', { who: name }));
}
