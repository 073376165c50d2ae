// The chat of a room: lines to all, whispers to one, and who comes and goes. In a call of two, lines alone.

import { focusOn, state, update } from './state.js';
import { explain } from './words/faults.js';
import { nameOf } from './words/names.js';

const LINES_AT_MOST = 500;
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

/** Sends a line; whether it is out. */
export async function sendLine(message) {
  const { live, omnitalk } = state;
  if (!live || live.chat.sending || !message) return false;
  const { chat } = live;
  const { to } = chat;
  let isOut = false;
  chat.problem = to?.isGone ? ['errorRecipientGone'] : null;
  if (!chat.problem) {
    chat.sending = true;
    try {
      await (to ? omnitalk.sendWhisper(message, to.session) : omnitalk.sendMessage(message));
      // The server does not send own lines back.
      add(live, { kind: to ? 'whisper' : 'send', own: true, who: to?.name, text: message });
      isOut = true;
    } catch (error) {
      chat.problem = error.code === 'closed' ? null : explain(error);
    }
    chat.sending = false;
  }
  if (state.live === live) update();
  return isOut;
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
  focusOn('#message');
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
  focusOn(live.panel === 'chat' ? '#message' : '#call-chat');
}

/** What is on the screen is read. */
export function seen() {
  const { live } = state;
  if (live && isSeen(live)) live.chat.unread = 0;
}
