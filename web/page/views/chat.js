// The lines of the chat, and the form below them.

import { language, t } from '../words/i18n.js';
import { nameOf, say } from '../words/names.js';
import { $, element, keyed, text } from './dom.js';

const NEAR_END_PX = 60;

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
