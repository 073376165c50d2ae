// The tiles that show cameras and screens.

import { t } from '../words/i18n.js';
import { nameOf } from '../words/names.js';
import { $, element, keyed, text } from './dom.js';

export const canShareScreens = () => Boolean(navigator.mediaDevices?.getDisplayMedia);

export function renderStage({ live, omnitalk }) {
  const stage = $('stage');
  stage.hidden = !live.hasVideo;
  $('stage-empty').hidden = !live.hasVideo || live.tiles.size > 0;
  text($('stage-empty'), t(live.kind === 'call' ? 'stageEmptyCall' : 'stageEmpty'));
  const order = (tile) => (tile.screen ? 0 : tile.own ? 2 : 1);
  const tiles = live.hasVideo ? [...live.tiles.values()].sort((one, other) => order(one) - order(other)) : [];
  stage.dataset.screen = String(tiles.some((tile) => tile.screen));
  stage.dataset.tiles = String(tiles.length);
  keyed(stage, tiles, (tile) => tile.session, newTile, (node, tile) => fillTile(node, tile, live, omnitalk));
}

function newTile() {
  const node = element('li', 'tile');
  const video = element('video');
  video.autoplay = true;
  video.playsInline = true;
  video.muted = true; // sound comes from elsewhere, and only silent video starts by itself
  const away = element('span', 'away');
  away.setAttribute('aria-hidden', 'true');
  const about = element('p', 'about');
  about.append(element('span', 'name'), element('span', 'mark'));
  node.append(video, away, about);
  node.dataset.testid = 'tile';
  return node;
}

function streamOf(tile, omnitalk) {
  if (!tile.own) return tile.stream;
  return tile.screen ? omnitalk?.screenStream : omnitalk?.cameraStream;
}

function fillTile(node, tile, live, omnitalk) {
  const name = tile.own ? t('youAlone') : nameOf(tile.name);
  const audioMuted = !tile.screen && (tile.own ? live.muted : tile.audioMuted);
  const videoMuted = !tile.screen && (tile.own ? live.camera === 'off' : tile.videoMuted);
  node.dataset.kind = tile.screen ? 'screen' : 'camera';
  node.dataset.own = String(Boolean(tile.own));
  node.dataset.off = String(videoMuted);
  node.dataset.muted = String(audioMuted);
  const video = node.querySelector('video');
  const stream = streamOf(tile, omnitalk) ?? null;
  if (video.srcObject !== stream) video.srcObject = stream;
  video.setAttribute('aria-label', tile.screen ? t('screenOf', { who: name }) : t('cameraOf', { who: name }));
  text(node.querySelector('.away'), [...name][0]?.toUpperCase() ?? '');
  text(node.querySelector('.name'), tile.screen ? t('screenOf', { who: name }) : name);
  const marks = [audioMuted && t('muted'), videoMuted && t('cameraIsOff')].filter(Boolean);
  text(node.querySelector('.mark'), marks.join(', '));
}
